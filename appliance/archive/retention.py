"""Which studies may leave the disk: only those that are safe in a reader's archive, by rules that the clinic sets.

An evicted study keeps its rows, its thumbnails and its previews, and comes back when somebody opens it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from appliance.archive.blobs import BlobStore
from appliance.archive.database import Database
from appliance.clock import after, stamp
from appliance.errors import BadInput, NotFound

ANY_KIND = "*"
_SETTING = "retention"
_DAY_S = 86_400
_STAYS_AFTER_RECALL_DAYS = 14
_OPEN_CASE_DAYS = 90  # a request whose answer never comes by this way does not hold the pictures for ever

# Everything that forbids eviction, in one place; it is asked again inside the transaction that evicts
_MAY_GO = """
    study.instance_count > 0 AND study.kept_for_ever = 0 AND coalesce(study.recalled_at, '') < :recalled_before
    AND EXISTS (SELECT 1 FROM instance JOIN sender ON sender.id = sender_id
                WHERE study_id = study.id AND file_state = 'here' AND sender.kind <> 'result')
    AND NOT EXISTS (SELECT 1 FROM instance WHERE study_id = study.id
                    AND (quarantined <> 0 OR conflict <> 0 OR routed = 0 OR file_state IN ('damaged', 'missing')))
    AND NOT EXISTS (SELECT 1 FROM delivery JOIN instance ON instance.id = instance_id
                    WHERE instance.study_id = study.id AND delivery.state <> 'verified')
    AND NOT EXISTS (SELECT 1 FROM instance JOIN sender ON sender.id = sender_id
                    WHERE study_id = study.id AND sender.kind <> 'result' AND NOT EXISTS
                    (SELECT 1 FROM delivery JOIN destination ON destination.id = destination_id
                     WHERE instance_id = instance.id AND delivery.state = 'verified' AND removed_at IS NULL))
    AND NOT EXISTS (SELECT 1 FROM reading_request WHERE study_id = study.id AND workitem_state <> 'none'
                    AND asked_at > :asked_after AND NOT EXISTS
                    (SELECT 1 FROM instance JOIN sender ON sender.id = sender_id
                     WHERE instance.study_id = study.id AND sender.kind = 'result'))
    AND NOT EXISTS (SELECT 1 FROM reading_case WHERE study_id = study.id AND state IN ('draft', 'released'))
    AND NOT EXISTS (SELECT 1 FROM report_draft WHERE study_id = study.id)
    AND NOT EXISTS (SELECT 1 FROM workitem WHERE workitem.study_instance_uid = study.study_instance_uid
                    AND workitem.state NOT IN ('COMPLETED', 'CANCELED'))
"""
_KIND = "(SELECT coalesce(max(modality), '') FROM series WHERE study_id = study.id)"
_FILES = (
    "SELECT instance.id, study_instance_uid, series_instance_uid, sop_instance_uid, sop_class_uid, dataset_sha256"
    " FROM instance"
    " JOIN study ON study.id = instance.study_id JOIN series ON series.id = series_id"
    " JOIN sender ON sender.id = sender_id"
    " WHERE instance.study_id = ? AND file_state = 'here' AND sender.kind <> 'result' ORDER BY instance.id"
)


@dataclass(frozen=True)
class Rules:
    """When studies leave; nothing is ever evicted while both are empty."""

    days: Mapping[str, int] = field(default_factory=dict)
    """By modality, or ANY_KIND: days after the last picture."""
    min_free_gb: int = 0
    """While less is free, the oldest leave first, however old they are."""


@dataclass(frozen=True)
class StoredFile:
    """One instance that would leave."""

    instance_id: int
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    dataset_sha256: str


class Retention:
    """The rules, what they let go, and what is kept for ever."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs

    def rules(self) -> Rules:
        """The rules in effect."""
        return Rules(**json.loads(self._database.setting(_SETTING) or "{}"))

    def set_rules(self, rules: Rules) -> None:
        """New rules; raises BadInput."""
        if any(not 1 <= days <= 36_500 for days in rules.days.values()):
            raise BadInput(field="Days", reason="a number from 1 to 36500")
        if not 0 <= rules.min_free_gb <= 100_000:
            raise BadInput(field="Free space", reason="a number of gigabytes")
        self._database.set_setting(_SETTING, json.dumps(asdict(rules)))

    def keep_for_ever(self, study_id: int, *, keep: bool) -> None:
        """Mark a study, or take the mark away; raises NotFound."""
        with self._database.write() as db:
            change = db.conn.execute("UPDATE study SET kept_for_ever = ? WHERE id = ?", [int(keep), study_id])
        if change.rowcount == 0:
            raise NotFound(what="study")

    def candidates(self, *, limit: int = 10) -> list[int]:
        """The studies that the rules would let go now, oldest first."""
        rules = self.rules()
        conditions, values = [], self._values()
        for number, (kind, days) in enumerate(rules.days.items()):
            values |= {f"kind{number}": kind, f"before{number}": after(-days * _DAY_S)}
            others = [f":kind{n}" for n, k in enumerate(rules.days) if k != ANY_KIND]
            match = f"{_KIND} NOT IN ({', '.join(others)})" if kind == ANY_KIND else f"{_KIND} = :kind{number}"
            conditions.append(f"(last_received_at < :before{number} AND {match})")
        if rules.min_free_gb and self._blobs.free_bytes() < rules.min_free_gb * 10**9:
            conditions.append("1")
        if not conditions:
            return []
        sql = (
            f"SELECT id FROM study WHERE {_MAY_GO} AND ({' OR '.join(conditions)})"  # noqa: S608 - our own conditions
            " ORDER BY last_received_at LIMIT :limit"
        )
        return [int(row[0]) for row in self._database.read.conn.execute(sql, {**values, "limit": limit})]

    def files(self, study_id: int) -> list[StoredFile]:
        """What of a study would leave: the originals; reports are small and stay."""
        return [StoredFile(*row) for row in self._database.read.conn.execute(_FILES, [study_id])]

    def sent_digests(self, file: StoredFile) -> frozenset[str]:
        """The digests of the original and of every copy that went out in its place."""
        sql = (
            "SELECT sent_copy.dataset_sha256 FROM sent_copy JOIN delivery ON delivery.id = delivery_id"
            " WHERE instance_id = ?"
        )
        rows = self._database.read.conn.execute(sql, [file.instance_id])
        return frozenset({file.dataset_sha256, *(row[0] for row in rows)})

    def path(self, file: StoredFile) -> Path:
        """Where the file is."""
        return self._blobs.path(file.dataset_sha256)

    def evict(self, study_id: int, files: list[StoredFile]) -> bool:
        """Let a study go whose every file was confirmed elsewhere a moment ago; False if something forbids it now.

        The rows first: a kill in between leaves files, which then simply count as here again.
        """
        with self._database.write() as db:
            may_go = db.conn.execute(
                f"SELECT 1 FROM study WHERE id = :study AND {_MAY_GO}",  # noqa: S608 - our own conditions
                self._values() | {"study": study_id},
            ).fetchone()
            if not may_go or [row[0] for row in db.conn.execute(_FILES, [study_id])] != [f.instance_id for f in files]:
                return False
            for file in files:
                db.conn.execute("UPDATE instance SET file_state = 'evicted' WHERE id = ?", [file.instance_id])
            shared = "SELECT 1 FROM instance WHERE dataset_sha256 = ? AND file_state = 'here'"
            digests = [f.dataset_sha256 for f in files if not db.conn.execute(shared, [f.dataset_sha256]).fetchone()]
        for digest in digests:
            self._blobs.evict(digest)
        return True

    def _values(self) -> dict[str, Any]:
        return {
            "recalled_before": after(-_STAYS_AFTER_RECALL_DAYS * _DAY_S),
            "asked_after": after(-_OPEN_CASE_DAYS * _DAY_S),
        }


