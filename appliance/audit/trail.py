"""The trail itself: rows that are only ever added, each hash over its row and the hash before.

A chain shows any change inside it, but not that its end was cut off. Hence the anchor: the number and hash of a late
row, in a file of its own; the head also goes out with each export, so that copies elsewhere tell of a cut.
"""

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from appliance.audit.events import BY_NAME, SUCCESS
from appliance.clock import stamp

if TYPE_CHECKING:  # the database's library loads numpy, which the receiver does without
    from appliance.archive.database import Database

ActorKind = Literal["person", "program", "device", "box"]
_COLUMNS = "number, at, kind, outcome, actor, actor_kind, address, detail, hash"


@dataclass(frozen=True)
class Actor:
    """Who did it, and from which IP address."""

    name: str
    kind: ActorKind
    address: str = ""


THE_BOX = Actor("box", "box")


@dataclass(frozen=True)
class Entry:
    """One event as it was written."""

    number: int
    at: str
    kind: str
    outcome: int
    actor: Actor
    detail: Mapping[str, str]
    hash: str

    @property
    def words(self) -> str:
        """What happened, for people."""
        return BY_NAME[self.kind].words if self.kind in BY_NAME else self.kind


@dataclass(frozen=True)
class Head:
    """The end of the chain; number 0 when nothing was written yet."""

    number: int
    hash: str


@dataclass(frozen=True)
class Search:
    """What the page of the trail is asked for; empty fields match everything, days are ISO dates."""

    kind: str = ""
    text: str = ""
    first_day: str = ""
    last_day: str = ""


class Trail:
    """The audit trail of one box."""

    def __init__(self, database: "Database", anchor: Path) -> None:
        self._database = database
        self._anchor = anchor

    def record(self, kind: str, actor: Actor, *, outcome: int = SUCCESS, **detail: str | None) -> Entry:
        """Add one event; `detail` names what it was about, e.g. study_instance_uid, patient_id, patient_name."""
        known = {key: value for key, value in detail.items() if value}
        with self._database.write() as db:
            head = _head(db.conn)
            row = [head.number + 1, stamp(), BY_NAME[kind].name, outcome, actor.name, actor.kind, actor.address]
            row.append(json.dumps(known, ensure_ascii=False, sort_keys=True))
            row.append(_hash(head.hash, row))
            db.conn.execute(f"INSERT INTO audit_event ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608 - our own names
        return _entry(tuple(row))

    def head(self) -> Head:
        """Number and hash of the last event."""
        return _head(self._database.read.conn)

    def after(self, number: int, *, limit: int) -> list[Entry]:
        """The events after a number, oldest first."""
        sql = f"SELECT {_COLUMNS} FROM audit_event WHERE number > ? ORDER BY number LIMIT ?"  # noqa: S608 - our own names
        return [_entry(row) for row in self._database.read.conn.execute(sql, [number, limit])]

    def search(self, wanted: Search, *, before: int | None = None, limit: int = 100) -> list[Entry]:
        """Matching events, newest first, those before a number for the next page."""
        text = "%" + wanted.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        sql = (
            f"SELECT {_COLUMNS} FROM audit_event WHERE (?1 = '' OR kind = ?1)"  # noqa: S608 - our own names
            " AND (?2 = '' OR at >= ?2) AND (?3 = '' OR at < ?3 || 'U')"  # every time of that day sorts before 'U'
            r" AND (actor LIKE ?4 ESCAPE '\' OR detail LIKE ?4 ESCAPE '\' OR address LIKE ?4 ESCAPE '\')"
            " AND (?5 IS NULL OR number < ?5) ORDER BY number DESC LIMIT ?6"
        )
        given = [wanted.kind, wanted.first_day, wanted.last_day, text, before, limit]
        return [_entry(row) for row in self._database.read.conn.execute(sql, given)]

    def trouble(self) -> str | None:
        """Why the trail cannot be believed, in words; None while it can. Reads all of it."""
        anchor = self._anchored()
        head = Head(0, "")
        for row in self._database.read.conn.execute(f"SELECT {_COLUMNS} FROM audit_event ORDER BY number"):  # noqa: S608 - our own names
            if row[0] != head.number + 1:
                return f"Event {head.number + 1} is missing."
            if row[8] != _hash(head.hash, row[:8]):
                return f"Event {row[0]} was changed after it was written."
            head = Head(row[0], row[8])
            if anchor.number == head.number and anchor.hash != head.hash:
                return f"Event {row[0]} is another than the one that was noted outside the database."
        if anchor.number > head.number:
            return f"The trail ends at event {head.number}, but event {anchor.number} was there before."
        return None

    def cut(self) -> str | None:
        """Whether the trail is shorter than it was, or not the one that was noted; reads one row."""
        anchor = self._anchored()
        if anchor.number == 0:
            return None
        there = self.after(anchor.number - 1, limit=1)
        if not there or there[0].number != anchor.number:
            return f"The audit trail ends before event {anchor.number}, which was there."
        return None if there[0].hash == anchor.hash else f"Event {anchor.number} of the audit trail was changed."

    def anchor(self) -> None:
        """Note the head outside the database; never moves back, so that a cut trail stays noticed."""
        head = self.head()
        if head.number <= self._anchored().number:
            return
        made = self._anchor.with_suffix(".new")
        with made.open("w") as file:
            json.dump({"number": head.number, "hash": head.hash, "at": stamp()}, file)
            file.flush()
            os.fsync(file.fileno())
        made.replace(self._anchor)

    def _anchored(self) -> Head:
        try:
            noted = json.loads(self._anchor.read_text())
            return Head(int(noted["number"]), str(noted["hash"]))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return Head(0, "")


def _head(conn: sqlite3.Connection) -> Head:
    row = conn.execute("SELECT number, hash FROM audit_event ORDER BY number DESC LIMIT 1").fetchone()
    return Head(*row) if row else Head(0, "")


def _hash(before: str, row: "tuple[object, ...] | list[object]") -> str:
    return hashlib.sha256((before + json.dumps(list(row), ensure_ascii=False)).encode()).hexdigest()


def _entry(row: tuple[object, ...]) -> Entry:
    number, at, kind, outcome, actor, actor_kind, address, detail, digest = row
    who = Actor(str(actor), actor_kind, str(address))  # type: ignore[arg-type]  # held by the table's own check
    return Entry(int(str(number)), str(at), str(kind), int(str(outcome)), who, json.loads(str(detail)), str(digest))


def in_batches(trail: Trail, *, size: int = 500) -> Iterator[Entry]:
    """Every event, oldest first, without holding all of them in memory."""
    number = 0
    while batch := trail.after(number, limit=size):
        yield from batch
        number = batch[-1].number
