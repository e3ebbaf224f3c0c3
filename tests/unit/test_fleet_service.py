"""Rollouts by rings, the service's audit, accounts of staff, labels, and the command line."""

import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from appliance.clock import now, stamp
from appliance.errors import WrongCredentials
from provisioning.fleet import audit
from provisioning.fleet.label import print_label
from provisioning.fleet.rollouts import RINGS, place
from provisioning.fleet.service import Config, Fleet
from provisioning.fleet.serving import Clockwork
from provisioning.fleet.tables import Box, Event, Rollout, RolloutBox, Staff
from provisioning.protocol.commands import NetworkCheck
from provisioning.protocol.messages import Outcome
from tests.crowd import Simulated, beat, make_boxes, tell_release

PASSWORD = "correct horse battery"


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """A service over SQLite."""
    config = Config(url="https://fleet.example", proxies=["127.0.0.1"])
    Fleet(tmp_path / "fleet").create(config, hosts=["fleet.example"], offline=tmp_path / "offline")
    return Fleet(tmp_path / "fleet")


def _beat_all(fleet: Fleet, boxes: list[Simulated], number: int) -> None:
    client = fleet.app().test_client()
    for box in boxes:
        beat(client, box, number)


def _offered(boxes: list[Simulated]) -> list[Simulated]:
    return [box for box in boxes if box.told and box.told.release_version]


def test_rings_are_by_hash_and_each_holds_those_before() -> None:
    """About 1, 10, 50 and 100 %, and not the same boxes first for every release."""
    serials = [f"BX-{number:05d}" for number in range(20_000)]
    rings = [{s for s in serials if place("1.1", s) < percent} for percent in RINGS]
    assert [len(ring) / 200 for ring in rings] == pytest.approx([1, 10, 50, 100], abs=1)
    assert rings[0] < rings[1] < rings[2] < rings[3]
    assert rings[0] != {s for s in serials if place("1.2", s) < 1}


def test_a_good_release_goes_from_ring_to_ring_after_its_soak(fleet: Fleet) -> None:
    """A pinned box stays where it is."""
    boxes = make_boxes(fleet, 60)
    _beat_all(fleet, boxes, 1)
    fleet.rollouts.pin(boxes[0].serial, "1.0", who="sue")
    fleet.rollouts.start("1.1", who="sue", soak_s=3600)
    before = -1
    for ring, _ in enumerate(RINGS):
        _beat_all(fleet, boxes, 2 + ring)
        for box in _offered(boxes):
            box.release = "1.1" if box is not boxes[0] else "1.0"
        _beat_all(fleet, boxes, 2 + ring)
        assert len(_offered(boxes)) > before
        before = len(_offered(boxes)) - 1
        fleet.rollouts.advance()
        assert fleet.rollouts.all()[0][0].ring == ring, "the soak is not over"
        _age(fleet, hours=2)
        fleet.rollouts.advance()
    ((rollout, offered, bad),) = fleet.rollouts.all()
    assert (rollout.state, offered, bad) == ("done", 59, 0)


def _age(fleet: Fleet, hours: int) -> None:
    with fleet.store.write() as session:
        session.execute(update(Rollout).values(ring_since=stamp(now() - timedelta(hours=hours))))


@pytest.mark.parametrize("how", ["returned", "silent"])
def test_a_ring_in_which_boxes_return_or_fall_silent_is_the_last(fleet: Fleet, how: str) -> None:
    """At two in a hundred."""
    boxes = make_boxes(fleet, 60)
    _beat_all(fleet, boxes, 1)
    fleet.rollouts.start("1.1", who="sue", soak_s=0)
    for _ in RINGS[:2]:
        fleet.rollouts.advance()
    _beat_all(fleet, boxes, 2)
    victim = _offered(boxes)[0].serial
    with fleet.store.write() as session:
        if how == "silent":
            session.get_one(Box, victim).seen_at = stamp(now() - timedelta(hours=3))
        else:
            session.execute(update(RolloutBox).where(RolloutBox.serial == victim).values(outcome="returned"))
    ring = fleet.rollouts.all()[0][0].ring
    fleet.rollouts.advance()
    fleet.rollouts.advance()
    ((rollout, _, bad),) = fleet.rollouts.all()
    assert (rollout.state, rollout.ring, bad) == ("halted", ring, 1)
    assert "1 of" in rollout.reason


