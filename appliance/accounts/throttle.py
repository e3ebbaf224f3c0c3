"""Makes guessing slow: after five wrong tries the wait doubles with each more; kept over restarts."""

from datetime import timedelta

from appliance.archive.database import Database
from appliance.clock import moment, now, stamp
from appliance.errors import BuckyError

FREE_TRIES = 5
LONGEST_WAIT_S = 300.0


class TooManyTries(BuckyError):
    """Log-ins for this account or from this address are slowed down."""

    code = "too-many-tries"
    message = "Too many wrong tries."
    hint = "Wait {seconds} seconds and try again."


class Throttle:
    """Counts wrong tries by place: an account, an address, a PC."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def check(self, *places: str) -> None:
        """Raise TooManyTries while any of the places must wait."""
        left_s = max((self._left_s(place) for place in places), default=0.0)
        if left_s > 0:
            raise TooManyTries(seconds=round(left_s) + 1)

    def _left_s(self, place: str) -> float:
        row = self._row(place)
        if row is None or row[0] < FREE_TRIES:
            return 0.0
        wait_s = min(LONGEST_WAIT_S, 2.0 ** (row[0] - FREE_TRIES))
        since_s = (now() - moment(row[1])) / timedelta(seconds=1)
        return wait_s - since_s if 0 <= since_s < wait_s else 0.0  # a clock that was set back must not lock out

    def number(self, place: str) -> int:
        """How many wrong tries in a row."""
        row = self._row(place)
        return 0 if row is None else row[0]

    def _row(self, place: str) -> tuple[int, str] | None:
        sql = "SELECT number, last_at FROM failed_try WHERE place = ?"
        return self._database.read.conn.execute(sql, [place]).fetchone()  # type: ignore[no-any-return]  # a row of sqlite3 is Any

    def failed(self, *places: str) -> None:
        """Count a wrong try."""
        with self._database.write() as db:
            for place in places:
                db.conn.execute(
                    "INSERT INTO failed_try (place, number, last_at) VALUES (?, 1, ?)"
                    " ON CONFLICT (place) DO UPDATE SET number = number + 1, last_at = excluded.last_at",
                    [place, stamp()],
                )

    def succeeded(self, *places: str) -> None:
        """Forget the wrong tries."""
        if any(self.number(place) for place in places):
            with self._database.write() as db:
                db.conn.executemany("DELETE FROM failed_try WHERE place = ?", [(place,) for place in places])
