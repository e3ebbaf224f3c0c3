"""Stored files that are not what was received, and what became of them."""

from dataclasses import dataclass
from typing import Any, Literal

from sqlite_utils import Database as SqliteUtils

from appliance.archive.database import Database
from appliance.clock import after, stamp

Kind = Literal["damaged", "missing"]
Outcome = Literal["same bytes", "same pixels", "differs", "nowhere"]
_OPEN = "damage.state IN ('waiting', 'nowhere')"


@dataclass(frozen=True)
class Damage:
    """One instance whose file is lost; `dataset_sha256` is what its data set must have."""

    id: int
    instance_id: int
    study_id: int
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    dataset_sha256: str
    pixels_sha256: str | None
    kind: Kind
    set_aside: str | None
    state: str
    destination_name: str | None
    attempts: int
    found_at: str
    ended_at: str | None


_SELECT = """
    SELECT damage.id, instance_id, instance.study_id, study_instance_uid, series_instance_uid, sop_instance_uid,
           transfer_syntax_uid, damage.dataset_sha256, pixels_sha256, damage.kind, set_aside, damage.state,
           destination_name, attempts, found_at, ended_at
    FROM damage JOIN instance ON instance.id = instance_id JOIN study ON study.id = instance.study_id
         JOIN series ON series.id = series_id
"""


def record_damage(db: SqliteUtils, instance_id: int, kind: Kind, set_aside: str | None) -> None:
    """Note that an instance's file is lost, inside the caller's transaction."""
    db.conn.execute("UPDATE instance SET file_state = ? WHERE id = ?", [kind, instance_id])
    db.conn.execute(
        "INSERT INTO damage (instance_id, dataset_sha256, kind, set_aside, state, next_attempt_at, found_at)"
        " SELECT id, dataset_sha256, ?, ?, 'waiting', ?, ? FROM instance WHERE id = ?",
        [kind, set_aside, stamp(), stamp(), instance_id],
    )


class Damages:
    """The list of damaged pictures."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def latest(self, *, limit: int = 20) -> list[Damage]:
        """The newest ones, open ones first."""
        sql = f"{_SELECT} ORDER BY ended_at IS NOT NULL, damage.id DESC LIMIT ?"
        return [Damage(**row) for row in self._database.read.query(sql, [limit])]

    def count_open(self) -> int:
        """How many are not healed."""
        sql = "SELECT count(*) FROM damage WHERE state NOT IN ('same bytes', 'same pixels')"
        return int(self._database.read.conn.execute(sql).fetchone()[0])

    def next_due(self) -> Damage | None:
        """The next one to be healed."""
        sql = f"{_SELECT} WHERE {_OPEN} AND next_attempt_at <= ? ORDER BY next_attempt_at LIMIT 1"
        return next((Damage(**row) for row in self._database.read.query(sql, [stamp()])), None)

    def later(self, damage: Damage, delay_s: float, *, state: str = "waiting") -> None:
        """Not this time."""
        change = "state = ?, attempts = attempts + 1, next_attempt_at = ?"
        self._set(damage, change, [state, after(delay_s)])

    def ended(self, damage: Damage, outcome: Outcome, destination_name: str) -> None:
        """What came of it."""
        self._set(damage, "state = ?, destination_name = ?, ended_at = ?", [outcome, destination_name, stamp()])

    def _set(self, damage: Damage, change: str, values: list[Any]) -> None:
        with self._database.write() as db:
            db.conn.execute(f"UPDATE damage SET {change} WHERE id = ?", [*values, damage.id])  # noqa: S608 - our own names
