"""Senders: who has sent pictures, and whether a person of the clinic accepted them (invariant 6)."""

import time
from dataclasses import dataclass
from typing import Literal

from sqlite_utils import Database as SqliteUtils

from appliance.archive.blobs import Provenance
from appliance.archive.database import Database
from appliance.clock import stamp
from appliance.dicom.rehearsal import REHEARSAL_AE
from appliance.dicom.repair import Rules
from appliance.errors import NotFound

SenderState = Literal["unknown", "accepted", "blocked"]
MAXIMUM_UNKNOWN = 50  # peers that sent nothing; somebody who makes up names fills no disk
_ADDRESSES_FOR_S = 1.0
REHEARSAL_ADDRESS = "rehearsal_address"
"""The setting that holds from where this box's own simulated X-ray unit sends."""
_MINUTE = len("2026-11-24T10:30")  # of a stamp


@dataclass(frozen=True)
class Sender:
    """An application entity at an address, a token's program, or the box itself."""

    id: int
    kind: str
    name: str
    address: str
    state: SenderState
    first_seen_at: str
    last_seen_at: str
    listen_port: int | None = None
    """Where the unit itself listens, for the connection test, commitment and C-MOVE."""
    certificate_pem: str | None = None
    """Set: the unit is believed over TLS with this certificate only."""
    rules: str = "{}"
    """JSON of what is repaired of its pictures, see appliance.dicom.repair."""
    former_rules: str | None = None
    clock_skew_s: int | None = None
    """The unit's clock less ours, as last seen."""
    reindexed_to: int | None = None
    """Set: stored pictures from this row on do not follow the rules yet."""
    waiting_instances: int = 0
    """Instances in quarantine."""


_SELECT = """
    SELECT sender.*,
           (SELECT count(*) FROM instance WHERE sender_id = sender.id AND quarantined = 1) AS waiting_instances
    FROM sender
"""


