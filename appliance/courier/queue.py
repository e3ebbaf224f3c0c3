"""The delivery queue: per destination and instance one row with its state, surviving any restart.

States: waiting -> sending -> answered (the far side took it) -> verified (the far side's own word shows it), or parked
with a reason that a person must look at. Sending is waiting with its bytes on the line: after a restart it waits again.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database as SqliteUtils

from appliance.archive.database import Database
from appliance.clock import after, moment, now, stamp
from appliance.errors import BuckyError, NotFound

OPEN = ("waiting", "answered")
PRIORITIES = {"STAT": 0, "urgent": 1, "routine": 2}
FIRST_LOOK_S = 10.0  # between two looks for results of one study, growing while nothing changes
_ORIGINALS_OF_STUDY = """
    SELECT instance.id FROM instance JOIN sender ON sender.id = sender_id
    WHERE study_id = ? AND sender.kind <> 'result' AND instance.quarantined = 0
"""


@dataclass(frozen=True)
class Delivery:
    """One instance on its way to one destination."""

    id: int
    destination_id: int
    study_id: int
    state: str
    priority: int
    attempts: int
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    dataset_sha256: str
    size_bytes: int
    is_image: bool
    upload_url: str | None
    upload_sha256: str | None


@dataclass(frozen=True)
class Progress:
    """How far a study has come at one destination; counts are instances."""

    destination_id: int
    destination_name: str
    total: int
    verified: int
    answered: int
    sending: int
    parked: int
    parked_message: str | None
    parked_hint: str | None

    @property
    def complete(self) -> bool:
        """Every original instance is confirmed by the far side's own answer (invariant 5)."""
        return self.total > 0 and self.verified == self.total


@dataclass(frozen=True)
class Outcome:
    """The state of one delivery, and why it is not further, in words for staff."""

    state: str
    code: str | None
    message: str | None
    hint: str | None


