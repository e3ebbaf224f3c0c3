"""The clocks of the units: what they wrote into pictures and procedure steps against the time of arrival.

A picture is sent some seconds or minutes after it was made, never before. So of the last pictures the one that was
quickest tells most; a procedure step is reported at the moment at which it begins.
"""

import json
from datetime import datetime, timedelta
from typing import Any

from appliance.archive.database import Database
from appliance.clock import moment

WRONG_FROM_S = 300
"""Less than this nobody has to care about."""
IDLE_S = 10.0
_PICTURES = 20
_STEPS = 5
_START = ("00400244", "00400245")  # Performed Procedure Step Start Date and Time


class Clocks:
    """Notes the unit's clock less ours at each unit, in seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def run_once(self) -> float:
        """Look at all units; what has not changed is not written."""
        sql = "SELECT id, name, address, clock_skew_s FROM sender WHERE kind = 'dimse' AND state = 'accepted'"
        for row in list(self._database.read.query(sql)):
            skew_s = self.skew_s(row["id"], row["name"], row["address"])
            if skew_s != row["clock_skew_s"]:
                with self._database.write() as db:
                    db.conn.execute("UPDATE sender SET clock_skew_s = ? WHERE id = ?", [skew_s, row["id"]])
        return IDLE_S

    def skew_s(self, sender_id: int, name: str, address: str) -> int | None:
        """The unit's clock less ours; None if nothing tells."""
        told = [*self._of_steps(name, address)] or [*self._of_pictures(sender_id)]
        return round(max(told)) if told else None

    def _of_steps(self, name: str, address: str) -> list[float]:
        sql = (
            "SELECT document, created_at FROM procedure_step WHERE station_name = ? AND address = ?"
            " ORDER BY created_at DESC LIMIT ?"
        )
        rows = self._database.read.query(sql, [name, address, _STEPS])
        found = (less(*_start(json.loads(row["document"])), row["created_at"]) for row in rows)
        return [skew for skew in found if skew is not None]

    def _of_pictures(self, sender_id: int) -> list[float]:
        sql = (
            "SELECT content_date, content_time, received_at FROM instance WHERE sender_id = ? ORDER BY id DESC LIMIT ?"
        )
        rows = self._database.read.query(sql, [sender_id, _PICTURES])
        found = (less(row["content_date"], row["content_time"], row["received_at"]) for row in rows)
        return [skew for skew in found if skew is not None]


def _start(document: dict[str, Any]) -> tuple[str | None, str | None]:
    values = [(document.get(tag, {}).get("Value") or [None])[0] for tag in _START]
    return values[0], values[1]


def less(date: str | None, time: str | None, arrived_at: str) -> float | None:
    """Seconds by which a unit's date and time (PS3.5 DA, TM, of this place) are ahead of a stamp."""
    digits = f"{(date or '').replace('.', '')}{(time or '').replace(':', '')[:6]}"
    try:
        there = datetime.strptime(digits, "%Y%m%d%H%M%S").astimezone()
    except ValueError:  # no date, no time, or not to the second
        return None
    return (there - moment(arrived_at)) / timedelta(seconds=1)


def in_words(skew_s: int | None) -> str:
    """'2 hours behind', '' for a clock that is right or not known."""
    if skew_s is None or abs(skew_s) < WRONG_FROM_S:
        return ""
    size = abs(skew_s)
    number, unit = next(
        (round(size / seconds), word)
        for seconds, word in ((86_400, "day"), (3600, "hour"), (60, "minute"))
        if size >= seconds
    )
    size_words = f"{number} {unit}{'' if number == 1 else 's'}"
    return f"{size_words} {'ahead' if skew_s > 0 else 'behind'}"