def _to_all(fleet: Fleet, monkeypatch: pytest.MonkeyPatch, count: int) -> list[Simulated]:
    """Boxes that were all offered 1.1."""
    monkeypatch.setattr("provisioning.fleet.rollouts.RINGS", (100, 100, 100, 100))
    boxes = make_boxes(fleet, count)
    fleet.rollouts.start("1.1", who="sue", soak_s=0)
    _beat_all(fleet, boxes, 1)
    assert _offered(boxes) == boxes
    return boxes


def test_boxes_that_a_release_is_not_for_neither_count_against_it_nor_for_it(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One return of forty boxes that took it is two in a hundred, however many have a newer one."""
    boxes, client = _to_all(fleet, monkeypatch, 100), fleet.app().test_client()
    for number, box in enumerate(boxes[:60]):
        tell_release(client, box, done=False, reason=("not-newer", "not-managed")[number % 2])
    assert fleet.rollouts.all()[0][1:] == (40, 0)
    tell_release(client, boxes[99], done=False, reason="returned")
    assert fleet.rollouts.all()[0][1:] == (40, 1)
    fleet.rollouts.advance()
    assert fleet.rollouts.all()[0][0].state == "halted"


def test_what_became_of_a_release_is_counted_for_that_release(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """A box that took it and could not run another one is a good one; a late return is a return all the same."""
    (first, second), client = _to_all(fleet, monkeypatch, 2), fleet.app().test_client()
    for box in (first, second):
        box.release = "1.1"
        beat(client, box, 2)
    fleet.rollouts.pin(first.serial, "1.2", who="sue")
    beat(client, first, 3)
    tell_release(client, first, done=False, reason="returned")
    assert fleet.rollouts.all()[0][1:] == (2, 0)
    tell_release(client, second, done=False, reason="not-newer")
    assert fleet.rollouts.all()[0][1:] == (2, 0)
    fleet.rollouts.refused(second.serial, 1, "returned")
    assert fleet.rollouts.all()[0][1:] == (2, 1)


def test_the_services_audit_shows_any_change_and_gap(fleet: Fleet) -> None:
    """Inside the chain."""
    for number in range(4):
        fleet.registry.register(f"BX-{number:04d}", f"{number:064x}", who="factory")
    with fleet.store.write() as session:
        assert audit.trouble(session) is None
        session.get_one(Event, 2).who = "nobody"
        session.flush()
        assert audit.trouble(session) == "Entry 2 was changed after it was written."
        session.rollback()
    with fleet.store.write() as session:
        session.delete(session.get_one(Event, 2))
        session.flush()
        assert audit.trouble(session) == "Entry 2 is missing."


def test_staff_logs_in_with_password_and_a_fresh_number(fleet: Fleet) -> None:
    """A number works once; a few wrong tries lock the account; nobody is told what was wrong."""
    secret = fleet.people.add("sue", "support", PASSWORD, who="owner")
    number = pyotp.TOTP(secret).now()
    fleet.people.log_in("sue", PASSWORD, number)
    messages = set()
    for name, password, given in (("sue", PASSWORD, number), ("sue", "x", "000000"), ("bob", PASSWORD, number)):
        with pytest.raises(WrongCredentials) as caught:
            fleet.people.log_in(name, password, given)
        messages.add(caught.value.text)
    assert len(messages) == 1
    for _ in range(5):
        with pytest.raises(WrongCredentials):
            fleet.people.log_in("sue", "x", "000000")
    with fleet.store.write() as session:
        session.get_one(Staff, "sue").totp_last = 0
    with pytest.raises(WrongCredentials):
        fleet.people.log_in("sue", PASSWORD, pyotp.TOTP(secret).now())


def test_the_console_lets_each_role_do_its_own(fleet: Fleet) -> None:
    """A watcher looks; support sends settings; only a releaser steers rollouts."""
    make_boxes(fleet, 1)
    app = fleet.app()
    app.config["WTF_CSRF_ENABLED"] = False
    secrets = {role: fleet.people.add(role, role, PASSWORD, who="owner") for role in ("watcher", "support")}
    statuses = {}
    for role, secret in secrets.items():
        client = app.test_client()
        assert client.get("/console/").status_code == 302
        form = {"name": role, "password": PASSWORD, "number": pyotp.TOTP(secret).now()}
        assert client.post("/console/login", data=form, base_url="https://localhost").status_code == 302
        page = client.get("/console/box/SIM-000000", base_url="https://localhost")
        assert page.status_code == 200
        assert ("Check the network of the box" in page.text) == (role == "support")
        assert "no such serial" in client.get("/console/box/NOBODY", base_url="https://localhost").text
        for path in ("/console/", "/console/rollouts", "/console/audit"):
            answer = client.get(path, base_url="https://localhost")
            assert answer.status_code == 200
            assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        sent = client.post("/console/box/SIM-000000/settings", data={"ae_title": "XRAY"}, base_url="https://localhost")
        steered = client.post("/console/rollouts/start", data={"release": "1"}, base_url="https://localhost")
        statuses[role] = (sent.status_code, steered.status_code)
    assert statuses == {"watcher": (403, 403), "support": (302, 403)}
    assert fleet.documents.newest("SIM-000000", "settings", 0).body["values"] == {"ae_title": "XRAY"}


def test_an_owner_makes_and_blocks_accounts_in_the_console(fleet: Fleet) -> None:
    """The new person's code is shown once; who is blocked is out at the next request; nobody blocks themselves."""
    app = fleet.app()
    app.config["WTF_CSRF_ENABLED"] = False
    base = "https://localhost"

    def logged_in(name: str, secret: str, expect: int = 302) -> FlaskClient:
        client = app.test_client()
        form = {"name": name, "password": PASSWORD, "number": pyotp.TOTP(secret).now()}
        assert client.post("/console/login", data=form, base_url=base).status_code == expect
        return client

    owner = logged_in("olga", fleet.people.add("olga", "owner", PASSWORD, who="factory"))
    form = {"name": "sue", "role": "support", "password": PASSWORD}
    made = owner.post("/console/people", data=form, base_url=base).text
    (secret,) = re.findall("<code>([A-Z2-7]+)</code>", made)
    assert "<svg" in made
    assert secret not in owner.get("/console/people", base_url=base).text
    sue = logged_in("sue", secret)
    assert sue.get("/console/", base_url=base).status_code == 200
    for path, data in (("people", form), ("people/block", {"name": "olga"})):
        assert sue.post(f"/console/{path}", data=data, base_url=base).status_code == 403
    assert owner.post("/console/people/block", data={"name": "sue"}, base_url=base).status_code == 302
    assert sue.get("/console/", base_url=base).headers["Location"] == "/console/login"
    with fleet.store.write() as session:
        session.get_one(Staff, "sue").totp_last = 0
    logged_in("sue", secret, expect=403)
    assert owner.post("/console/people/unblock", data={"name": "sue"}, base_url=base).status_code == 302
    assert sue.get("/console/", base_url=base).status_code == 200
    for wrong in ({"name": "olga"}, {"name": "nobody"}):
        assert owner.post("/console/people/block", data=wrong, base_url=base).status_code == 400
    for wrong in (form, form | {"name": "<b>"}, form | {"name": "bob", "role": "king"}, form | {"password": "short"}):
        assert owner.post("/console/people", data=wrong, base_url=base).status_code == 400
    with fleet.store.read() as session:
        told = [event.what for event in audit.newest(session) if event.who == "olga"]
    assert {"staff-added", "staff-blocked", "staff-unblocked"} <= set(told)


def test_the_form_of_the_settings_shows_what_the_box_has(fleet: Fleet) -> None:
    """New settings replace the old ones whole: what is not in the form would be gone from the box."""
    make_boxes(fleet, 1)
    serial = "SIM-000000"
    assert fleet.documents.settings_of(serial) == {}
    fleet.documents.voucher(serial, "Test Clinic", {"ae_title": "STICK"}, who="sue")
    assert fleet.documents.settings_of(serial) == {"ae_title": "STICK"}
    fleet.documents.set_settings(serial, {"ae_title": "KEPT", "exam_days": 3}, who="sue")
    bad = fleet.documents.set_settings(serial, {"vendor_url": "https://wrong.example"}, who="sue")
    fleet.documents.note_outcome(serial, "settings", Outcome(bad, False, "no-vendor"))
    for _ in range(60):
        fleet.documents.send_command(serial, NetworkCheck(), who="sue")
    app = fleet.app()
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    number = pyotp.TOTP(fleet.people.add("sue", "support", PASSWORD, who="owner")).now()
    form = {"name": "sue", "password": PASSWORD, "number": number}
    client.post("/console/login", data=form, base_url="https://localhost")
    page = client.get(f"/console/box/{serial}", base_url="https://localhost").text
    assert 'name="ae_title" value="KEPT"' in page
    assert 'name="exam_days" value="3"' in page
    assert 'name="vendor_url" value=""' in page


def test_the_console_refuses_forms_from_elsewhere(fleet: Fleet) -> None:
    """Without the page's token."""
    answer = fleet.app().test_client().post("/console/login", data={"name": "x"}, base_url="https://localhost")
    assert answer.status_code == 400


def test_the_list_says_since_when_a_box_is_away_and_which_waits_for_its_end(fleet: Fleet) -> None:
    """In words that a person reads; a box that was never heard says so."""
    boxes = make_boxes(fleet, 3)
    for number, box in enumerate(boxes[:2]):
        beat(fleet.app().test_client(), box, number)
    with fleet.store.write() as session:
        session.get_one(Box, boxes[0].serial).seen_at = stamp(now() - timedelta(hours=3, minutes=5))
        session.get_one(Box, boxes[1].serial).state = "wipe-pending"
    app = fleet.app()
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    number = pyotp.TOTP(fleet.people.add("sue", "watcher", PASSWORD, who="owner")).now()
    form = {"name": "sue", "password": PASSWORD, "number": number}
    client.post("/console/login", data=form, base_url="https://localhost")
    page = client.get("/console/", base_url="https://localhost").text
    rows = dict(re.findall(r">(SIM-\d+)</a>(.*?)</tr>", page, re.DOTALL))
    assert ">away 3 h<" in rows["SIM-000000"]
    assert ">wipe pending<" in rows["SIM-000001"]
    assert ">never heard<" in rows["SIM-000002"]


def test_a_clockwork_does_each_of_its_jobs_in_time() -> None:
    """Rollouts every minute, the releases' metadata once a day, both at the start."""
    done: list[str] = []
    clockwork = Clockwork(lambda: done.append("advance"), lambda: done.append("refresh"))
    assert [clockwork.run_once(at) for at in (1000.0, 1030.0, 1060.0)] == [60.0, 30.0, 60.0]
    assert done == ["advance", "refresh", "advance"]
    clockwork.run_once(1000.0 + 24 * 3600)
    assert done == ["advance", "refresh", "advance", "advance", "refresh"]


def test_a_service_whose_clockwork_fails_ends(tmp_path: Path) -> None:
    """It would answer and never halt a bad release; what started it starts it again."""
    offline = str(tmp_path / "offline")
    _run(tmp_path, "init", "--url", "https://127.0.0.1", "--host", "127.0.0.1", "--offline", offline)
    _run(tmp_path, "ceremony", "--offline", offline)
    (tmp_path / "fleet" / "releases" / "metadata" / "targets.json").unlink()
    told = _run(tmp_path, "serve", "--listen", "127.0.0.1", "--port", "0", expect=1)
    assert "ready https=127.0.0.1:" in told


def test_a_label_holds_serial_and_code(tmp_path: Path) -> None:
    """As PDF for the printer, the QR code as SVG."""
    print_label(tmp_path / "label.pdf", "BX-0001", "ABCD-EFGH-JKMN")
    content = (tmp_path / "label.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert b"(BX-0001)" in content
    assert b"(ABCD-EFGH-JKMN)" in content
    print_label(tmp_path / "label.svg", "BX-0001", "ABCD-EFGH-JKMN")
    assert "<svg" in (tmp_path / "label.svg").read_text()


def _run(folder: Path, *arguments: str, expect: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "provisioning.fleet.cli", "--data", str(folder / "fleet"), *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == expect, done.stderr
    return done.stdout + done.stderr


def test_the_command_line_makes_a_service_and_registers_a_box(tmp_path: Path) -> None:
    """Label, trust file and setup code in one step; a second time is refused in one line."""
    offline = str(tmp_path / "offline")
    _run(tmp_path, "init", "--url", "https://fleet.example", "--host", "fleet.example", "--offline", offline)
    label, trust = str(tmp_path / "label.pdf"), str(tmp_path / "trust.json")
    code = _run(tmp_path, "register", "BX-0001", "0" * 64, "--label", label, "--trust", trust).strip()
    assert re.fullmatch(r"[2-9A-Z]{4}(-[2-9A-Z]{4}){2}", code)
    assert Path(label).exists()
    assert "fleet.example" in Path(trust).read_text()
    again = _run(tmp_path, "register", "BX-0001", "0" * 64, expect=1)
    assert len(again.splitlines()) == 1
    assert "never heard" in _run(tmp_path, "boxes")