class Queue:
    """What has to go where, and what became of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def route_new(self) -> int:
        """Decide where newly accepted instances go; returns how many were looked at."""
        unrouted = "SELECT id FROM instance WHERE routed = 0 AND quarantined = 0 LIMIT 500"
        if self._database.read.conn.execute(unrouted).fetchone() is None:
            return 0
        with self._database.write() as db:
            ids = [row[0] for row in db.conn.execute(unrouted).fetchall()]
            for instance_id in ids:
                _route(db, instance_id)
        return len(ids)

    def request(self, study_id: int, destination_id: int, priority: int, asked_by: str, workitem_uid: str) -> None:
        """A person sends a study: all its instances are queued, and results are looked for."""
        with self._database.write() as db:
            queue_study(db, study_id, destination_id, priority, asked_by, workitem_uid)

    def add(self, instance_id: int, destination_id: int) -> None:
        """Queue one instance that belongs to no request, to go at any hour."""
        with self._database.write() as db:
            _enqueue(db, destination_id, instance_id, PRIORITIES["STAT"])

    def outcome(self, instance_id: int, destination_id: int) -> Outcome:
        """What became of one instance at one destination so far."""
        sql = "SELECT state, code, message, hint FROM delivery WHERE instance_id = ? AND destination_id = ?"
        row = self._database.read.conn.execute(sql, [instance_id, destination_id]).fetchone()
        return Outcome(*row) if row else Outcome("waiting", None, None, None)

    def next_due(
        self, destination_id: int, states: Sequence[str] = OPEN, *, most_urgent_only: bool = False
    ) -> Delivery | None:
        """The most urgent delivery whose time has come and that is not on the line already; of one urgency the
        oldest."""
        rows = self._database.read.query(
            f"""
            SELECT delivery.id, destination_id, instance.study_id, delivery.state, priority, delivery.attempts,
                   study_instance_uid, series_instance_uid, sop_instance_uid, sop_class_uid, transfer_syntax_uid,
                   dataset_sha256, size_bytes, instance.rows IS NOT NULL AS is_image, upload_url, upload_sha256
            FROM delivery JOIN instance ON instance.id = instance_id JOIN study ON study.id = instance.study_id
                 JOIN series ON series.id = series_id
            WHERE destination_id = ? AND delivery.state IN ({", ".join("?" for _ in states)})
                  AND sending_since IS NULL AND next_attempt_at <= ? AND priority <= ?
            ORDER BY priority, delivery.id LIMIT 1
            """,  # noqa: S608 - marks only
            [destination_id, *states, stamp(), PRIORITIES["STAT"] if most_urgent_only else PRIORITIES["routine"]],
        )
        return next((Delivery(**row) for row in rows), None)

    def overtaken(self, delivery: Delivery) -> bool:
        """Whether something more urgent waits for the same destination."""
        row = self._database.read.conn.execute(
            "SELECT 1 FROM delivery WHERE destination_id = ? AND state = 'waiting' AND sending_since IS NULL"
            " AND priority < ? AND next_attempt_at <= ? LIMIT 1",
            [delivery.destination_id, delivery.priority, stamp()],
        ).fetchone()
        return row is not None

    def seconds_until_due(self, destination_id: int, state: str = "waiting") -> float:
        """Seconds until the next delivery's time, infinite if there is none."""
        row = self._database.read.conn.execute(
            "SELECT min(next_attempt_at) FROM delivery WHERE destination_id = ? AND state = ?"
            " AND sending_since IS NULL",
            [destination_id, state],
        ).fetchone()
        return math.inf if row[0] is None else max(0.0, (moment(row[0]) - now()).total_seconds())

    def sending(self, delivery: Delivery, dataset_sha256: str, transfer_syntax_uid: str) -> None:
        """Its bytes are about to go out: which ones is noted first, so that no copy on the far side is unknown here."""
        with self._database.write() as db:
            db.conn.execute(
                "INSERT INTO sent_copy (delivery_id, dataset_sha256, transfer_syntax_uid, first_sent_at)"
                " SELECT id, ?, ?, ? FROM delivery WHERE id = ? ON CONFLICT DO NOTHING",  # it may be forgotten by now
                [dataset_sha256, transfer_syntax_uid, stamp(), delivery.id],
            )
            db.conn.execute(
                "UPDATE delivery SET sending_since = ?, upload_sha256 = ?,"
                " upload_url = CASE WHEN upload_sha256 = ? THEN upload_url END WHERE id = ?",
                [stamp(), dataset_sha256, dataset_sha256, delivery.id],
            )

    def upload_at(self, delivery: Delivery, url: str | None) -> None:
        """Where to go on after a break."""
        with self._database.write() as db:
            db.conn.execute("UPDATE delivery SET upload_url = ? WHERE id = ?", [url, delivery.id])

    def sent_digests(self, delivery: Delivery) -> frozenset[str]:
        """The digests of all data sets that went out for it, and of the original."""
        rows = self._database.read.conn.execute(
            "SELECT dataset_sha256 FROM sent_copy WHERE delivery_id = ?", [delivery.id]
        ).fetchall()
        return frozenset({delivery.dataset_sha256, *(row[0] for row in rows)})

    def nothing_is_sending(self) -> None:
        """At the start: what was on the line when the process ended waits again."""
        with self._database.write() as db:
            db.conn.execute("UPDATE delivery SET sending_since = NULL WHERE sending_since IS NOT NULL")

    def make_room(self, delivery: Delivery) -> None:
        """It was overtaken; it goes on where it was as soon as it is its turn."""
        self._set(delivery, "sending_since = NULL", [])

    def answered(self, delivery: Delivery) -> None:
        """The far side said that it took the instance; its own word must still show it."""
        change = "state = 'answered', sending_since = NULL, upload_url = NULL, next_attempt_at = ?"
        self._set(delivery, change, [stamp()])

    def verified(self, delivery: Delivery, by: str = "query", far_sha256: str | None = None) -> None:
        """The far side's own word shows the instance."""
        change = (
            "state = 'verified', verified_at = ?, verified_by = ?, far_sha256 = ?, sending_since = NULL,"
            " upload_url = NULL, code = NULL, message = NULL, hint = NULL"
        )
        self._set(delivery, change, [stamp(), by, far_sha256])

    def later(
        self, delivery: Delivery, error: BuckyError, delay_s: float, *, state: str = "waiting", counted: bool = True
    ) -> None:
        """Not this time; try again after `delay_s`. What is not counted says nothing of the instance."""
        change = (
            f"state = ?, attempts = attempts + {int(counted)}, next_attempt_at = ?, code = ?, message = ?, hint = ?,"
            " sending_since = NULL"
        )
        self._set(delivery, change, [state, after(delay_s), error.code, error.text, error.advice])

    def park(self, delivery: Delivery, error: BuckyError) -> None:
        """It cannot go without a person's help; kept with the reason."""
        change = "state = 'parked', attempts = attempts + 1, code = ?, message = ?, hint = ?, sending_since = NULL"
        self._set(delivery, change, [error.code, error.text, error.advice])

    def _set(self, delivery: Delivery, change: str, values: list[Any]) -> None:
        with self._database.write() as db:
            db.conn.execute(f"UPDATE delivery SET {change} WHERE id = ?", [*values, delivery.id])  # noqa: S608 - our own names

    def retry_study(self, study_id: int) -> None:
        """A person asks to try again what is parked or waits, and to look for results now."""
        with self._database.write() as db:
            db.conn.execute(
                "UPDATE delivery SET state = CASE state WHEN 'parked' THEN 'waiting' ELSE state END,"
                " next_attempt_at = ? WHERE state <> 'verified' AND coalesce(code, '') <> 'conflict'"
                " AND instance_id IN (SELECT id FROM instance WHERE study_id = ?)",
                [stamp(), study_id],
            )
            db.conn.execute(
                "UPDATE destination SET kicked_at = ? WHERE id IN"
                " (SELECT destination_id FROM reading_request WHERE study_id = ?)",
                [stamp(), study_id],
            )
            db.conn.execute(
                "UPDATE reading_request SET next_look_at = ?, look_interval_s = ? WHERE study_id = ?",
                [stamp(), FIRST_LOOK_S, study_id],
            )

    def progress(self, study_id: int) -> list[Progress]:
        """How far a study has come, one line a destination it goes to."""
        rows = self._database.read.query(
            """
            SELECT destination.id AS destination_id, destination.name AS destination_name,
                   (SELECT count(*) FROM instance JOIN sender ON sender.id = sender_id
                    WHERE study_id = :study AND sender.kind <> 'result' AND instance.quarantined = 0) AS total,
                   sum(delivery.state = 'verified') AS verified, sum(delivery.state = 'answered') AS answered,
                   sum(sending_since IS NOT NULL) AS sending, sum(delivery.state = 'parked') AS parked,
                   max(CASE delivery.state WHEN 'parked' THEN message END) AS parked_message,
                   max(CASE delivery.state WHEN 'parked' THEN hint END) AS parked_hint
            FROM delivery JOIN destination ON destination.id = destination_id
            WHERE instance_id IN (SELECT id FROM instance WHERE study_id = :study) GROUP BY destination.id
            """,
            {"study": study_id},
        )
        return [Progress(**row) for row in rows]

    def oldest_waiting_at(self, destination_id: int) -> str | None:
        """When the picture came that has waited longest; None when nothing waits."""
        (oldest,) = self._database.read.conn.execute(
            "SELECT min(instance.received_at) FROM delivery JOIN instance ON instance.id = instance_id"
            " WHERE destination_id = ? AND state <> 'verified'",
            [destination_id],
        ).fetchone()
        return None if oldest is None else str(oldest)

    def waiting_count(self, destination_id: int) -> int:
        """Instances that are not yet confirmed at the destination, parked ones included."""
        row = self._database.read.conn.execute(
            "SELECT count(*) FROM delivery WHERE destination_id = ? AND state <> 'verified'", [destination_id]
        ).fetchone()
        return int(row[0])


