"""The clinic binds its box on the page, by the code of the label or by a file, against the real service over TLS."""

import io
import time
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from appliance.wiring import Box
from provisioning.agent.loop import Agent
from provisioning.fleet.health import lines
from provisioning.protocol.commands import NetworkCheck
from tests.fleet import SERIAL, Service
from tests.unit.test_webui import CLINIC, PASSWORD, _app, _post

PRACTICE = "Small Animal Practice"


@pytest.fixture
def clinic(box: Box) -> Iterator[FlaskClient]:
    """The administrator, whose password was just asked for."""
    box.first_run.set_up(**CLINIC)
    with _app(box, "box").test_client() as client:
        assert _post(client, "/login", "/login", name="Ann", password=PASSWORD).status_code == 302
        with client.session_transaction() as session:
            session["again"] = time.time()
        yield client


def _claim(client: FlaskClient, code: str, name: str = PRACTICE):
    return _post(client, "/support", "/support/claim", code=code, clinic=name)


def test_the_code_of_the_label_binds_the_box_on_the_page(service: Service, box: Box, clinic: FlaskClient) -> None:
    """A wrong code and a name that is none are refused in words; the right code works, and the form is gone."""
    code = service.fleet.registry.new_label(SERIAL, who="factory")
    assert f"Serial number {SERIAL}" in clinic.get("/support").text
    wrong = _claim(clinic, "AAAA-BBBB-CCCC")
    assert wrong.status_code == 400
    assert "The setup code does not fit this box." in wrong.text
    assert _claim(clinic, code, "<b>").status_code == 400
    assert _claim(clinic, code.lower()).status_code == 302
    assert [(line.serial, line.clinic) for line in lines(service.fleet.store)] == [(SERIAL, PRACTICE)]
    page = clinic.get("/support").text
    assert f"It belongs to {PRACTICE}" in page
    assert "Setup code on the label" not in page
    assert "security-set" in [entry.kind for entry in box.trail.after(0, limit=100)]


def test_without_a_line_the_page_says_so_and_a_file_binds_the_box(
    service: Service, box: Box, clinic: FlaskClient
) -> None:
    """The file of another box, or no such file, is refused."""
    code = service.fleet.registry.new_label(SERIAL, who="factory")
    raw = service.fleet.documents.voucher(SERIAL, PRACTICE, {"ae_title": "XRAY"}, who="sue")
    service.stop()
    assert "cannot be reached" in _claim(clinic, code).text
    for content, status in ((b"no voucher", 400), (raw, 302), (raw, 400)):
        sent = _post(clinic, "/support", "/support/activate", voucher=(io.BytesIO(content), "voucher"))
        assert sent.status_code == status
    assert f"It belongs to {PRACTICE}" in clinic.get("/support").text


def test_a_box_without_a_vendor_says_so(box: Box, clinic: FlaskClient) -> None:
    """And offers nothing to bind it to."""
    (box.settings.data / "vendor" / "trust.json").unlink()
    page = clinic.get("/support").text
    assert "belongs to no vendor" in page
    assert "Setup code on the label" not in page


def test_what_support_asked_without_consent_stands_on_the_page_as_refused(
    service: Service, agent: Agent, clinic: FlaskClient
) -> None:
    """The clinic sees what was tried, too."""
    service.fleet.documents.send_command(SERIAL, NetworkCheck(), who="sue")
    agent.run_once()
    assert "refused: nobody had let support in" in clinic.get("/support").text


def test_a_box_that_the_vendor_gave_to_the_clinic_asks_for_no_code(
    service: Service, agent: Agent, clinic: FlaskClient
) -> None:
    """As after a replacement: it is told with the next heartbeat."""
    agent.run_once()
    assert "Setup code on the label" in clinic.get("/support").text
    service.fleet.registry.assign(SERIAL, PRACTICE, who="owner")
    agent.run_once()
    page = clinic.get("/support").text
    assert "It belongs to your practice" in page
    assert "Setup code on the label" not in page
