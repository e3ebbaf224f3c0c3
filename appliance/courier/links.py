"""At a box: the links to studies that it asked reader services for, so that they are seen and can be taken back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from appliance.archive.catalogue import Study
from appliance.archive.database import Database
from appliance.clock import stamp
from appliance.courier.destinations import Destination, Destinations
from appliance.errors import NotFound


class MadeLink(Protocol):
    """A link as the reader service tells it."""

    @property
    def id(self) -> int: ...
    @property
    def path(self) -> str: ...
    @property
    def ends_at(self) -> str: ...


class LinkMaker(Protocol):
    """The links of one destination; every method makes one attempt and raises PeerError."""

    def make(self, study_instance_uid: str, days: int) -> MadeLink: ...
    def revoke(self, study_instance_uid: str, share_id: int) -> None: ...


@dataclass(frozen=True)
class Link:
    """One link that is still good."""

    id: int
    study_id: int
    destination_id: int
    far_id: int
    address: str
    made_by: str
    ends_at: str


class Links:
    """All links of a box."""

    def __init__(
        self, database: Database, destinations: Destinations, maker_of: Callable[[Destination], LinkMaker]
    ) -> None:
        self._database = database
        self._destinations = destinations
        self._maker_of = maker_of

    def of_study(self, study_id: int) -> list[Link]:
        """Those that open now, the youngest first."""
        rows = self._database.read.query(
            "SELECT id, study_id, destination_id, far_id, address, made_by, ends_at FROM shared_link"
            " WHERE study_id = ? AND revoked_at IS NULL AND ends_at > ? ORDER BY id DESC",
            [study_id, stamp()],
        )
        return [Link(**row) for row in rows]

    def make(self, study: Study, destination: Destination, days: int, by: str) -> None:
        """Ask for one and keep it; raises PeerError."""
        made = self._maker_of(destination).make(study.study_instance_uid, days)
        address = destination.url.removesuffix("/dicom-web") + made.path
        with self._database.write() as db:
            db.conn.execute(
                "INSERT INTO shared_link (study_id, destination_id, far_id, address, made_by, made_at, ends_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [study.id, destination.id, made.id, address, by, stamp(), made.ends_at],
            )

    def revoke(self, study: Study, link_id: int) -> None:
        """Take one back at the reader service; only what it has taken back counts so here. Raises PeerError."""
        link = next((one for one in self.of_study(study.id) if one.id == link_id), None)
        if link is None:
            raise NotFound(what="link")
        self._maker_of(self._destinations.get(link.destination_id)).revoke(study.study_instance_uid, link.far_id)
        with self._database.write() as db:
            db.conn.execute("UPDATE shared_link SET revoked_at = ? WHERE id = ?", [stamp(), link_id])