def queue_study(
    db: SqliteUtils, study_id: int, destination_id: int, priority: int, asked_by: str, workitem_uid: str
) -> None:
    """Queue all instances of a study inside the caller's transaction."""
    _ensure_request(db, study_id, destination_id, priority, asked_by, workitem_uid, "waiting")
    for (instance_id,) in db.conn.execute(_ORIGINALS_OF_STUDY, [study_id]).fetchall():
        _enqueue(db, destination_id, instance_id, priority)
    db.conn.execute(
        "UPDATE delivery SET priority = min(priority, ?) WHERE destination_id = ? AND instance_id IN"
        " (SELECT id FROM instance WHERE study_id = ?)",
        [priority, destination_id, study_id],
    )


def _is_late(db: SqliteUtils, instance_id: int, destination_id: int) -> bool:
    """Whether it is a picture that came after a case of its study was released to the destination: it does not slip
    in; a person decides (closed-study guard)."""
    return (
        db.conn.execute(
            "SELECT 1 FROM instance JOIN reading_case ON reading_case.study_id = instance.study_id"
            " WHERE instance.id = ? AND destination_id = ? AND rows IS NOT NULL AND released_at IS NOT NULL",
            [instance_id, destination_id],
        ).fetchone()
        is not None
    )


def _route(db: SqliteUtils, instance_id: int) -> None:
    from_result, study_id = db.conn.execute(
        "SELECT sender.kind = 'result', study_id FROM instance JOIN sender ON sender.id = sender_id"
        " WHERE instance.id = ?",
        [instance_id],
    ).fetchone()
    if not from_result:
        for (destination_id,) in db.conn.execute("SELECT id FROM destination WHERE auto = 1").fetchall():
            _ensure_request(db, study_id, destination_id, PRIORITIES["routine"], "automatic", None, "none")
        asked = db.conn.execute(
            "SELECT destination_id, priority FROM reading_request WHERE study_id = ?", [study_id]
        ).fetchall()
        for destination_id, priority in asked:
            if not _is_late(db, instance_id, destination_id):
                _enqueue(db, destination_id, instance_id, priority)
    db.conn.execute("UPDATE instance SET routed = 1 WHERE id = ?", [instance_id])


