"""Destinations: the readers and archives that the clinic sends to."""

from dataclasses import dataclass
from typing import Any

from appliance.archive.database import Database
from appliance.clock import stamp
from appliance.errors import BadInput, BuckyError, NotFound
from appliance.validators import valid_http_url, valid_name


@dataclass(frozen=True)
class Trouble:
    """Why a destination does not take pictures at present, in words for staff."""

    code: str
    message: str
    hint: str
    since: str


@dataclass(frozen=True)
class Destination:
    """A DICOMweb service; `auto` means that every accepted instance goes there without being asked."""

    id: int
    name: str
    kind: str
    url: str
    token: str | None
    auto: bool
    paused: bool
    trouble: Trouble | None
    last_answer_at: str | None
    kicked_at: str | None


class Destinations:
    """The list of destinations and what is known of their health."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Destination]:
        """All that were not removed, by name."""
        rows = self._database.read.query("SELECT * FROM destination WHERE removed_at IS NULL ORDER BY name")
        return [_destination(row) for row in rows]

    def get(self, destination_id: int) -> Destination:
        """One by its row; raises NotFound."""
        return self._one("id = ?", destination_id)

    def by_name(self, name: str) -> Destination:
        """One by its name; raises NotFound."""
        return self._one("name = ?", name)

    def _one(self, condition: str, value: int | str) -> Destination:
        sql = f"SELECT * FROM destination WHERE removed_at IS NULL AND {condition}"  # noqa: S608 - our own condition
        row = next(self._database.read.query(sql, [value]), None)
        if row is None:
            raise NotFound(what="destination")
        return _destination(row)

    def add(self, name: str, url: str, *, token: str | None = None, auto: bool = False) -> Destination:
        """A new DICOMweb destination."""
        name, url = _checked("Name", valid_name, name), _checked("Address", valid_http_url, url)
        with self._database.write() as db:
            if db.conn.execute("SELECT 1 FROM destination WHERE name = ?", [name]).fetchone():
                raise BadInput(field="Name", reason="this name is taken")
            db.conn.execute(
                "INSERT INTO destination (name, kind, url, token, auto, created_at) VALUES (?, 'dicomweb', ?, ?, ?, ?)",
                [name, url, token or None, int(auto), stamp()],
            )
        return self.by_name(name)

    def pause(self, destination_id: int, *, paused: bool) -> None:
        """Stop sending there for now, or go on."""
        self._update(destination_id, "paused = ?", [int(paused)])

    def kick(self, destination_id: int) -> None:
        """Try again at once, without waiting for the next attempt's time."""
        self._update(destination_id, "kicked_at = ?", [stamp()])

    def remove(self, destination_id: int) -> None:
        """Forget a destination; what was delivered there stays recorded, what waits is not sent."""
        gone = f"#{destination_id} removed"
        self._update(destination_id, "removed_at = ?, token = NULL, auto = 0, name = ?", [stamp(), gone])

    def answered(self, destination_id: int) -> None:
        """It answered as it should: no trouble."""
        self._update(
            destination_id,
            "last_answer_at = ?, trouble_code = NULL, trouble_message = NULL, trouble_hint = NULL,"
            " trouble_since = NULL",
            [stamp()],
        )

    def troubled(self, destination_id: int, error: BuckyError) -> None:
        """It did not; the first moment of the same trouble is kept."""
        self._update(
            destination_id,
            "trouble_since = CASE WHEN trouble_code = ? THEN trouble_since ELSE ? END,"
            " trouble_code = ?, trouble_message = ?, trouble_hint = ?",
            [error.code, stamp(), error.code, error.text, error.advice],
        )

    def _update(self, destination_id: int, change: str, values: list[Any]) -> None:
        with self._database.write() as db:
            sql = f"UPDATE destination SET {change} WHERE id = ? AND removed_at IS NULL"  # noqa: S608 - our own text
            if db.conn.execute(sql, [*values, destination_id]).rowcount == 0:
                raise NotFound(what="destination")


def _checked(field: str, validator: Any, value: str) -> str:
    try:
        return str(validator(value))
    except ValueError as error:
        raise BadInput(field=field, reason=str(error)) from None


def _destination(row: dict[str, Any]) -> Destination:
    trouble = None
    if row["trouble_code"]:
        trouble = Trouble(row["trouble_code"], row["trouble_message"], row["trouble_hint"], row["trouble_since"])
    return Destination(
        id=row["id"],
        name=row["name"],
        kind=row["kind"],
        url=row["url"],
        token=row["token"],
        auto=bool(row["auto"]),
        paused=bool(row["paused"]),
        trouble=trouble,
        last_answer_at=row["last_answer_at"],
        kicked_at=row["kicked_at"],
    )
