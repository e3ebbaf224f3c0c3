"""Boxes that move, are restored, tampered with or retired, against the real service over TLS."""

import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from appliance.audit.trail import THE_BOX
from appliance.settings import load
from appliance.wiring import Box
from appliance.wiring.agent import _erase_disk_keys, build_agent, build_desired, build_memory, membership_of
from provisioning.agent.loop import Agent
from provisioning.agent.vouchers import activate
from provisioning.fleet import audit
from provisioning.fleet.documents import load_signer
from provisioning.fleet.health import accept_audit, lines
from provisioning.protocol.refused import DocumentRefused
from tests.conftest import SENTINEL
from tests.fleet import HOST, SERIAL, Service
from tests.waiting import wait_for


def test_a_retired_box_is_wiped_and_reports_it(service: Service, agent: Agent, box: Box) -> None:
    """Until it is heard it shows 'wipe-pending', and gets nothing but the order."""
    agent.run_once()
    (box.settings.data / "blobs").mkdir(exist_ok=True)
    (box.settings.data / "blobs" / "picture").write_bytes(SENTINEL.encode())
    service.fleet.documents.set_settings(SERIAL, {"ae_title": "LATE"}, who="sue")
    signer = load_signer(service.offline / "wipe-key.pem")
    service.fleet.documents.order_wipe(SERIAL, signer, who="owner")
    assert lines(service.fleet.store)[0].state == "wipe-pending"
    agent.run_once()
    assert lines(service.fleet.store)[0].state == "retired"
    assert not (box.settings.data / "blobs").exists()
    assert not (box.settings.data / "vendor" / "identity.pem").exists()
    assert not (box.settings.data / "vendor" / "client.pem").exists()