def _enqueue(db: SqliteUtils, destination_id: int, instance_id: int, priority: int) -> None:
    """Queue an instance once; a later one with a UID that is taken is parked, because the far side keeps only one."""
    later = db.conn.execute(
        "SELECT 1 FROM instance AS first JOIN instance AS this ON first.sop_instance_uid = this.sop_instance_uid"
        " WHERE this.id = ? AND first.id < this.id AND first.quarantined = 0",
        [instance_id],
    ).fetchone()
    error = ConflictingInstance() if later else None
    db.conn.execute(
        "INSERT INTO delivery (destination_id, instance_id, state, priority, next_attempt_at, code, message, hint)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [
            *(destination_id, instance_id, "parked" if error else "waiting", priority, stamp()),
            *((error.code, error.text, error.advice) if error else (None, None, None)),
        ],
    )


def _ensure_request(
    db: SqliteUtils,
    study_id: int,
    destination_id: int,
    priority: int,
    asked_by: str,
    workitem_uid: str | None,
    workitem_state: str,
) -> None:
    if (
        db.conn.execute("SELECT 1 FROM destination WHERE id = ? AND removed_at IS NULL", [destination_id]).fetchone()
        is None
    ):
        raise NotFound(what="destination")
    db.conn.execute(
        """
        INSERT INTO reading_request (study_id, destination_id, workitem_uid, priority, asked_by, asked_at,
                                     workitem_state, next_look_at, look_interval_s)
        VALUES (?, ?, coalesce(?, 'automatic ' || hex(randomblob(8))), ?, ?, ?, ?, ?, ?)
        ON CONFLICT (study_id, destination_id) DO UPDATE SET
            priority = min(priority, excluded.priority), next_look_at = excluded.next_look_at,
            look_interval_s = excluded.look_interval_s,
            workitem_uid = CASE WHEN reading_request.workitem_state = 'none' THEN excluded.workitem_uid
                                ELSE reading_request.workitem_uid END,
            asked_by = CASE WHEN reading_request.workitem_state = 'none' THEN excluded.asked_by
                            ELSE reading_request.asked_by END,
            workitem_state = CASE WHEN reading_request.workitem_state = 'none' THEN excluded.workitem_state
                                  ELSE reading_request.workitem_state END
        """,
        [
            *(study_id, destination_id, workitem_uid, priority, asked_by, stamp()),
            *(workitem_state, stamp(), FIRST_LOOK_S),
        ],
    )


class ConflictingInstance(BuckyError):
    """Two different pictures carry the same SOP Instance UID."""

    code = "conflict"
    message = (
        "Another picture with the same number (SOP Instance UID) came first; both are kept, only the first is sent."
    )
    hint = "Compare both on this page and ask the X-ray unit's service to check it."
