"""Taking studies out of the archive and having them back: deletion with a grace period, corrected copies."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.archive.blobs import BlobStore
from appliance.archive.database import Database
from appliance.archive.forget import Gone, forget_in
from appliance.clock import after, stamp
from appliance.errors import BadInput, NotFound

GRACE_DAYS = 30
_HERE, _OUT = 0, 2  # values of instance.quarantined
_DAY_S = 86_400
_COUNT = (
    "UPDATE study SET instance_count = (SELECT count(*) FROM instance WHERE study_id = study.id AND quarantined = 0)"
    " WHERE id IN (SELECT study_id FROM instance WHERE id IN (SELECT instance_id FROM set_aside_instance"
    " WHERE set_aside_id = ?))"
)


@dataclass(frozen=True)
class Removal:
    """One deletion or correction that can still be undone."""

    id: int
    kind: str
    study_id: int
    patient_name: str | None
    patient_id: str | None
    study_description: str | None
    study_date: str | None
    instances: int
    reason: str
    done_by: str
    done_at: str
    purge_at: str | None


class SetAside:
    """What a person took out of the archive."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs

    def delete_study(self, study_id: int, *, reason: str, by: str) -> int:
        """Take a study out; its files go after the grace period. Raises BadInput, NotFound."""
        reason = valid_reason(reason)
        with self._database.write() as db:
            rows = db.conn.execute(
                "SELECT id FROM instance WHERE study_id = ? AND quarantined = 0", [study_id]
            ).fetchall()
            if not rows:
                raise NotFound(what="study")
            purge_at = after(GRACE_DAYS * _DAY_S)
            return _note(db.conn, "deleted", study_id, [row[0] for row in rows], [], reason, by, purge_at)

    def replace(self, study_id: int, originals: Sequence[int], copies: Sequence[int], *, reason: str, by: str) -> int:
        """Corrected copies take the place of the originals, which are kept for good."""
        with self._database.write() as db:
            return _note(db.conn, "corrected", study_id, originals, copies, valid_reason(reason), by, None)

    def undo(self, removal_id: int, *, by: str) -> Removal:
        """Have the originals back; corrected copies go out in their place. Raises NotFound."""
        removal = self.get(removal_id)
        with self._database.write() as db:
            _end(db.conn, removal_id, "undone", by)
            _move(db.conn, removal_id, "original", _HERE)
            _move(db.conn, removal_id, "copy", _OUT)
            db.conn.execute(_COUNT, [removal_id])
        return removal

    def get(self, removal_id: int) -> Removal:
        """One that can still be undone; raises NotFound."""
        found = self._open("AND set_aside.id = ?", [removal_id])
        if not found:
            raise NotFound(what="deletion")
        return found[0]

    def all(self) -> list[Removal]:
        """All that can still be undone, newest first."""
        return self._open("", [])

    def _open(self, condition: str, values: list[int]) -> list[Removal]:
        sql = f"""
            SELECT set_aside.id, kind, set_aside.study_id, patient_name, patient_id, study_description, study_date,
                   (SELECT count(*) FROM set_aside_instance WHERE set_aside_id = set_aside.id AND part = 'original'),
                   reason, done_by, done_at, purge_at
            FROM set_aside JOIN study ON study.id = set_aside.study_id
            WHERE outcome IS NULL {condition} ORDER BY done_at DESC
        """  # noqa: S608 - the condition is this class's own
        return [Removal(*row) for row in self._database.read.conn.execute(sql, values)]

    def purge(self, on_gone: Gone) -> int:
        """Remove for good what was deleted and whose grace period is over; returns how many studies."""
        sql = "SELECT id FROM set_aside WHERE outcome IS NULL AND purge_at <= ?"
        due = [row[0] for row in self._database.read.conn.execute(sql, [stamp()])]
        for removal_id in due:
            self._purge_one(removal_id, on_gone)
        return len(due)

    def _purge_one(self, removal_id: int, on_gone: Gone) -> None:
        """The files before the commit: a kill in between leaves rows, whose removal is still due."""
        with self._database.write() as db:
            sql = "SELECT instance_id FROM set_aside_instance WHERE set_aside_id = ?"
            forget_in(db.conn, self._blobs, [row[0] for row in db.conn.execute(sql, [removal_id])], on_gone)
            _end(db.conn, removal_id, "purged", "box")


class PurgeWorker:
    """The courier's loop that ends grace periods."""

    LOOK_S = 3600.0

    def __init__(self, removals: SetAside, on_gone: Gone) -> None:
        self._removals = removals
        self._on_gone = on_gone

    def run_once(self) -> float:
        """Remove what is due."""
        self._removals.purge(self._on_gone)
        return self.LOOK_S


def _note(
    conn: sqlite3.Connection,
    kind: str,
    study_id: int,
    originals: Sequence[int],
    copies: Sequence[int],
    reason: str,
    by: str,
    purge_at: str | None,
) -> int:
    row = conn.execute(
        "INSERT INTO set_aside (kind, study_id, reason, done_by, done_at, purge_at) VALUES (?, ?, ?, ?, ?, ?)"
        " RETURNING id",
        [kind, study_id, reason, by, stamp(), purge_at],
    ).fetchone()
    removal_id = int(row[0])
    parts = [(removal_id, i, "original") for i in originals] + [(removal_id, i, "copy") for i in copies]
    conn.executemany("INSERT INTO set_aside_instance VALUES (?, ?, ?)", parts)
    _move(conn, removal_id, "original", _OUT)
    conn.execute(_COUNT, [removal_id])
    return removal_id


def _move(conn: sqlite3.Connection, removal_id: int, part: str, place: int) -> None:
    conn.execute(
        "UPDATE instance SET quarantined = ? WHERE id IN"
        " (SELECT instance_id FROM set_aside_instance WHERE set_aside_id = ? AND part = ?)",
        [place, removal_id, part],
    )


def _end(conn: sqlite3.Connection, removal_id: int, outcome: str, by: str) -> None:
    conn.execute(
        "UPDATE set_aside SET outcome = ?, ended_by = ?, ended_at = ? WHERE id = ?", [outcome, by, stamp(), removal_id]
    )


def valid_reason(reason: str) -> str:
    """What a person says why; raises BadInput."""
    if not 3 <= len(reason.strip()) <= 200:
        raise BadInput(field="Reason", reason="say in a few words why")
    return reason.strip()
