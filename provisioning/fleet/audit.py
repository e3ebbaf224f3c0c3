"""The service's audit: who of the vendor did what to which box; each entry's hash covers the entry before."""

import hashlib
import json

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from appliance.clock import stamp
from provisioning.fleet.tables import Event

SERVICE = "service"


def record(session: Session, who: str, what: str, serial: str = "", **detail: str) -> None:
    """Add one entry in the caller's transaction: what was done and that it was noted stand or fall together."""
    _one_at_a_time(session)
    last = session.scalars(select(Event).order_by(Event.number.desc()).limit(1)).first()
    entry = Event(
        number=last.number + 1 if last else 1,
        at=stamp(),
        who=who,
        what=what,
        serial=serial,
        detail=json.dumps(detail, sort_keys=True),
        hash="",
    )
    entry.hash = _hash(last.hash if last else "", entry)
    session.add(entry)
    session.flush()


def _one_at_a_time(session: Session) -> None:
    """Two writers must not take the same number; SQLite's transactions take turns anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(210399)))


def trouble(session: Session) -> str | None:
    """Why the audit cannot be believed; None while it can."""
    number, before = 0, ""
    for entry in session.scalars(select(Event).order_by(Event.number)):
        if entry.number != number + 1:
            return f"Entry {number + 1} is missing."
        if entry.hash != _hash(before, entry):
            return f"Entry {entry.number} was changed after it was written."
        number, before = entry.number, entry.hash
    return None


def newest(session: Session, *, serial: str | None = None, limit: int = 200) -> list[Event]:
    """The last entries, newest first, of one box or of all."""
    query = select(Event).order_by(Event.number.desc()).limit(limit)
    return list(session.scalars(query if serial is None else query.where(Event.serial == serial)))


def _hash(before: str, entry: Event) -> str:
    row = [entry.number, entry.at, entry.who, entry.what, entry.serial, entry.detail]
    return hashlib.sha256((before + json.dumps(row, ensure_ascii=False)).encode()).hexdigest()
