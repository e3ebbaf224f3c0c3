"""From unboxing to daily work: the page says what is still open, and each step can wait."""

import time
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from appliance.wiring import Box
from tests.unit.test_webui import CLINIC, PASSWORD, _app, _post


@pytest.fixture
def clinic(box: Box, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    """Set up a minute ago; the test's own time zone is put back at the end."""
    monkeypatch.setenv("TZ", "UTC")
    box.first_run.set_up(**CLINIC)
    with _app(box, "box").test_client() as client:
        _post(client, "/login", "/login", name="Ann", password=PASSWORD)
        yield client
    monkeypatch.undo()
    time.tzset()


def _open_steps(client: FlaskClient) -> str:
    page = client.get("/").text
    return page.split("Still to set up: ")[1].split(".")[0] if "Still to set up" in page else ""


def test_the_list_of_studies_reminds_of_what_is_open_until_it_is_done(clinic: FlaskClient, box: Box) -> None:
    """One by one, and only the administrator."""
    assert _open_steps(clinic) == "Time and place, X-ray unit, Reader, Recovery key, People"
    _post(clinic, "/place", "/place", zone="Europe/Berlin")
    assert time.localtime().tm_zone in ("CET", "CEST")
    box.senders.accept_title("DX1", "10.0.0.7")
    reader = box.destinations.add("Far", "http://127.0.0.1:9/dicom-web")
    assert _open_steps(clinic) == "Reader, Recovery key, People"
    box.destinations.answered(reader.id)
    box.accounts.add("Vera", "viewer", PASSWORD)
    assert _open_steps(clinic) == "Recovery key"
    box.recovery_keys.make()
    assert _open_steps(clinic) == ""
    assert clinic.get("/first-steps").text.count("Do it now") == 0


def test_reminders_can_be_switched_off(clinic: FlaskClient) -> None:
    """The page stays under the settings."""
    _post(clinic, "/first-steps", "/first-steps/hide")
    assert _open_steps(clinic) == ""
    assert "First steps" in clinic.get("/settings").text


def test_a_zone_that_does_not_exist_is_refused(clinic: FlaskClient, box: Box) -> None:
    """With an example of one that does."""
    answer = _post(clinic, "/place", "/place", zone="Mars/Base")
    assert answer.status_code == 400
    assert "Europe/Berlin" in answer.text
    assert box.database.setting("time_zone") is None


def test_others_are_not_reminded(clinic: FlaskClient, box: Box) -> None:
    """A technician sees pictures only."""
    box.accounts.add("Tim", "technician", PASSWORD)
    with _app(box, "box").test_client() as client:
        _post(client, "/login", "/login", name="Tim", password=PASSWORD)
        assert _open_steps(client) == ""
        assert client.get("/first-steps").status_code == 403
        assert "AE title" in client.get("/cheat-sheet").text
