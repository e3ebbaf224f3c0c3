"""Pairing codes: once, for a day, for one clinic; guessing is slowed down and keeps nobody else out."""

import pytest

from appliance.accounts.throttle import TooManyTries
from appliance.clock import after
from appliance.errors import BadInput, WrongCredentials
from appliance.wiring import Box
from appliance.wiring.reader import build_reader_app
from tests.unit.test_webui import CLINIC, Log, facts_of


def test_a_code_serves_once_and_its_token_is_of_the_clinic(box: Box) -> None:
    """However it was typed; what is kept of it is its digest."""
    code = box.invitations.make("Paw Clinic", "rita")
    assert code not in "".join(box.database.read.conn.iterdump())
    clinic, token = box.invitations.redeem(f" {code.lower()} ", "10.0.0.7")
    found = box.tokens.verify(token)
    assert clinic == "Paw Clinic"
    assert found is not None
    assert (found.clinic, found.role) == ("Paw Clinic", "technician")
    with pytest.raises(WrongCredentials):
        box.invitations.redeem(code, "10.0.0.7")


def test_an_old_code_and_one_that_was_replaced_are_worthless(box: Box) -> None:
    """A second code for the same clinic ends the first."""
    first = box.invitations.make("Paw", "rita")
    second = box.invitations.make("Paw", "rita")
    with pytest.raises(WrongCredentials):
        box.invitations.redeem(first, "10.0.0.7")
    with box.database.write() as db:
        db.conn.execute("UPDATE invitation SET ends_at = ?", [after(-1)])
    with pytest.raises(WrongCredentials):
        box.invitations.redeem(second, "10.0.0.7")


def test_guessing_is_slowed_down_by_address(box: Box) -> None:
    """The clinic at another address still gets in."""
    code = box.invitations.make("Paw", "rita")
    for _ in range(5):
        with pytest.raises(WrongCredentials):
            box.invitations.redeem("AAAA-AAAA", "10.0.0.66")
    with pytest.raises(TooManyTries):
        box.invitations.redeem(code, "10.0.0.66")
    assert box.invitations.redeem(code, "10.0.0.7")[0] == "Paw"


def test_a_clinic_has_a_name(box: Box) -> None:
    """Or there is no code."""
    with pytest.raises(BadInput):
        box.invitations.make("<b>", "rita")


def test_the_interface_takes_the_code_and_nothing_else(box: Box) -> None:
    """Over the page of a reader service; every failure has the shape of an error."""
    box.first_run.set_up(**CLINIC)
    client = build_reader_app(box, facts_of(box, "reader"), Log("web")).test_client()
    code = box.invitations.make("Paw", "rita")
    for body in (b"", b"[]", b'{"code": 3}', b"{" * 5_000):
        answer = client.post("/api/pair.json", data=body, content_type="application/json")
        assert (answer.status_code, answer.json["code"]) == (400, "bad-input"), body[:9]
    assert client.post("/api/pair.json", json={"code": "AAAA-AAAA"}).status_code == 403
    said = client.post("/api/pair.json", json={"code": code}).json
    assert (said["service"], said["clinic"]) == ("Paw", "Paw")
    assert box.tokens.verify(said["token"]) is not None
