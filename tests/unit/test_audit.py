"""The audit trail: chained, only added to, believed only while whole; its messages and its log server."""

import socket
import sqlite3
import ssl
import threading
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from appliance.audit.events import KINDS, MINOR_FAILURE
from appliance.audit.message import as_xml, audit_message
from appliance.audit.syslog import AuditWorker
from appliance.audit.trail import THE_BOX, Actor, Search, Trail, in_batches
from appliance.dimse.tls import ensure_certificate
from appliance.wiring import Box
from tests.conftest import SENTINEL
from tests.waiting import wait_for

ANN = Actor("Ann", "person", "10.0.0.5")
EVE = Actor("Eve", "person", "10.0.0.66")


@pytest.fixture
def trail(box: Box) -> Trail:
    """A trail with three events."""
    box.trail.record("started", THE_BOX)
    box.trail.record("accessed", ANN, study_instance_uid="1.2.3", patient_id="7", patient_name=SENTINEL)
    box.trail.record("logged-in", EVE, outcome=MINOR_FAILURE, reason="wrong-credentials")
    return box.trail


def _tamper(box: Box, *statements: str) -> None:
    """Change the table as somebody with the file in his hands would."""
    with sqlite3.connect(box.settings.data / "bucky.sqlite") as conn:
        conn.execute("DROP TRIGGER audit_event_never_changed")
        conn.execute("DROP TRIGGER audit_event_never_removed")
        for statement in statements:
            conn.execute(statement)


def test_rows_are_only_ever_added(box: Box, trail: Trail) -> None:
    """The database itself refuses to change or remove one."""
    for statement in ("UPDATE audit_event SET actor = 'Bob'", "DELETE FROM audit_event"):
        with pytest.raises(sqlite3.IntegrityError, match="only ever added"), box.database.write() as db:
            db.conn.execute(statement)
    assert trail.trouble() is None


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE audit_event SET actor = 'Bob' WHERE number = 2", "Event 2 was changed"),
        ("UPDATE audit_event SET outcome = 0 WHERE number = 3", "Event 3 was changed"),
        ("DELETE FROM audit_event WHERE number = 2", "Event 2 is missing"),
        ("DELETE FROM audit_event WHERE number = 3", "ends at event 2, but event 3 was there"),
        ("DELETE FROM audit_event", "ends at event 0, but event 3 was there"),
    ],
)
def test_a_changed_missing_or_cut_event_is_noticed(box: Box, trail: Trail, statement: str, words: str) -> None:
    """By the chain, and a cut end by the anchor outside the database."""
    trail.anchor()
    _tamper(box, statement)
    assert words in (trail.trouble() or "")
    cut_off = statement.startswith("DELETE") and "number = 2" not in statement
    assert (trail.cut() is not None) == cut_off


def test_a_trail_that_was_written_anew_is_noticed(box: Box, trail: Trail) -> None:
    """A whole chain of other events does not fit the anchor; and the anchor does not move back."""
    trail.anchor()
    _tamper(box, "DELETE FROM audit_event")
    for _ in range(3):
        trail.record("stopped", THE_BOX)
    assert "another than the one" in (trail.trouble() or "")
    trail.anchor()
    assert "another than the one" in (trail.trouble() or "")


def test_events_are_found_by_kind_person_patient_and_day(trail: Trail) -> None:
    """Text is matched as text."""
    today = trail.after(0, limit=1)[0].at[:10]
    assert [e.number for e in trail.search(Search(text=SENTINEL[:6].lower()))] == [2]
    assert [e.number for e in trail.search(Search(kind="logged-in"))] == [3]
    assert [e.number for e in trail.search(Search(text="10.0.0.66"))] == [3]
    assert [e.number for e in trail.search(Search(first_day=today, last_day=today))] == [3, 2, 1]
    assert trail.search(Search(text="%")) == []
    assert trail.search(Search(last_day="2000-01-01")) == []
    assert [e.number for e in trail.search(Search(), before=3, limit=1)] == [2]


def test_every_kind_has_its_message(box: Box) -> None:
    """With the codes of PS3.15 A.5.3, the source, the requestor, the study and the patient."""
    for kind in KINDS:
        box.trail.record(kind.name, ANN, study_instance_uid="1.2.3", patient_id="7", patient_name="A^<B>")
    for entry, kind in zip(in_batches(box.trail, size=4), KINDS, strict=True):
        message = ET.fromstring(as_xml(entry, source="bucky-1a2b"))  # noqa: S314 - our own text
        assert message.find("EventIdentification/EventID").get("csd-code") == kind.event_code
        assert message.find("EventIdentification").get("EventActionCode") == kind.action
        who = message.findall("ActiveParticipant")
        assert [(p.get("UserID"), p.get("UserIsRequestor")) for p in who] == [("Ann", "true"), ("bucky-1a2b", "false")]
        objects = message.findall("ParticipantObjectIdentification")
        assert [o.get("ParticipantObjectID") for o in objects] == ["1.2.3", "7"]
        assert objects[1].findtext("ParticipantObjectName") == "A^<B>"
        assert message.find("AuditSourceIdentification").get("AuditSourceID") == "bucky-1a2b"


def test_a_failure_says_so_in_its_message(trail: Trail) -> None:
    """Outcome and reason."""
    message = audit_message(trail.after(2, limit=1)[0], source="x")
    event = message.find("EventIdentification")
    assert event is not None
    assert event.get("EventOutcomeIndicator") == "4"
    assert event.findtext("EventOutcomeDescription") == "wrong-credentials"


def _log_server(folder: Path) -> tuple[int, str, list[bytes]]:
    """Takes one connection over TLS and keeps what came."""
    certificate, key = ensure_certificate(folder, common_name="localhost", addresses=["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))
    came: list[bytes] = []

    def serve() -> None:
        with listener, context.wrap_socket(listener.accept()[0], server_side=True) as connection:
            while chunk := connection.recv(65536):
                came.append(chunk)

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1], certificate.read_text(), came


def test_the_trail_goes_to_a_log_server_over_tls_once(box: Box, trail: Trail, tmp_path: Path) -> None:
    """RFC 5425 frames; what was sent is not sent again, and a dead server is told in words."""
    port, authority, came = _log_server(tmp_path / "server")
    box.audit_export.set_server(f"127.0.0.1:{port}", authority)
    worker = AuditWorker(trail, box.audit_export, source=lambda: "bucky-1a2b")
    worker.run_once()
    wait_for(lambda: b"".join(came).count(b"</AuditMessage>") == 3, 10, "the three messages")
    stream = b"".join(came)
    for _ in range(3):
        length, _, rest = stream.partition(b" ")
        message, stream = rest[: int(length)], rest[int(length) :]
        assert message.startswith(b"<85>1 20")
        assert b"<AuditMessage>" in message
    assert stream == b""
    assert (box.audit_export.sent, box.audit_export.trouble) == (3, None)
    trail.record("stopped", THE_BOX)
    AuditWorker(trail, box.audit_export, source=lambda: "bucky-1a2b").run_once()
    assert "does not take the audit trail" in (box.audit_export.trouble or "")
    assert box.audit_export.sent == 3
