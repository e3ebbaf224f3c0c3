"""The clinic's pages over real services: exams of people, a study that is deleted, the way to the page."""

import re

from flask import Flask
from flask.testing import FlaskClient

from appliance.archive.blobs import Provenance
from appliance.archive.part10 import take_dataset
from appliance.audit.trail import Search
from appliance.clock import stamp
from appliance.wiring import Box
from tests.box import PASSWORD
from tests.conftest import SENTINEL
from tests.pictures import small_study
from tests.unit.test_webui import CLINIC, _app, _post, clinic

__all__ = ["clinic"]


def _logged_in(app: Flask) -> FlaskClient:
    client = app.test_client()
    _post(client, "/login", "/login", name="Ann", password=PASSWORD)
    return client


def test_an_exam_of_a_person_asks_for_no_owner_and_no_species(box: Box) -> None:
    """A practice for people has its own exams and a patient; age and weight go to the unit as DICOM writes them."""
    box.first_run.set_up(**(CLINIC | {"kind": "human"}))
    client = _logged_in(_app(box, "box"))
    page = client.get("/exams").text
    assert 'name="patient"' in page
    assert "Chest PA + lateral" in page
    form = page.split('action="/exams"')[1].split("</form>")[0]
    assert not re.findall(r'name="(owner|species|breed|neutered)"', form)
    assert "Thorax 3 views" not in form
    told = {"patient": "Jordan, Sam", "sex": "F", "age": "41", "age_unit": "years", "weight_kg": "68,5"}
    assert _post(client, "/exams", "/exams", protocol="Chest PA + lateral", **told).status_code == 302
    (exam,) = box.worklist.open()
    assert (exam.patient_name, exam.patient_age, exam.patient_weight) == ("Jordan^Sam", "041Y", "68.5")
    assert (exam.responsible_person, exam.patient_species_description) == (None, None)


def test_a_study_is_deleted_with_password_and_reason_and_can_be_had_back(clinic: FlaskClient, box: Box) -> None:
    """It leaves the lists at once; the record names who, and the files wait out the grace period."""
    for ds in small_study():
        take_dataset(box.intake, ds, Provenance("local", "DX", "", stamp()))
    with clinic.session_transaction() as session:
        session["again"] = 0.0
    assert _post(clinic, "/me", "/studies/1/delete", reason="test exposure").status_code == 401
    assert SENTINEL in clinic.get("/").text
    again = {"password_again": PASSWORD}
    assert _post(clinic, "/me", "/studies/1/delete", reason="", **again).status_code == 400
    assert SENTINEL in clinic.get("/").text
    assert _post(clinic, "/me", "/studies/1/delete", reason="test exposure", **again).status_code == 302
    assert SENTINEL not in clinic.get("/").text
    assert clinic.get("/studies/1").status_code == 404
    assert SENTINEL in clinic.get("/removed").text
    event = next(entry for entry in box.trail.search(Search(kind="deleted")) if entry.actor.name == "Ann")
    assert "test exposure" in event.detail.values()
    assert _post(clinic, "/removed", "/removed/1/undo").status_code == 302
    assert SENTINEL in clinic.get("/").text


def test_the_page_is_reached_by_address_and_by_qr_code(clinic: FlaskClient) -> None:
    """Both stand on the page of the network; the code is a picture of the address."""
    page = clinic.get("/network").text
    assert "http://127.0.0.1:8080/" in page
    picture = clinic.get("/address.svg")
    assert picture.content_type == "image/svg+xml"
    assert picture.text.startswith("<svg")


def test_passwords_are_kept_by_argon2id(clinic: FlaskClient, box: Box) -> None:
    """And never as they are."""
    kept = [row["password_hash"] for row in box.database.read.query("SELECT password_hash FROM account")]
    assert kept
    assert all(text.startswith("$argon2id$") and PASSWORD not in text for text in kept)
