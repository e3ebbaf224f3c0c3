"""What a reader service's people set up and look at: figures for billing, letterhead, text blocks."""

import csv
import io
from collections.abc import Callable

from flask import Flask
from pypdfium2 import PdfDocument

from appliance.clock import stamp
from appliance.wiring import Box
from appliance.wiring.reader import ReaderService
from tests.box import PASSWORD
from tests.unit.test_worklist_service import Clinic, _ask, _log_in, _post, app, clinic

__all__ = ["app", "clinic"]
CASE = "/clinics/1/cases/1"
HOURS = {"STAT": "1", "urgent": "4", "routine": "24"}


def test_reports_are_counted_for_each_clinic_and_month(app: Flask, clinic: Callable[[str], Clinic], box: Box) -> None:
    """As a page and as a table; what a clinic only asked for is not billed."""
    _ask(clinic("Paw"), "urgent")
    _ask(clinic("Claw"), "routine", "1.2.826.0.1.2")
    client = app.test_client()
    _log_in(client)
    _post(client, CASE, f"{CASE}/claim")
    form = {"findings": "Clear.", "impression": "Normal.", "status": "final", "password": PASSWORD}
    assert _post(client, CASE, f"{CASE}/sign", **form).status_code == 302
    month = stamp()[:7]
    rows = list(csv.DictReader(io.StringIO(client.get("/figures.csv").text)))
    counted = {row["clinic"]: (row["reports"], row["STAT"], row["urgent"], row["routine"], row["late"]) for row in rows}
    assert counted == {"Paw": ("1", "0", "1", "0", "0"), "Claw": ("0", "0", "0", "0", "0")}
    assert {row["month"] for row in rows} == {month}
    assert "Claw" in client.get(f"/figures?month={month}").text
    before = list(csv.DictReader(io.StringIO(client.get("/figures.csv?month=2020-01").text)))
    assert {row["reports"] for row in before} == {"0"}
    assert client.get("/figures.csv?month=2020").status_code == 400


def test_the_table_opens_in_a_german_spreadsheet(app: Flask, clinic: Callable[[str], Clinic]) -> None:
    """Its headings; the English one is for programs."""
    _ask(clinic("Paw"))
    client = app.test_client()
    _log_in(client)
    _post(client, CASE, f"{CASE}/claim")
    form = {"findings": "Clear.", "impression": "Normal.", "status": "final", "password": PASSWORD}
    assert _post(client, CASE, f"{CASE}/sign", **form).status_code == 302
    (plain,) = csv.DictReader(io.StringIO(client.get("/figures.csv").text))
    assert (plain["clinic"], plain["reports"]) == ("Paw", "1")
    told = client.get("/figures.csv", headers={"Accept-Language": "de"}).text
    assert told.startswith("\ufeff")
    (row,) = csv.DictReader(io.StringIO(told[1:]), delimiter=";")
    assert (row["Praxis"], row["Befunde"], row["normal"], row["verspätet"]) == ("Paw", "1", "1", "0")
    assert "Median in Stunden" in row


def test_the_practices_header_and_language_stand_on_the_report(
    app: Flask, clinic: Callable[[str], Clinic], box: Box
) -> None:
    """Set once by the administrator; hours that are none are refused."""
    _ask(clinic("Paw"))
    client = app.test_client()
    _log_in(client)
    wrong = _post(client, "/clinics", "/clinics", **{**HOURS, "STAT": "soon"}, letterhead="", language="de")
    assert wrong.status_code == 400
    letterhead = "Hauptstraße 1\n12345 Neustadt"
    saved = _post(client, "/clinics", "/clinics", **HOURS, letterhead=letterhead, language="de")
    assert saved.status_code == 302
    _post(client, CASE, f"{CASE}/claim")
    form = {"findings": "Frei.", "impression": "Unauffällig.", "status": "final", "password": PASSWORD}
    assert _post(client, CASE, f"{CASE}/sign", **form).status_code == 302
    archive = ReaderService(box).box(1)
    (pdf,) = [i for i in archive.catalogue.line(archive.catalogue.study(1)).reports if i.report_kind == "PDF"]
    shown = PdfDocument(archive.desk.document(pdf))[0].get_textpage().get_text_range()
    for words in ("Far Readers", "Hauptstraße 1", "12345 Neustadt", "Radiologischer Befund", "Unauffällig."):
        assert words in shown


def test_text_blocks_are_made_offered_changed_and_removed(app: Flask, clinic: Callable[[str], Clinic]) -> None:
    """By their short name, beside the form of a report; an empty text removes one."""
    _ask(clinic("Paw"))
    client = app.test_client()
    _log_in(client)
    path = "/templates/blocks"
    assert _post(client, "/templates", path, name="norm", text="No abnormality <b>seen</b>.").status_code == 302
    _post(client, CASE, f"{CASE}/claim")
    assert "No abnormality &lt;b&gt;seen&lt;/b&gt;." in client.get(CASE).text
    assert _post(client, "/templates", path, name="norm", text="Nothing to report.").status_code == 302
    assert "Nothing to report." in client.get(CASE).text
    assert _post(client, "/templates", path, name="norm", text="").status_code == 302
    assert "Nothing to report." not in client.get(CASE).text
    assert _post(client, "/templates", path, name="", text="x").status_code == 400