@dataclass(frozen=True)
class Recall:
    """An evicted study on its way back; counts are instances."""

    study_id: int
    state: str
    total: int
    done: int
    message: str | None
    hint: str | None


class Recalls:
    """The studies that somebody opened and that are not here."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(self, study_id: int) -> None:
        """Have a study back, if any of it is evicted."""
        with self._database.write() as db:
            (missing,) = db.conn.execute(
                "SELECT count(*) FROM instance WHERE study_id = ? AND file_state = 'evicted'", [study_id]
            ).fetchone()
            if missing:
                db.conn.execute(
                    "INSERT INTO recall (study_id, asked_at, state, total, next_attempt_at)"
                    " VALUES (?, ?, 'waiting', ?, ?) ON CONFLICT (study_id) DO UPDATE SET state = 'waiting',"
                    " total = excluded.total, done = 0, next_attempt_at = excluded.next_attempt_at,"
                    " message = NULL, hint = NULL WHERE recall.state = 'done'",
                    [study_id, stamp(), missing, stamp()],
                )

    def of(self, study_id: int) -> Recall | None:
        """How far a study is on its way back; None if it is not on its way."""
        sql = "SELECT study_id, state, total, done, message, hint FROM recall WHERE study_id = ? AND state <> 'done'"
        return next((Recall(**row) for row in self._database.read.query(sql, [study_id])), None)

    def next_due(self) -> Recall | None:
        """The one that was asked for last: somebody waits in front of it."""
        sql = (
            "SELECT study_id, state, total, done, message, hint FROM recall"
            " WHERE state <> 'done' AND next_attempt_at <= ? ORDER BY asked_at DESC LIMIT 1"
        )
        return next((Recall(**row) for row in self._database.read.query(sql, [stamp()])), None)

    def evicted(self, study_id: int) -> list[int]:
        """The instances that have still to come."""
        sql = "SELECT id FROM instance WHERE study_id = ? AND file_state = 'evicted' ORDER BY id"
        return [int(row[0]) for row in self._database.read.conn.execute(sql, [study_id])]

    def came(self, study_id: int) -> None:
        """One more is here."""
        self._set(study_id, "done = done + 1, state = 'waiting', message = NULL, hint = NULL", [])

    def finished(self, study_id: int) -> None:
        """All are here; they stay for a while."""
        self._set(study_id, "state = 'done'", [])
        with self._database.write() as db:
            db.conn.execute("UPDATE study SET recalled_at = ? WHERE id = ?", [stamp(), study_id])

    def trouble(self, study_id: int, message: str, hint: str, delay_s: float) -> None:
        """It did not come; tried again later."""
        change = "state = 'trouble', message = ?, hint = ?, next_attempt_at = ?"
        self._set(study_id, change, [message, hint, after(delay_s)])

    def _set(self, study_id: int, change: str, values: list[Any]) -> None:
        with self._database.write() as db:
            db.conn.execute(f"UPDATE recall SET {change} WHERE study_id = ?", [*values, study_id])  # noqa: S608 - our own names
