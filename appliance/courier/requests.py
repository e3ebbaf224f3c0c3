"""Reading requests on the clinic's side: announced to the reader as UPS workitems, and watched for results."""

from dataclasses import dataclass
from typing import Any

from appliance.archive.catalogue import Catalogue
from appliance.archive.database import Database
from appliance.clock import after, stamp
from appliance.courier.queue import FIRST_LOOK_S
from appliance.courier.uplink import ArchiveClient
from appliance.reading.workitem import workitem

LOOK_GROWTH = 1.3
LONGEST_LOOK_S = 600.0


@dataclass(frozen=True)
class ReadingRequest:
    """A study at a destination, and when to look for results next."""

    id: int
    study_id: int
    destination_id: int
    workitem_uid: str
    priority: int
    asked_by: str
    asked_at: str
    workitem_state: str
    next_look_at: str
    last_look_at: str | None
    look_interval_s: float


class Requests:
    """The requests of one box."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self._database = database
        self._catalogue = catalogue

    def of_study(self, study_id: int) -> list[ReadingRequest]:
        """All requests for a study."""
        return self._select("study_id = ? ORDER BY id", [study_id])

    def _select(self, condition: str, values: list[Any]) -> list[ReadingRequest]:
        sql = f"SELECT * FROM reading_request WHERE {condition}"  # noqa: S608 - our own condition
        return [ReadingRequest(**row) for row in self._database.read.query(sql, values)]

    def announce_next(self, destination_id: int, client: ArchiveClient) -> bool:
        """Create the workitem of one request that still waits for it; raises PeerError. False if there was none."""
        waiting = self._select(
            "destination_id = ? AND workitem_state = 'waiting' ORDER BY priority, id LIMIT 1", [destination_id]
        )
        for request in waiting:
            study = self._catalogue.study(request.study_id)
            document = workitem(study, self._catalogue.instances(study.id), request.priority)
            created = client.create_workitem(request.workitem_uid, document)
            self._update(request.id, "workitem_state = ?", ["created" if created else "unsupported"])
        return bool(waiting)

    def due_for_a_look(self, destination_id: int) -> ReadingRequest | None:
        """The request whose results should be looked for now."""
        due = self._select(
            "destination_id = ? AND next_look_at <= ? ORDER BY next_look_at LIMIT 1", [destination_id, stamp()]
        )
        return due[0] if due else None

    def looked(self, request: ReadingRequest, *, found: bool) -> None:
        """Note a look: soon again after news, ever more seldom while there are none."""
        interval_s = FIRST_LOOK_S if found else min(LONGEST_LOOK_S, request.look_interval_s * LOOK_GROWTH)
        change = "last_look_at = ?, next_look_at = ?, look_interval_s = ?"
        self._update(request.id, change, [stamp(), after(interval_s), interval_s])

    def look_later(self, request: ReadingRequest, delay_s: float) -> None:
        """The destination could not be asked."""
        self._update(request.id, "next_look_at = ?", [after(delay_s)])

    def _update(self, request_id: int, change: str, values: list[Any]) -> None:
        with self._database.write() as db:
            db.conn.execute(f"UPDATE reading_request SET {change} WHERE id = ?", [*values, request_id])  # noqa: S608
