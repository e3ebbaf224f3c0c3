"""What the agent remembers, in the box's one database: numbers of documents, answers, consent, reports."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from appliance.archive.database import Database
from appliance.clock import after, moment, now, stamp
from appliance.errors import BadInput, NotFound
from provisioning.protocol.messages import Outcome

MAX_CONSENT_HOURS = 24


@dataclass(frozen=True)
class Consent:
    """The clinic lets support in until a moment (a stamp)."""

    given_by: str
    given_at: str
    until: str


@dataclass(frozen=True)
class Answer:
    """What became of one document; `done` None while at work."""

    kind: str
    version: int
    name: str
    came_at: str
    done: bool | None
    reason: str
    figures: Mapping[str, Any]


@dataclass(frozen=True)
class Waiting:
    """A report that the clinic has not decided on, or that is on its way."""

    id: int
    made_at: str
    content: bytes
    decision: str | None


class Memory:
    """The tables of the vendor link."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, key: str) -> str | None:
        """A value of the link."""
        return self._database.setting(f"vendor_{key}")

    def set(self, key: str, value: str | None) -> None:
        """Keep a value, or forget it."""
        self._database.set_setting(f"vendor_{key}", value)

    @property
    def claimed(self) -> bool:
        """Whether the service said that the box belongs to a clinic."""
        return self.get("claimed") is not None

    @claimed.setter
    def claimed(self, value: bool) -> None:
        self.set("claimed", "yes" if value else None)

    def bind(self, serial: str) -> None:
        """A database that came from another box by a restore: its numbers and consents are not this box's."""
        if self.get("serial") == serial:
            return
        at = stamp()
        with self._database.write() as db:
            db.conn.execute("DELETE FROM setting WHERE key LIKE 'vendor\\_%' ESCAPE '\\'")
            db.conn.execute("DELETE FROM vendor_answer")
            db.conn.execute("DELETE FROM support_report")
            db.conn.execute("UPDATE support_consent SET ended_by = 'box', ended_at = ? WHERE ended_at IS NULL", [at])
            db.conn.execute("INSERT INTO setting (key, value) VALUES ('vendor_serial', ?)", [serial])

    def last_version(self, kind: str) -> int:
        """The highest number of a kind that was looked at, 0 for none."""
        row = self._read("SELECT max(version) FROM vendor_answer WHERE kind = ?", [kind]).fetchone()
        return int(row[0] or 0)

    def followed_version(self, kind: str) -> int:
        """The highest number of a kind that was followed, 0 for none."""
        row = self._read("SELECT max(version) FROM vendor_answer WHERE kind = ? AND done = 1", [kind]).fetchone()
        return int(row[0] or 0)

    def begin(self, kind: str, version: int, name: str) -> bool:
        """Note a document before it is followed; False if its number was used, however the box ended then."""
        try:
            with self._database.write() as db:
                db.conn.execute(
                    "INSERT INTO vendor_answer (kind, version, name, came_at) VALUES (?, ?, ?, ?)",
                    [kind, version, name, stamp()],
                )
        except sqlite3.IntegrityError:
            return False
        return True

    def finish(
        self, kind: str, version: int, *, done: bool, reason: str = "", figures: Mapping[str, Any] | None = None
    ) -> None:
        """Note what became of it; the vendor is told when the line is there."""
        with self._database.write() as db:
            db.conn.execute(
                "UPDATE vendor_answer SET done = ?, reason = ?, figures = ? WHERE kind = ? AND version = ?",
                [int(done), reason, json.dumps(dict(figures or {})), kind, version],
            )

    def interrupted(self) -> None:
        """Commands that were at work when the box ended: they are not tried again, and told as broken off."""
        with self._database.write() as db:
            db.conn.execute(
                "UPDATE vendor_answer SET done = 0, reason = 'broken-off' WHERE done IS NULL AND kind = 'command'"
            )

    def untold(self) -> list[tuple[str, Outcome]]:
        """Answers that the vendor does not have yet, with their kinds."""
        rows = self._read(
            "SELECT kind, version, done, reason, figures FROM vendor_answer"
            " WHERE done IS NOT NULL AND told_at IS NULL ORDER BY came_at"
        )
        return [(kind, Outcome(version, bool(done), reason, json.loads(f))) for kind, version, done, reason, f in rows]

    def told(self, kind: str, version: int) -> None:
        """The vendor has the answer."""
        with self._database.write() as db:
            db.conn.execute(
                "UPDATE vendor_answer SET told_at = ? WHERE kind = ? AND version = ?", [stamp(), kind, version]
            )

    def answers(self, limit: int = 50) -> list[Answer]:
        """The last documents, newest first, for the clinic's page."""
        rows = self._read(
            "SELECT kind, version, name, came_at, done, reason, figures FROM vendor_answer"
            " ORDER BY came_at DESC LIMIT ?",
            [limit],
        )
        return [
            Answer(kind, version, name, at, None if done is None else bool(done), reason, json.loads(figures))
            for kind, version, name, at, done, reason, figures in rows
        ]

    def consent(self) -> Consent | None:
        """The clinic's consent at this moment."""
        row = self._read(
            "SELECT given_by, given_at, until FROM support_consent WHERE ended_at IS NULL ORDER BY id DESC LIMIT 1"
        ).fetchone()
        if row is None or not moment(row[1]) <= now() < moment(row[2]):
            return None
        return Consent(*row)

    def give_consent(self, by: str, hours: int) -> Consent:
        """Let support in for 1 to 24 hours from now; raises BadInput."""
        if not 1 <= hours <= MAX_CONSENT_HOURS:
            raise BadInput(field="Hours", reason=f"1 to {MAX_CONSENT_HOURS}")
        self.end_consent(by)
        consent = Consent(by, stamp(), after(3600 * hours))
        with self._database.write() as db:
            db.conn.execute(
                "INSERT INTO support_consent (given_by, given_at, until) VALUES (?, ?, ?)",
                [consent.given_by, consent.given_at, consent.until],
            )
        return consent

    def end_consent(self, by: str) -> None:
        """No more from now on."""
        with self._database.write() as db:
            db.conn.execute(
                "UPDATE support_consent SET ended_by = ?, ended_at = ? WHERE ended_at IS NULL", [by, stamp()]
            )

    def wishes(self) -> tuple[int, int]:
        """Changes when the clinic lets support in, ends it, or releases a report."""
        row = self._read(
            "SELECT (SELECT count(*) + count(ended_at) FROM support_consent),"
            " (SELECT count(*) FROM support_report WHERE decision = 'released')"
        ).fetchone()
        return int(row[0]), int(row[1])

    def lay_ready(self, content: bytes) -> int:
        """Keep a report for the clinic to look at; returns its row."""
        with self._database.write() as db:
            made = db.conn.execute("INSERT INTO support_report (made_at, content) VALUES (?, ?)", [stamp(), content])
            return int(made.lastrowid or 0)

    def reports(self) -> list[Waiting]:
        """Reports that wait for the clinic's decision or for the line."""
        rows = self._read(
            "SELECT id, made_at, content, decision FROM support_report"
            " WHERE sent_at IS NULL AND decision IS NOT 'kept' ORDER BY id"
        )
        return [Waiting(*row) for row in rows]

    def decide(self, report_id: int, by: str, *, release: bool) -> None:
        """Let a report go as it was seen, or keep it here; raises NotFound."""
        with self._database.write() as db:
            changed = db.conn.execute(
                "UPDATE support_report SET decision = ?, decided_by = ?, decided_at = ?"
                " WHERE id = ? AND decision IS NULL",
                ["released" if release else "kept", by, stamp(), report_id],
            )
            if changed.rowcount != 1:
                raise NotFound(what="report")

    def sent(self, report_id: int) -> None:
        """The vendor has the report."""
        with self._database.write() as db:
            db.conn.execute("UPDATE support_report SET sent_at = ? WHERE id = ?", [stamp(), report_id])

    def _read(self, sql: str, values: list[Any] | None = None) -> sqlite3.Cursor:
        return self._database.read.conn.execute(sql, values or [])
