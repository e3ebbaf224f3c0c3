"""The clinic's page of support: consent for some hours, ended at any time, and reports seen before they go."""

import time

import pytest

from appliance.wiring import Box
from appliance.wiring.agent import build_memory
from provisioning.protocol.diagnostics import Report, packed
from tests.unit.test_webui import CLINIC, PASSWORD, _app, _post


@pytest.fixture
def clinic(box: Box):
    """The administrator, whose password was just asked for."""
    box.first_run.set_up(**CLINIC)
    with _app(box, "box").test_client() as client:
        assert _post(client, "/login", "/login", name="Ann", password=PASSWORD).status_code == 302
        with client.session_transaction() as session:
            session["again"] = time.time()
        yield client


def test_settings_lead_to_the_page_and_consent_begins_and_ends(box: Box, clinic) -> None:
    """Both are in the trail."""
    assert "/support" in clinic.get("/settings").text
    assert _post(clinic, "/support", "/support/consent", hours="2").status_code == 302
    assert "Support may help until" in clinic.get("/support").text
    assert build_memory(box).consent() is not None
    assert _post(clinic, "/support", "/support/end").status_code == 302
    assert build_memory(box).consent() is None
    kinds = [entry.kind for entry in box.trail.after(0, limit=100)]
    assert {"support-began", "support-ended"} <= set(kinds)


@pytest.mark.parametrize("hours", ["0", "25", "x"])
def test_consent_is_for_a_day_at_most(box: Box, clinic, hours: str) -> None:
    """Whatever the form says."""
    assert _post(clinic, "/support", "/support/consent", hours=hours).status_code == 400
    assert build_memory(box).consent() is None


def test_a_report_is_shown_to_the_byte_and_goes_only_when_released(box: Box, clinic) -> None:
    """The file is what would travel."""
    content = packed(Report("2026", "1.0", "3.11", 1, 2, 3, 0.5, None, [], {"ae_title": "BUCKY"}, []))
    number = build_memory(box).lay_ready(content)
    assert "BUCKY" in clinic.get(f"/support/report/{number}").text
    assert clinic.get(f"/support/report/{number}/bytes").data == content
    assert build_memory(box).reports()[0].decision is None
    assert (
        _post(clinic, f"/support/report/{number}", f"/support/report/{number}", decision="release").status_code == 302
    )
    assert build_memory(box).reports()[0].decision == "released"