class Senders:
    """The list of senders; unknown ones are kept apart until somebody accepts them."""

    def __init__(self, database: Database, *, quarantine_max_instances: int, quarantine_max_mb: int) -> None:
        self._database = database
        self._max_instances, self._max_bytes = quarantine_max_instances, quarantine_max_mb * 10**6
        self._addresses: tuple[float, frozenset[str]] = (-_ADDRESSES_FOR_S, frozenset())

    def all(self) -> list[Sender]:
        """Every sender that speaks DIMSE but the box's own simulated X-ray unit, newest first."""
        rows = self._database.read.query(
            f"{_SELECT} WHERE kind = 'dimse' AND NOT (name = ? AND address ="  # noqa: S608 - bound values
            " coalesce((SELECT value FROM setting WHERE key = ?), '')) ORDER BY last_seen_at DESC",
            [REHEARSAL_AE, REHEARSAL_ADDRESS],
        )
        return [Sender(**row) for row in rows]

    def find(self, kind: str, name: str, address: str) -> Sender | None:
        """The sender by its identity."""
        rows = self._database.read.query(
            f"{_SELECT} WHERE kind = ? AND name = ? AND address = ?", [kind, name, address]
        )
        return next((Sender(**row) for row in rows), None)

    def get(self, sender_id: int) -> Sender:
        """A sender by its row; raises NotFound."""
        row = next(self._database.read.query(f"{_SELECT} WHERE sender.id = ?", [sender_id]), None)
        if row is None:
            raise NotFound(what="X-ray unit")
        return Sender(**row)

    def known_addresses(self) -> frozenset[str]:
        """The addresses of accepted senders, at most a second old: a flood of connections is not one of queries."""
        at, found = self._addresses
        if time.monotonic() - at > _ADDRESSES_FOR_S:
            rows = self._database.read.query("SELECT address FROM sender WHERE kind = 'dimse' AND state = 'accepted'")
            found = frozenset(row["address"] for row in rows)
            self._addresses = (time.monotonic(), found)
        return found

    def certificates_at(self, address: str) -> list[str]:
        """The certificates on file, PEM, of units at an address."""
        sql = "SELECT certificate_pem FROM sender WHERE address = ? AND certificate_pem IS NOT NULL ORDER BY id"
        return [row["certificate_pem"] for row in self._database.read.query(sql, [address])]

    def set_certificate(self, sender_id: int, pem: str | None) -> None:
        """Believe this unit over TLS with this certificate only, or again without one."""
        self._set(sender_id, "certificate_pem", pem)

    def set_listen_port(self, sender_id: int, port: int | None) -> None:
        """Where the unit itself listens."""
        self._set(sender_id, "listen_port", port)

    def _set(self, sender_id: int, column: str, value: object) -> None:
        with self._database.write() as db:
            sql = f"UPDATE sender SET {column} = ? WHERE id = ?"  # noqa: S608 - our own columns
            if db.conn.execute(sql, [value, sender_id]).rowcount == 0:
                raise NotFound(what="X-ray unit")

    def moved(self, sender_id: int, unit_id: int) -> None:
        """'This is the known unit, its address changed': the known unit goes on under the new title and address."""
        if sender_id == unit_id:
            raise NotFound(what="other X-ray unit")
        new, unit = self.get(sender_id), self.get(unit_id)
        self.accept(sender_id)
        with self._database.write() as db:
            execute = db.conn.execute
            execute("UPDATE instance SET sender_id = ? WHERE sender_id = ?", [unit_id, sender_id])
            execute("UPDATE former_sender SET sender_id = ? WHERE sender_id = ?", [unit_id, sender_id])
            execute("DELETE FROM sender WHERE id = ?", [sender_id])
            execute(  # its rules hold for what came under the new title too
                "UPDATE sender SET name = ?, address = ?, last_seen_at = ?, reindexed_to = 0 WHERE id = ?",
                [new.name, new.address, new.last_seen_at, unit_id],
            )
            execute(
                "INSERT OR REPLACE INTO former_sender (kind, name, address, sender_id, moved_at)"
                " VALUES (?, ?, ?, ?, ?)",
                [unit.kind, unit.name, unit.address, unit_id, stamp()],
            )

    def seen(self, provenance: Provenance) -> None:
        """Remember an unknown peer that asked for something, so that the page can offer to accept it."""
        with self._database.write() as db:
            ensure_sender(db, provenance)
            db.conn.execute(
                "DELETE FROM sender WHERE state = 'unknown' AND id NOT IN (SELECT sender_id FROM instance)"
                " AND id NOT IN (SELECT sender_id FROM former_sender)"
                " AND id NOT IN (SELECT id FROM sender WHERE state = 'unknown' ORDER BY last_seen_at DESC LIMIT ?)",
                [MAXIMUM_UNKNOWN],
            )

    def reachable(self, name: str, *, near: str) -> Sender | None:
        """The accepted sender of an AE title whose listening port is known, that at the address `near` first."""
        known = [s for s in self.all() if s.name == name and s.state == "accepted" and s.listen_port]
        return next((s for s in known if s.address == near), known[0] if known else None)

    def quarantine_is_full(self, sender_id: int) -> bool:
        """Whether an unknown sender has used up what is kept for it."""
        row = next(
            self._database.read.query(
                "SELECT count(*) AS number, coalesce(sum(size_bytes), 0) AS size FROM instance"
                " WHERE sender_id = ? AND quarantined = 1",
                [sender_id],
            )
        )
        return bool(row["number"] >= self._max_instances or row["size"] >= self._max_bytes)

    def accept(self, sender_id: int) -> None:
        """Accept a sender: its quarantined instances join their studies."""
        with self._database.write() as db:
            _set_state(db, sender_id, "accepted")
            studies = [
                row["study_id"]
                for row in db.query(
                    "SELECT DISTINCT study_id FROM instance WHERE sender_id = ? AND quarantined = 1", [sender_id]
                )
            ]
            db.conn.execute("UPDATE instance SET quarantined = 0 WHERE sender_id = ? AND quarantined = 1", [sender_id])
            db.conn.execute(
                "UPDATE instance SET conflict = 1 WHERE quarantined = 0 AND sop_instance_uid IN"
                " (SELECT sop_instance_uid FROM instance WHERE quarantined = 0 AND sop_instance_uid IN"
                " (SELECT sop_instance_uid FROM instance WHERE sender_id = ?)"
                " GROUP BY sop_instance_uid HAVING count(*) > 1)",
                [sender_id],
            )
            for study_id in studies:
                db.conn.execute(
                    "UPDATE study SET last_received_at = ?, instance_count ="
                    " (SELECT count(*) FROM instance WHERE study_id = study.id AND quarantined = 0) WHERE id = ?",
                    [stamp(), study_id],
                )

    def accept_title(self, name: str, address: str) -> None:
        """Accept an AE title at an address, seen already or not; '' means every address it was seen at."""
        seen = [s for s in self.all() if s.name == name and (address in ("", s.address))]
        if not seen:
            if not address:
                raise NotFound(what="X-ray unit")
            with self._database.write() as db:
                seen_id = ensure_sender(db, Provenance("dimse", name, address, stamp()))[0]
            return self.accept(seen_id)
        for sender in seen:
            self.accept(sender.id)
        return None

    def block(self, sender_id: int) -> None:
        """Refuse a sender from now on; what it sent before stays where it is."""
        with self._database.write() as db:
            _set_state(db, sender_id, "blocked")


def _set_state(db: SqliteUtils, sender_id: int, state: SenderState) -> None:
    if db.conn.execute("UPDATE sender SET state = ? WHERE id = ?", [state, sender_id]).rowcount == 0:
        raise NotFound(what="X-ray unit")


def ensure_sender(db: SqliteUtils, provenance: Provenance) -> tuple[int, SenderState]:
    """The row of a sender inside the caller's transaction; only DIMSE peers start as unknown."""
    who = [provenance.kind, provenance.name, provenance.address]
    sql = "SELECT id, state, last_seen_at FROM sender WHERE kind = ? AND name = ? AND address = ?"
    row = db.conn.execute(sql, who).fetchone()
    if row is None or row[2][:_MINUTE] < provenance.received_at[:_MINUTE]:  # not for every picture: few writes
        initial = "unknown" if provenance.kind == "dimse" else "accepted"
        row = db.conn.execute(
            """
            INSERT INTO sender (kind, name, address, state, first_seen_at, last_seen_at) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (kind, name, address) DO UPDATE SET last_seen_at = excluded.last_seen_at
            RETURNING id, state
            """,
            [*who, initial, provenance.received_at, provenance.received_at],
        ).fetchone()
    return int(row[0]), row[1]


def rules_of(db: SqliteUtils, provenance: Provenance) -> Rules:
    """The rules of a sender; none for one that was never seen."""
    row = db.conn.execute(
        "SELECT rules FROM sender WHERE kind = ? AND name = ? AND address = ?",
        [provenance.kind, provenance.name, provenance.address],
    ).fetchone()
    return Rules.from_json(row[0]) if row and row[0] != "{}" else Rules()
