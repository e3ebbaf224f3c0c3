"""Storage commitment: every instance is read back from the disk before it is promised (PS3.4 annex J)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.archive.blobs import BlobStore
from appliance.archive.database import Database
from appliance.archive.digest import dataset_digest
from appliance.clock import after, stamp
from appliance.dicom.uids import replaced_uid
from appliance.errors import NotDicom

# Failure reasons, PS3.3 C.14.1.1
PROCESSING_FAILURE = 0x0110
NO_SUCH_OBJECT_INSTANCE = 0x0112
CLASS_INSTANCE_CONFLICT = 0x0119
GIVE_UP_AFTER = 200  # attempts; with the longest pause of an hour that is more than a week
LONGEST_PAUSE_S = 3600.0

Reference = tuple[str, str]
"""SOP class UID and SOP Instance UID."""


@dataclass(frozen=True)
class Commitment:
    """One request of a unit; `failures` is None until the disk was asked."""

    id: int
    transaction_uid: str
    name: str
    address: str
    asked: tuple[Reference, ...]
    failures: dict[str, int] | None
    attempts: int


class Commitments:
    """Requests that live until the unit was told."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs

    def ask(self, transaction_uid: str, name: str, address: str, asked: Sequence[Reference]) -> None:
        """Keep a request; the same transaction again is answered again."""
        with self._database.write() as db:
            db.conn.execute(
                "INSERT INTO commitment (transaction_uid, name, address, asked, state, next_attempt_at, created_at)"
                " VALUES (?, ?, ?, ?, 'waiting', ?, ?) ON CONFLICT (transaction_uid, name, address) DO UPDATE"
                " SET asked = excluded.asked, failures = NULL, state = 'waiting', attempts = 0,"
                " next_attempt_at = excluded.next_attempt_at",
                [transaction_uid, name, address, json.dumps(asked), stamp(), stamp()],
            )
            for study_id in _studies(db, asked):
                db.conn.execute(
                    "INSERT INTO study_signal (study_id, kind, at) VALUES (?, 'commitment asked', ?)"
                    " ON CONFLICT (study_id, kind) DO UPDATE SET at = excluded.at",
                    [study_id, stamp()],
                )

    def due(self) -> list[Commitment]:
        """What is to be told now, oldest first."""
        sql = "SELECT * FROM commitment WHERE state = 'waiting' AND next_attempt_at <= ? ORDER BY id"
        return [_commitment(row) for row in self._database.read.query(sql, [stamp()])]

    def waiting(self) -> list[Commitment]:
        """What the units have not been told yet."""
        return [
            _commitment(row) for row in self._database.read.query("SELECT * FROM commitment WHERE state = 'waiting'")
        ]

    def check(self, commitment: Commitment) -> dict[str, int]:
        """Read every instance back from the disk; returns the failure reason of each that is not safe."""
        reasons = {uid: self._reason(sop_class, uid) for sop_class, uid in commitment.asked}
        failures = {uid: reason for uid, reason in reasons.items() if reason is not None}
        with self._database.write() as db:
            db.conn.execute("UPDATE commitment SET failures = ? WHERE id = ?", [json.dumps(failures), commitment.id])
        return failures

    def _reason(self, sop_class_uid: str, sop_instance_uid: str) -> int | None:
        rows = list(
            self._database.read.query(
                "SELECT sop_class_uid, dataset_sha256 FROM instance"
                " WHERE sop_instance_uid IN (?, ?) AND quarantined = 0",
                [sop_instance_uid, replaced_uid(sop_instance_uid)],
            )
        )
        if not rows:
            return NO_SUCH_OBJECT_INSTANCE
        if all(row["sop_class_uid"] != sop_class_uid for row in rows):
            return CLASS_INSTANCE_CONFLICT
        good = all(_is_whole(self._blobs.path(row["dataset_sha256"]), row["dataset_sha256"]) for row in rows)
        return None if good else PROCESSING_FAILURE

    def told(self, commitment: Commitment) -> None:
        """The unit has acknowledged the report."""
        with self._database.write() as db:
            db.conn.execute("UPDATE commitment SET state = 'told' WHERE id = ?", [commitment.id])

    def later(self, commitment: Commitment) -> None:
        """The unit could not be told; try again after a pause that grows."""
        attempts = commitment.attempts + 1
        pause_s = min(LONGEST_PAUSE_S, 5.0 * 2.0 ** min(attempts, 12))
        state = "given up" if attempts >= GIVE_UP_AFTER else "waiting"
        with self._database.write() as db:
            db.conn.execute(
                "UPDATE commitment SET attempts = ?, next_attempt_at = ?, state = ? WHERE id = ?",
                [attempts, after(pause_s), state, commitment.id],
            )

    def unit_is_back(self, name: str, address: str) -> None:
        """The unit has connected: tell it now what it waits for."""
        with self._database.write() as db:
            db.conn.execute(
                "UPDATE commitment SET next_attempt_at = ? WHERE state = 'waiting' AND name = ? AND address = ?",
                [stamp(), name, address],
            )


def _is_whole(path: Path, dataset_sha256: str) -> bool:
    try:
        return dataset_digest(path) == dataset_sha256
    except (OSError, NotDicom):  # gone, unreadable, or its header is damaged
        return False


def _studies(db: Any, asked: Sequence[Reference]) -> list[int]:
    uids = json.dumps([name for _, uid in asked for name in (uid, replaced_uid(uid))])
    sql = (
        "SELECT DISTINCT study_id FROM instance WHERE quarantined = 0"
        " AND sop_instance_uid IN (SELECT value FROM json_each(?))"
    )
    return [int(row[0]) for row in db.conn.execute(sql, [uids])]


def _commitment(row: dict[str, Any]) -> Commitment:
    return Commitment(
        id=row["id"],
        transaction_uid=row["transaction_uid"],
        name=row["name"],
        address=row["address"],
        asked=tuple((pair[0], pair[1]) for pair in json.loads(row["asked"])),
        failures=None if row["failures"] is None else json.loads(row["failures"]),
        attempts=row["attempts"],
    )
