"""Support on a box against the real service over TLS: with consent, in time, once, and only what the list has."""

import gzip
import json
import shutil
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from appliance.archive.blobs import Provenance
from appliance.archive.part10 import take_dataset
from appliance.audit.trail import THE_BOX
from appliance.clock import now, stamp
from appliance.errors import BadInput
from appliance.wiring import Box
from appliance.wiring.agent import build_agent, build_memory
from provisioning.agent.link import Link
from provisioning.agent.loop import Agent
from provisioning.fleet import audit
from provisioning.fleet.support import reports
from provisioning.fleet.tables import Document
from provisioning.protocol.commands import (
    CollectDiagnostics,
    Command,
    EchoModality,
    NetworkCheck,
    ResendStudy,
    RestartRole,
    RotateCertificate,
)
from provisioning.protocol.documents import CommandDocument, sign
from provisioning.protocol.identity import load_key
from provisioning.protocol.messages import Check, Heartbeat, HeartbeatReply
from provisioning.protocol.refused import NotKnown
from tests.conftest import SENTINEL
from tests.fleet import HOST, SERIAL, Service
from tests.orthanc import Orthanc
from tests.peers import Peer
from tests.pictures import small_study


def test_a_command_without_consent_is_refused_and_audited_on_both_sides(
    service: Service, agent: Agent, box: Box
) -> None:
    """And is not done later, when there is consent."""
    number = service.fleet.documents.send_command(SERIAL, NetworkCheck(), who="sue")
    agent.run_once()
    found = service.document("command", number)
    assert (found.outcome, found.reason) == ("refused", "no-consent")
    assert "refused" in [entry.kind for entry in box.trail.after(0, limit=100)]
    build_memory(box).give_consent("ann", 1)
    agent.run_once()
    assert service.document("command", number).outcome == "refused"


def test_with_consent_support_works_until_the_clinic_ends_it(service: Service, agent: Agent, box: Box) -> None:
    """The agent asks every few seconds meanwhile."""
    memory = build_memory(box)
    memory.give_consent("ann", 1)
    assert agent.run_once() < 6
    done = service.fleet.documents.send_command(SERIAL, NetworkCheck(), who="sue")
    restart = service.fleet.documents.send_command(SERIAL, RestartRole("web"), who="sue")
    unknown = service.fleet.documents.send_command(SERIAL, EchoModality(99), who="sue")
    agent.run_once()
    assert (service.document("command", done).figures or {})["door"] == "good"
    assert service.document("command", restart).outcome == "done"
    assert box.database.setting("restart_web")
    assert service.document("command", unknown).reason == "not-found"
    assert "support-acted" in [entry.kind for entry in box.trail.after(0, limit=100)]
    memory.end_consent("ann")
    late = service.fleet.documents.send_command(SERIAL, NetworkCheck(), who="sue")
    assert 54 <= agent.run_once() <= 66, "only while support is let in"
    assert service.document("command", late).reason == "no-consent"


