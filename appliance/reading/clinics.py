"""The clinics of a reader service. Each has a folder with an archive, a worklist and a database of its own: there is no
query that could reach from one to another, and the same UID in two clinics means two things."""

from dataclasses import dataclass
from pathlib import Path

from appliance.archive.database import Database
from appliance.clock import stamp
from appliance.errors import BadInput, NotFound
from appliance.validators import valid_name

HOUSE = 0
"""The service's own archive: what reaches it by DIMSE, which carries no credential."""


@dataclass(frozen=True)
class Clinic:
    """A clinic by its row."""

    id: int
    name: str
    created_at: str


class Clinics:
    """All clinics of a service."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def all(self) -> list[Clinic]:
        """By name."""
        return [Clinic(**row) for row in self._database.read.query("SELECT * FROM clinic ORDER BY name")]

    def get(self, clinic_id: int) -> Clinic:
        """One by its row; raises NotFound."""
        found = next((c for c in self.all() if c.id == clinic_id), None)
        if found is None:
            raise NotFound(what="clinic")
        return found

    def ensure(self, name: str) -> Clinic:
        """The clinic of a name, made when it is first heard of; raises BadInput."""
        row = next(self._database.read.query("SELECT * FROM clinic WHERE name = ?", [name]), None)
        if row is None:
            try:
                name = valid_name(name)
            except ValueError as error:
                raise BadInput(field="Clinic", reason=str(error)) from None
            with self._database.write() as db:
                db.conn.execute(
                    "INSERT INTO clinic (name, created_at) VALUES (?, ?) ON CONFLICT DO NOTHING", [name, stamp()]
                )
            row = next(self._database.read.query("SELECT * FROM clinic WHERE name = ?", [name]))
        return Clinic(**row)

    def folder(self, clinic_id: int) -> Path:
        """Where a clinic's data are; every command works on it with --data."""
        return self._folder / "clinics" / str(clinic_id)
