"""What was rehearsed, when, and how it went."""

import json
import time
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from appliance.archive.database import Database
from appliance.clock import moment, now, stamp
from appliance.errors import BadInput, BuckyError

OPENING_TIME, DEFAULT_OPENING = "opening_time", "08:00"
AHEAD = timedelta(minutes=60)
"""So long before the clinic opens it is rehearsed."""
AGAIN = timedelta(minutes=15)
"""So long after a rehearsal that failed it is rehearsed again, until it is well or the clinic has opened."""
LONGEST_S = 600.0
_BEGINS_WITHIN_S = 30.0
_POLL_S = 0.2
_ASKED, _SINCE = "rehearsal_asked", "rehearsal_since"
_KEPT = 60


class NobodyRehearses(BuckyError):
    """The wish was not taken up, or not ended in time."""

    code = "not-rehearsed"
    message = "The rehearsal did not {what} within {seconds:.0f} seconds."
    hint = "Start the box with bucky run, and look at bucky status."


@dataclass(frozen=True)
class Step:
    """One stretch of the way; `advice` is empty where it went well."""

    name: str
    good: bool
    words: str
    advice: str = ""
    milliseconds: int = 0


@dataclass(frozen=True)
class Rehearsal:
    """One rehearsal; `ended_at` None while it is at work."""

    id: int
    asked_by: str
    began_at: str
    ended_at: str | None
    steps: tuple[Step, ...]

    @property
    def is_good(self) -> bool:
        """Whether it ended and every stretch went well."""
        return self.ended_at is not None and all(step.good for step in self.steps)

    @property
    def trouble(self) -> Step | None:
        """The first stretch that did not go well."""
        return next((step for step in self.steps if not step.good), None)


class Rehearsals:
    """The record of rehearsals, and the word that one is wanted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def latest(self) -> Rehearsal | None:
        """The last one, at work or ended."""
        return next(iter(self.all(limit=1)), None)

    def all(self, *, limit: int = 14) -> list[Rehearsal]:
        """The last ones, newest first."""
        sql = "SELECT id, asked_by, began_at, ended_at, steps FROM rehearsal ORDER BY id DESC LIMIT ?"
        return [_rehearsal(row) for row in self._database.read.conn.execute(sql, [limit])]

    def begin(self, asked_by: str) -> int:
        """A rehearsal begins; what the last stop of the courier broke off is said to be so."""
        broken = Step("Rehearsal", good=False, words="It was broken off.", advice="It is rehearsed again by itself.")
        with self._database.write() as db:
            sql = "UPDATE rehearsal SET ended_at = ?, failed = 1, steps = ? WHERE ended_at IS NULL"
            db.conn.execute(sql, [stamp(), _as_json([broken])])
            db.conn.execute("DELETE FROM rehearsal WHERE id <= (SELECT max(id) FROM rehearsal) - ?", [_KEPT])
            row = db.conn.execute(
                "INSERT INTO rehearsal (asked_by, began_at) VALUES (?, ?) RETURNING id", [asked_by, stamp()]
            ).fetchone()
        return int(row[0])

    def note(self, rehearsal_id: int, steps: list[Step], *, ended: bool) -> None:
        """How far it is."""
        with self._database.write() as db:
            db.conn.execute(
                "UPDATE rehearsal SET steps = ?, failed = ?, ended_at = ? WHERE id = ?",
                [_as_json(steps), int(not all(s.good for s in steps)), stamp() if ended else None, rehearsal_id],
            )

    def ask(self, by: str) -> str:
        """Somebody wants one now; returns the moment of the wish."""
        at = stamp()
        self._database.set_setting(_ASKED, f"{at} {by}")
        return at

    def run(self, *, by: str) -> Rehearsal:
        """Ask the courier for one and wait for its end; raises NobodyRehearses."""
        at, began = self.ask(by), time.monotonic()
        while time.monotonic() - began < LONGEST_S:
            found = self.since(at)
            if found is not None and found.ended_at is not None:
                return found
            if found is None and time.monotonic() - began > _BEGINS_WITHIN_S:
                raise NobodyRehearses(what="begin", seconds=_BEGINS_WITHIN_S)
            time.sleep(_POLL_S)
        raise NobodyRehearses(what="end", seconds=LONGEST_S)

    def since(self, at: str) -> Rehearsal | None:
        """The first rehearsal that began after a moment."""
        return next((one for one in reversed(self.all()) if one.began_at >= at), None)

    def wanted_by(self) -> str | None:
        """Who wants one at this moment: a person who asked, or 'morning'; None for nobody."""
        last = self.latest()
        asked_at, _, by = (self._database.setting(_ASKED) or "").partition(" ")
        if asked_at and (last is None or last.began_at < asked_at):
            return by
        return "morning" if self._is_due(last) else None

    def _is_due(self, last: Rehearsal | None) -> bool:
        due = self._last_due()
        if stamp(due) < self._known_since():
            return False
        if last is None or moment(last.began_at) < due or last.ended_at is None:
            return True
        return not last.is_good and now() - moment(last.began_at) > AGAIN and now() < due + AHEAD

    def _known_since(self) -> str:
        """When this box first thought of rehearsing: it does not make up for a morning before it was there."""
        known = self._database.setting(_SINCE)
        if known is None:
            known = stamp()
            self._database.set_setting(_SINCE, known)
        return known

    def _last_due(self) -> datetime:
        """The last moment, in the clinic's own time, at which it should have been rehearsed."""
        hour, minute = map(int, self.opening_time.split(":"))
        zone = self._database.setting("time_zone")  # not this process's own, which was set when it began
        here = now().astimezone(ZoneInfo(zone) if zone else None)
        due = here.replace(hour=hour, minute=minute, second=0, microsecond=0) - AHEAD
        return due + timedelta(days=next(days for days in (1, 0, -1) if due + timedelta(days=days) <= here))

    @property
    def opening_time(self) -> str:
        """When the clinic opens, HH:MM of its own time."""
        return self._database.setting(OPENING_TIME) or DEFAULT_OPENING

    def set_opening_time(self, text: str) -> None:
        """When the clinic opens; raises BadInput."""
        try:
            at = datetime.strptime(text.strip(), "%H:%M")  # noqa: DTZ007 - the clinic's own time
        except ValueError:
            raise BadInput(field="Opening time", reason="a time like 08:00") from None
        self._database.set_setting(OPENING_TIME, at.strftime("%H:%M"))


def _as_json(steps: list[Step]) -> str:
    return json.dumps([asdict(step) for step in steps])


def _rehearsal(row: tuple[int, str, str, str | None, str]) -> Rehearsal:
    return Rehearsal(*row[:4], steps=tuple(Step(**step) for step in json.loads(row[4])))
