"""How the boxes are, by their heartbeats; and whether a box's own audit trail only grows."""

from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from appliance.clock import moment, now, stamp
from provisioning.fleet import audit
from provisioning.fleet.registry import find
from provisioning.fleet.store import Store
from provisioning.fleet.tables import Box, Clinic
from provisioning.protocol.figures import well_formed
from provisioning.protocol.messages import Heartbeat

SILENT_S = 300.0
"""A box that missed five heartbeats is away."""


@dataclass(frozen=True)
class Line:
    """One box as the list shows it; `away_s` counts from the last heartbeat, None for one never heard."""

    serial: str
    clinic: str
    state: str
    release: str
    away_s: float | None
    worst: str
    trouble: list[str]

    @property
    def away(self) -> bool:
        """Whether it is silent for longer than it should be."""
        return self.away_s is None or self.away_s > SILENT_S


def note(session: Session, box: Box, heartbeat: Heartbeat) -> None:
    """Keep a heartbeat. A trail that became shorter, or another at the same length, stays noted until cleared."""
    shorter = heartbeat.audit_number < box.audit_number
    other = heartbeat.audit_number == box.audit_number and heartbeat.audit_hash != box.audit_hash
    if (shorter or other) and box.audit_trouble is None:
        box.audit_trouble = (
            f"The box's audit trail had {box.audit_number} events and now has {heartbeat.audit_number}."
            if shorter
            else f"Event {box.audit_number} of the box's audit trail is another than before."
        )
        audit.record(session, audit.SERVICE, "box-audit-cut", box.serial)
    if not shorter:
        box.audit_number, box.audit_hash = heartbeat.audit_number, heartbeat.audit_hash
    box.seen_at, box.release = stamp(), heartbeat.release
    checks = [check for found in heartbeat.checks if (check := well_formed(found))]
    box.heartbeat = msgspec.to_builtins(msgspec.structs.replace(heartbeat, checks=checks))


def accept_audit(store: Store, serial: str, *, who: str) -> None:
    """The trail as it is now is the box's, as after a restore that the clinic told of; later cuts are noted again."""
    with store.write() as session:
        box = find(session, serial)
        was, heartbeat = box.audit_trouble, box.heartbeat or {}
        box.audit_trouble = None
        box.audit_number, box.audit_hash = heartbeat.get("audit_number", 0), heartbeat.get("audit_hash", "")
        audit.record(session, who, "box-audit-accepted", serial, was=was or "")


def lines(store: Store, *, search: str = "", after: str = "", limit: int = 100) -> list[Line]:
    """Boxes by serial, those after one for the next page; `search` is part of a serial or of a clinic's name."""
    query = (
        select(Box, Clinic.name)
        .join(Clinic, Clinic.id == Box.clinic_id, isouter=True)
        .where(Box.serial > after)
        .order_by(Box.serial)
        .limit(limit)
    )
    if search:
        query = query.where(
            or_(Box.serial.icontains(search, autoescape=True), Clinic.name.icontains(search, autoescape=True))
        )
    with store.read() as session:
        return [line(box, clinic or "") for box, clinic in session.execute(query)]


def line(box: Box, clinic: str) -> Line:
    """A box as the list shows it."""
    away_s = (now() - moment(box.seen_at)).total_seconds() if box.seen_at else None
    checks: list[dict[str, Any]] = (box.heartbeat or {}).get("checks", [])
    bad = [check["key"] for check in checks if check["state"] == "bad"]
    states = {check["state"] for check in checks}
    worst = next((state for state in ("bad", "busy", "good") if state in states), "unknown")
    if box.audit_trouble:
        bad, worst = [*bad, "audit"], "bad"
    return Line(box.serial, clinic, box.state, box.release or "", away_s, worst, bad)