def test_a_consent_ends_by_itself(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a clock set back does not bring it back."""
    memory = build_memory(box)
    memory.give_consent("ann", 1)
    for hours in (1.01, -1):
        monkeypatch.setattr("provisioning.agent.memory.now", lambda h=hours: now() + timedelta(hours=h))
        assert memory.consent() is None


def test_a_replayed_or_expired_command_is_not_done(service: Service, agent: Agent, box: Box) -> None:
    """Its number was used, or its time is over."""
    memory = build_memory(box)
    memory.give_consent("ann", 1)
    first = service.fleet.documents.send_command(SERIAL, RestartRole("web"), who="sue")
    agent.run_once()
    asked = box.database.setting("restart_web")
    replayed = service.fleet.documents.send_command(SERIAL, NetworkCheck(), who="sue")
    with service.fleet.store.write() as session:
        envelope = session.get_one(Document, (SERIAL, "command", first)).envelope
        session.get_one(Document, (SERIAL, "command", replayed)).envelope = envelope
    agent.run_once()
    assert box.database.setting("restart_web") == asked
    assert agent.failures["old-version"] == 1
    old = CommandDocument(SERIAL, replayed, stamp(now() - timedelta(minutes=1)), "x", RestartRole("web"))
    with service.fleet.store.write() as session:
        session.get_one(Document, (SERIAL, "command", replayed)).envelope = sign(old, service.fleet.signing.signer())
    agent.run_once()
    assert box.database.setting("restart_web") == asked
    assert service.document("command", replayed).reason == "expired"


def test_diagnostics_go_only_when_the_clinic_released_the_exact_bytes(service: Service, agent: Agent, box: Box) -> None:
    """And hold no text of the clinic."""
    memory = build_memory(box)
    memory.give_consent("ann", 1)
    box.trail.record("accessed", THE_BOX, patient_name=SENTINEL, patient_id=SENTINEL)
    box.senders.accept_title(SENTINEL, "192.0.2.7")
    (box.settings.data / "settings.toml").write_text(f'ae_title = "{SENTINEL}"\n')
    service.fleet.documents.send_command(SERIAL, CollectDiagnostics(), who="sue")
    agent.run_once()
    agent.run_once()
    assert reports(service.fleet.store, SERIAL) == []
    (waiting,) = memory.reports()
    assert SENTINEL.encode() not in gzip.decompress(waiting.content)
    memory.decide(waiting.id, "ann", release=True)
    agent.run_once()
    ((_, came),) = reports(service.fleet.store, SERIAL)
    assert msgspec.json.encode(came) == gzip.decompress(waiting.content)
    assert memory.reports() == []


def _ask(service: Service, agent: Agent, command: Command) -> Document:
    number = service.fleet.documents.send_command(SERIAL, command, who="sue")
    agent.run_once()
    return service.document("command", number)


def test_a_command_after_the_end_of_the_consent_is_refused(
    service: Service, agent: Agent, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was signed in time, and the box looks at its own clock."""
    build_memory(box).give_consent("ann", 1)
    assert _ask(service, agent, NetworkCheck()).outcome == "done"
    monkeypatch.setattr("provisioning.agent.memory.now", lambda: now() + timedelta(minutes=61))
    late = _ask(service, agent, NetworkCheck())
    assert (late.outcome, late.reason) == ("refused", "no-consent")


def test_a_network_check_tries_every_line_and_tells_what_is_wrong_in_codes(
    service: Service, agent: Agent, box: Box
) -> None:
    """With the time it took; the reader's name and address stay here."""
    build_memory(box).give_consent("ann", 1)
    with Peer() as peer:
        box.destinations.add(SENTINEL, peer.url, auto=True)
        box.destinations.add("Nobody", f"http://{HOST}:9/{SENTINEL}", auto=True)
        found = _ask(service, agent, NetworkCheck())
    figures = found.figures or {}
    assert (figures["door"], figures["reader-1"], figures["reader-2"]) == ("good", "good", "bad")
    assert figures["reader-2-code"] == "unreachable"
    assert figures["reader-1-milliseconds"] >= 0
    assert SENTINEL not in json.dumps(figures)


def test_a_connection_test_tells_that_the_unit_knows_the_box_by_another_title(
    service: Service, agent: Agent, box: Box, tmp_path: Path
) -> None:
    """A real Orthanc stands for the unit; then the title is mended from afar and the test passes."""
    closed = dict.fromkeys(("DicomAlwaysAllowEcho", "DicomAlwaysAllowStore", "DicomAlwaysAllowFind"), False)
    facts = {**closed, "DicomModalities": {"box": ["PRACTICE", HOST, 104]}}
    with Orthanc(tmp_path / "unit", facts=facts) as unit:
        build_memory(box).give_consent("ann", 1)
        box.senders.accept_title(Orthanc.aet, HOST)
        (row,) = box.senders.all()
        assert _ask(service, agent, EchoModality(row.id)).reason == "not-found", "nobody entered its port yet"
        box.senders.set_listen_port(row.id, unit.dicom_port)
        assert _ask(service, agent, EchoModality(row.id)).reason == "box-title-unknown"
        service.fleet.documents.set_settings(SERIAL, {"ae_title": "PRACTICE"}, who="sue")
        agent.run_once()
        agent.run_once()
        assert _ask(service, agent, EchoModality(row.id)).outcome == "done"


def test_a_study_is_sent_again_by_the_name_that_the_clinic_reads_out(service: Service, agent: Agent, box: Box) -> None:
    """What was given up is tried again at once; what is no such name, or no such study, changes nothing."""
    build_memory(box).give_consent("ann", 1)
    box.destinations.add("Reader", f"http://{HOST}:9/", auto=True)
    for ds in small_study():
        take_dataset(box.intake, ds, Provenance("local", "test", "", stamp()))
    box.queue.route_new()
    delivery = box.queue.next_due(1)
    assert delivery is not None
    box.queue.park(delivery, BadInput(field="x", reason="y"))
    assert box.queue.progress(1)[0].parked == 1
    assert _ask(service, agent, ResendStudy("a dog")).reason == "bad-input"
    assert _ask(service, agent, ResendStudy("S-99")).reason == "not-found"
    assert box.queue.progress(1)[0].parked == 1
    done = _ask(service, agent, ResendStudy(" s-1 "))
    assert (done.outcome, done.figures) == ("done", {"waiting": 3})
    assert box.queue.progress(1)[0].parked == 0


def test_a_certificate_is_rotated_at_once(service: Service, agent: Agent, box: Box) -> None:
    """The box goes on with a fresh key, and the old certificate opens nothing any more."""
    build_memory(box).give_consent("ann", 1)
    agent.run_once()
    folder = box.settings.data / "vendor"
    shutil.copy(folder / "client.pem", folder / "old.pem")
    assert _ask(service, agent, RotateCertificate()).outcome == "done"
    agent.run_once()
    assert load_key(folder / "client.pem").private_numbers() != load_key(folder / "old.pem").private_numbers()
    assert not agent.failures
    with pytest.raises(NotKnown):
        Link(service.url, folder / "authority.pem", folder / "old.pem").fetch("document/settings")


def test_a_command_at_which_the_box_was_switched_off_is_told_and_not_repeated(
    service: Service, agent: Agent, box: Box
) -> None:
    """Its number was noted before anything was done."""
    memory = build_memory(box)
    memory.give_consent("ann", 1)
    number = service.fleet.documents.send_command(SERIAL, RestartRole("web"), who="sue")
    memory.bind(SERIAL)
    memory.begin("command", number, "restart-role")
    after_power = build_agent(box)
    after_power.run_once()
    assert service.document("command", number).reason == "broken-off"
    assert box.database.setting("restart_web") is None


def test_both_sides_audits_name_who_asked_for_what(service: Service, agent: Agent, box: Box) -> None:
    """At the vendor with the person, on the box with the act."""
    build_memory(box).give_consent("ann", 1)
    _ask(service, agent, NetworkCheck())
    with service.fleet.store.read() as session:
        told = [(event.who, event.what) for event in audit.newest(session, serial=SERIAL)]
    assert ("sue", "command-made") in told
    assert ("box", "command-done") in told
    acts = [(entry.kind, entry.detail.get("subject")) for entry in box.trail.after(0, limit=100)]
    assert ("support-acted", "network-check") in acts


def test_what_a_box_tells_beside_the_list_is_not_kept(service: Service, agent: Agent) -> None:
    """The service looks too: a box with a faulty release must not bring patients' names here."""
    agent.run_once()
    check = Check("reader-1", "bad", {"waiting": 1, "patient": SENTINEL, "code": f"{SENTINEL} Rex", "words": SENTINEL})
    other = Check(SENTINEL, "bad", {})
    beat = Heartbeat("1.0", 1, 1, None, [check, other], 0, 9, "", None, {})
    agent._membership.link("").ask("heartbeat", beat, HeartbeatReply)
    assert [kept["figures"] for kept in (service.row().heartbeat or {})["checks"]] == [{"waiting": 1}]
