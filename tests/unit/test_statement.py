"""Prices before a case is sent, and the month's statement as a page and as a table."""

import csv
import io

import pytest
from flask.testing import FlaskClient

from appliance.archive.blobs import Provenance
from appliance.archive.part10 import take_dataset
from appliance.clock import stamp
from appliance.wiring import Box
from tests.pictures import small_study
from tests.unit.test_cases import TOLD
from tests.unit.test_webui import _post, clinic

__all__ = ["clinic"]
AMOUNTS = {"routine": "45", "urgent": "60,50", "STAT": "90.00"}


@pytest.fixture
def study_id(box: Box, clinic: FlaskClient) -> int:
    """A dog whose owner looks like a formula, at a clinic whose reader has prices and a subscription."""
    box.destinations.add("Far Reader", "http://127.0.0.1:9/dicom-web")
    for ds in small_study():
        ds.PatientName, ds.PatientID = "=cmd^Rex", "+1"
        received = take_dataset(box.intake, ds, Provenance("local", "test", "", stamp()))
    form = {"currency": "eur", "monthly": "100", "included": "1", "since": "2026-01", **AMOUNTS}
    assert _post(clinic, "/settings/prices", "/settings/prices/1", **form).status_code == 302
    return box.catalogue.instance(received.instance_id).study_id


def _released(box: Box, study_id: int, urgency: str) -> None:
    case = box.casebook.draft(study_id, "Ann", 1)
    box.casebook.save(case.id, TOLD, urgency, 1)  # type: ignore[arg-type]  # it is one of them
    box.requests.release(case.id, "Ann")


def test_the_form_of_a_case_tells_its_price_before_it_is_sent(box: Box, study_id: int, clinic: FlaskClient) -> None:
    """First what the subscription pays, then what the list says, for each urgency."""
    case = box.casebook.draft(study_id, "Ann", 1)
    assert "EUR 0.00 (subscription, report 1 of 1 this month)" in clinic.get(f"/requests/{case.id}").text
    box.casebook.save(case.id, TOLD, "routine", 1)
    box.requests.release(case.id, "Ann")
    second = box.casebook.draft(study_id, "Ann", 1)
    page = clinic.get(f"/requests/{second.id}").text
    assert "EUR 45.00 (routine, per report)" in page
    assert "EUR 60.50 (urgent, per report)" in page


def test_the_statement_is_a_page_and_a_table_without_formulas(box: Box, study_id: int, clinic: FlaskClient) -> None:
    """Each case with its price; the sum with the subscription; a later month has it alone, one before nothing."""
    _released(box, study_id, "routine")
    _released(box, study_id, "urgent")
    page = clinic.get("/statement").text
    assert "EUR 160.50" in page
    assert "with the subscription, EUR 100.00" in page
    answer = clinic.get("/statement.csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["reader"], row["urgency"], row["currency"], row["price"]) for row in rows] == [
        ("Far Reader", "routine", "EUR", "0.00"),
        ("Far Reader", "urgent", "EUR", "60.50"),
    ]
    assert {(row["patient"], row["patient_id"]) for row in rows} == {("'=cmd^Rex", "'+1")}
    assert "EUR 100.00" in clinic.get("/statement?month=2026-02").text
    assert "EUR" not in clinic.get("/statement?month=2025-12").text
    assert 'name="since" type="month" value="2026-01"' in clinic.get("/settings/prices").text
    assert clinic.get("/statement?month=soon").status_code == 400