def test_on_the_device_the_keys_of_the_disk_go_first(
    service: Service, agent: Agent, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the device's answer nothing is destroyed and nothing is said to be; with it the end is told."""
    agent.run_once()
    updates = box.settings.data / "updates"
    updates.mkdir()
    monkeypatch.setattr("appliance.wiring.agent._erase_disk_keys", partial(_erase_disk_keys, patience_s=0.0))
    service.fleet.documents.order_wipe(SERIAL, load_signer(service.offline / "wipe-key.pem"), who="owner")
    agent.run_once()
    assert agent.failures["not-erased"] == 1
    assert (updates / "erase").exists()
    assert (box.settings.data / "bucky.sqlite").exists()
    assert lines(service.fleet.store)[0].state == "wipe-pending"
    monkeypatch.setattr("appliance.wiring.agent._erase_disk_keys", partial(_erase_disk_keys, patience_s=600.0))
    ending = threading.Thread(target=agent.run_once)
    ending.start()

    def device_answers() -> bool:
        if (updates / "erase").exists():
            (updates / "erase").unlink(missing_ok=True)
        return not ending.is_alive()

    wait_for(device_answers, 120, "the end")
    assert lines(service.fleet.store)[0].state == "retired"
    assert not updates.exists()


def test_a_forged_wipe_destroys_nothing(service: Service, agent: Agent, box: Box) -> None:
    """The service's own key is not enough."""
    agent.run_once()
    service.fleet.documents.order_wipe(SERIAL, service.fleet.signing.signer(), who="thief")
    agent.run_once()
    assert agent.failures["unknown-key"] == 1
    assert (box.settings.data / "bucky.sqlite").exists()


def test_a_box_waits_with_its_end_until_everything_is_delivered(service: Service, agent: Agent, box: Box) -> None:
    """Drain first."""
    agent.run_once()
    agent._box = replace(agent._box, drained=lambda: False)
    signer = load_signer(service.offline / "wipe-key.pem")
    service.fleet.documents.order_wipe(SERIAL, signer, who="owner")
    agent.run_once()
    assert lines(service.fleet.store)[0].state == "wipe-pending"
    assert (box.settings.data / "bucky.sqlite").exists()


def test_a_backup_on_other_hardware_is_another_box(service: Service, agent: Agent, box: Box, tmp_path: Path) -> None:
    """The database comes along, the identity does not; numbers and consent of the old box are void."""
    service.fleet.documents.set_settings(SERIAL, {"ae_title": "XRAY"}, who="sue")
    agent.run_once()
    agent.run_once()
    build_memory(box).give_consent("ann", 8)
    other = tmp_path / "other"
    other.mkdir()
    box.database.copy_to(other / "bucky.sqlite")
    moved = Box(load(other, command_line={"host": HOST, "mdns": False}))
    service.hand_trust(other / "vendor", SERIAL)
    stranger = build_agent(moved)
    stranger.run_once()
    assert stranger.failures["not-known"] == 1
    service.register(other / "vendor", "BX-0002")
    heir = build_agent(moved)
    heir.run_once()
    assert not heir.failures
    assert build_memory(moved).consent() is None
    assert build_memory(moved).followed_version("settings") == 0


def test_a_voucher_activates_a_box_without_a_line_and_once(service: Service, box: Box, tmp_path: Path) -> None:
    """Another box, or a second time, is refused."""
    raw = service.fleet.documents.voucher(SERIAL, "Test Clinic", {"ae_title": "XRAY"}, who="sue")
    service.stop()
    membership, memory, desired = membership_of(box.settings), build_memory(box), build_desired(box)
    assert activate(raw, membership=membership, memory=memory, desired=desired) == "Test Clinic"
    assert load(box.settings.data, command_line={}).ae_title == "XRAY"
    with pytest.raises(DocumentRefused, match="old-version"):
        activate(raw, membership=membership, memory=memory, desired=desired)
    clone = service.hand_trust(tmp_path / "clone" / "vendor")
    fresh = Box(load(tmp_path / "clone", command_line={}))
    with pytest.raises(DocumentRefused, match="another-box"):
        activate(raw, membership=clone, memory=build_memory(fresh), desired=build_desired(fresh))


def _cut_trail(box: Box) -> None:
    """What somebody with the database in their hands does: the last events are gone, the chain before them is whole."""
    with box.database.write() as db:
        for (name,) in db.conn.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            if "audit" in name:
                db.conn.execute(f"DROP TRIGGER {name}")
        db.conn.execute("DELETE FROM audit_event WHERE number > 1")


def _record(box: Box, number: int) -> None:
    for _ in range(number):
        box.trail.record("started", THE_BOX)


def test_a_box_whose_audit_trail_was_cut_is_noticed(service: Service, agent: Agent, box: Box) -> None:
    """A chain alone would not show it; it stays noted however long the trail becomes again."""
    _record(box, 4 - box.trail.head().number)
    agent.run_once()
    _cut_trail(box)
    agent.run_once()
    assert "had 4 events and now has 1" in (service.row().audit_trouble or "")
    assert lines(service.fleet.store)[0].trouble == ["audit"]
    _record(box, 9)
    agent.run_once()
    assert service.row().audit_trouble


def test_a_trail_that_was_cut_and_filled_up_again_is_noticed(service: Service, agent: Agent, box: Box) -> None:
    """Between two heartbeats, to the same length: its last event is another one."""
    _record(box, 4 - box.trail.head().number)
    agent.run_once()
    assert service.row().audit_trouble is None
    _cut_trail(box)
    _record(box, 3)
    assert box.trail.head().number == 4
    agent.run_once()
    assert "Event 4 of the box's audit trail is another" in (service.row().audit_trouble or "")


def test_an_owner_accepts_the_trail_of_a_box_that_was_restored(service: Service, agent: Agent, box: Box) -> None:
    """With the reason in the vendor's own audit; the next cut is noted again."""
    _record(box, 4 - box.trail.head().number)
    agent.run_once()
    _cut_trail(box)
    agent.run_once()
    accept_audit(service.fleet.store, SERIAL, who="olga")
    _record(box, 2)
    agent.run_once()
    assert service.row().audit_trouble is None
    with service.fleet.store.read() as session:
        (told,) = [event for event in audit.newest(session, serial=SERIAL) if event.what == "box-audit-accepted"]
    assert (told.who, "now has 1" in told.detail) == ("olga", True)
    _cut_trail(box)
    agent.run_once()
    assert "had 3 events and now has 1" in (service.row().audit_trouble or "")
