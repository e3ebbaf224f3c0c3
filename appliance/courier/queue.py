"""The delivery queue: per destination and instance one row with its state, surviving any restart.

States: waiting -> answered (the far side took it) -> verified (the far side's own query shows it), or parked with a
reason that a person must look at.
"""

import math
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database as SqliteUtils

from appliance.archive.database import Database
from appliance.clock import after, moment, now, stamp
from appliance.errors import BuckyError, NotFound

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
    state: str
    attempts: int
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    dataset_sha256: str


@dataclass(frozen=True)
class Progress:
    """How far a study has come at one destination; counts are instances."""

    destination_id: int
    destination_name: str
    total: int
    verified: int
    answered: int
    parked: int
    parked_message: str | None
    parked_hint: str | None

    @property
    def complete(self) -> bool:
        """Every original instance is confirmed by the far side's own answer (invariant 5)."""
        return self.total > 0 and self.verified == self.total


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
            _ensure_request(db, study_id, destination_id, priority, asked_by, workitem_uid, "waiting")
            rows = db.conn.execute(_ORIGINALS_OF_STUDY, [study_id]).fetchall()
            for (instance_id,) in rows:
                _enqueue(db, destination_id, instance_id, priority)
            db.conn.execute(
                "UPDATE delivery SET priority = min(priority, ?) WHERE destination_id = ? AND instance_id IN"
                " (SELECT id FROM instance WHERE study_id = ?)",
                [priority, destination_id, study_id],
            )

    def next_due(self, destination_id: int) -> Delivery | None:
        """The most urgent delivery whose time has come."""
        row = next(
            self._database.read.query(
                """
                SELECT delivery.id, delivery.destination_id, delivery.state, delivery.attempts, study_instance_uid,
                       series_instance_uid, sop_instance_uid, dataset_sha256
                FROM delivery JOIN instance ON instance.id = instance_id JOIN study ON study.id = instance.study_id
                     JOIN series ON series.id = series_id
                WHERE destination_id = ? AND delivery.state IN ('waiting', 'answered') AND next_attempt_at <= ?
                ORDER BY priority, delivery.id LIMIT 1
                """,
                [destination_id, stamp()],
            ),
            None,
        )
        return None if row is None else Delivery(**row)

    def seconds_until_due(self, destination_id: int) -> float:
        """Seconds until the next delivery's time, infinite if there is none."""
        row = self._database.read.conn.execute(
            "SELECT min(next_attempt_at) FROM delivery WHERE destination_id = ? AND state IN ('waiting', 'answered')",
            [destination_id],
        ).fetchone()
        return math.inf if row[0] is None else max(0.0, (moment(row[0]) - now()).total_seconds())

    def answered(self, delivery: Delivery) -> None:
        """The far side said that it took the instance; its own query must still show it."""
        self._set(delivery, "state = 'answered', next_attempt_at = ?", [stamp()])

    def verified(self, delivery: Delivery) -> None:
        """The far side's query shows the instance."""
        change = "state = 'verified', verified_at = ?, code = NULL, message = NULL, hint = NULL"
        self._set(delivery, change, [stamp()])

    def later(self, delivery: Delivery, error: BuckyError, delay_s: float, *, state: str = "waiting") -> None:
        """Not this time; try again after `delay_s`."""
        change = "state = ?, attempts = attempts + 1, next_attempt_at = ?, code = ?, message = ?, hint = ?"
        self._set(delivery, change, [state, after(delay_s), error.code, error.text, error.advice])

    def park(self, delivery: Delivery, error: BuckyError) -> None:
        """It cannot go without a person's help; kept with the reason."""
        change = "state = 'parked', attempts = attempts + 1, code = ?, message = ?, hint = ?"
        self._set(delivery, change, [error.code, error.text, error.advice])

    def _set(self, delivery: Delivery, change: str, values: list[Any]) -> None:
        with self._database.write() as db:
            db.conn.execute(f"UPDATE delivery SET {change} WHERE id = ?", [*values, delivery.id])  # noqa: S608

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
                   sum(delivery.state = 'parked') AS parked,
                   max(CASE delivery.state WHEN 'parked' THEN message END) AS parked_message,
                   max(CASE delivery.state WHEN 'parked' THEN hint END) AS parked_hint
            FROM delivery JOIN destination ON destination.id = destination_id
            WHERE instance_id IN (SELECT id FROM instance WHERE study_id = :study) GROUP BY destination.id
            """,
            {"study": study_id},
        )
        return [Progress(**row) for row in rows]

    def waiting_count(self, destination_id: int) -> int:
        """Instances that are not yet confirmed at the destination, parked ones included."""
        row = self._database.read.conn.execute(
            "SELECT count(*) FROM delivery WHERE destination_id = ? AND state <> 'verified'", [destination_id]
        ).fetchone()
        return int(row[0])


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
