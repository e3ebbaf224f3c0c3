"""Destinations: the readers and archives that the clinic sends to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from appliance.archive.database import Database
from appliance.clock import stamp
from appliance.courier.access import Access, access_from
from appliance.courier.found import Found, found_from
from appliance.courier.hours import Span, parse_hours
from appliance.errors import BadInput, BuckyError, NotFound
from appliance.validators import valid_dimse_address, valid_http_url, valid_name, valid_reader_key

Protocol = Literal["dicomweb", "dimse"]


@dataclass(frozen=True)
class Trouble:
    """Why a destination does not take pictures at present, in words for staff."""

    code: str
    message: str
    hint: str
    since: str


@dataclass(frozen=True)
class Destination:
    """A DICOMweb service, or a DIMSE application entity whose `url` is AE@HOST:PORT.

    `auto` means that every accepted instance goes there without being asked.
    """

    id: int
    name: str
    protocol: Protocol
    url: str
    token: str | None
    access: Access
    hours: str
    found: Found
    reader_key: str | None
    """Ed25519 public key in hex that signs its receipts; None until it is known."""
    auto: bool
    paused: bool
    trouble: Trouble | None
    last_answer_at: str | None
    kicked_at: str | None

    @property
    def spans(self) -> tuple[Span, ...]:
        """When it may be sent to, and how fast."""
        return parse_hours(self.hours)

    @property
    def login(self) -> str:
        """How the box logs in, in words."""
        return "token" if self.token else self.access.way or "none"

    @property
    def keeps_integrity(self) -> bool:
        """Whether the line itself shows any change of what it carries (TLS)."""
        return self.access.tls if self.protocol == "dimse" else self.url.startswith("https:")


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

    def add(
        self,
        name: str,
        url: str,
        *,
        token: str | None = None,
        auto: bool = False,
        protocol: Protocol = "dicomweb",
        access: Access | None = None,
        hours: str = "",
        reader_key: str | None = None,
    ) -> Destination:
        """A new destination; raises BadInput."""
        name = _checked("Name", valid_name, name)
        url = _checked("Address", valid_http_url if protocol == "dicomweb" else valid_dimse_address, url)
        key = _checked("Key", valid_reader_key, reader_key) if reader_key else None
        parse_hours(hours)
        kept = (access or Access()).checked().to_json()
        with self._database.write() as db:
            if db.conn.execute("SELECT 1 FROM destination WHERE name = ?", [name]).fetchone():
                raise BadInput(field="Name", reason="this name is taken")
            db.conn.execute(
                "INSERT INTO destination (name, kind, protocol, url, token, access, hours, reader_key, auto,"
                " created_at) VALUES (?, 'dicomweb', ?, ?, ?, ?, ?, ?, ?, ?)",
                [name, protocol, url, token or None, kept, hours, key, int(auto), stamp()],
            )
        return self.by_name(name)

    def set_hours(self, destination_id: int, hours: str) -> None:
        """When it gets pictures and how fast; raises BadInput."""
        parse_hours(hours)
        self._update(destination_id, "hours = ?", [hours])

    def learn(self, destination_id: int, lesson: Callable[[Found], Found]) -> Found:
        """Change what is known of it, as it is known at that moment."""
        with self._database.write() as db:
            row = db.conn.execute("SELECT found FROM destination WHERE id = ?", [destination_id]).fetchone()
            if row is None:
                raise NotFound(what="destination")
            found = lesson(found_from(row[0]))
            db.conn.execute("UPDATE destination SET found = ? WHERE id = ?", [found.to_json(), destination_id])
        return found

    def pin_key(self, destination_id: int, reader_key: str) -> None:
        """Remember the key that signs its receipts; the first one stays."""
        self._update(destination_id, "reader_key = coalesce(reader_key, ?)", [valid_reader_key(reader_key)])

    def pause(self, destination_id: int, *, paused: bool) -> None:
        """Stop sending there for now, or go on."""
        self._update(destination_id, "paused = ?", [int(paused)])

    def kick(self, destination_id: int) -> None:
        """Try again at once, without waiting for the next attempt's time."""
        self._update(destination_id, "kicked_at = ?", [stamp()])

    def remove(self, destination_id: int) -> None:
        """Forget a destination; what was delivered there stays recorded, what waits is not sent."""
        gone = f"#{destination_id} removed"
        self._update(destination_id, "removed_at = ?, token = NULL, access = '{}', auto = 0, name = ?", [stamp(), gone])

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


def _checked(field: str, validator: Callable[[str], str], value: str) -> str:
    try:
        return validator(value)
    except ValueError as error:
        raise BadInput(field=field, reason=str(error)) from None


def _destination(row: dict[str, Any]) -> Destination:
    trouble = None
    if row["trouble_code"]:
        trouble = Trouble(row["trouble_code"], row["trouble_message"], row["trouble_hint"], row["trouble_since"])
    return Destination(
        id=row["id"],
        name=row["name"],
        protocol=row["protocol"],
        url=row["url"],
        token=row["token"],
        access=access_from(row["access"]),
        hours=row["hours"],
        found=found_from(row["found"]),
        reader_key=row["reader_key"],
        auto=bool(row["auto"]),
        paused=bool(row["paused"]),
        trouble=trouble,
        last_answer_at=row["last_answer_at"],
        kicked_at=row["kicked_at"],
    )
