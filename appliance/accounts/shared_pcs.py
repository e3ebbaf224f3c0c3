"""PCs and tablets of the clinic on which somebody logged in in full; there a PIN switches between people."""

import hashlib
import secrets
from dataclasses import dataclass

from appliance.archive.database import Database
from appliance.clock import stamp
from appliance.errors import BadInput, NotFound


@dataclass(frozen=True)
class SharedPc:
    """One enrolled PC."""

    id: int
    name: str
    enrolled_by: str
    enrolled_at: str
    last_used_at: str


class SharedPcs:
    """The enrolled PCs of one box."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def enrol(self, name: str, by: str) -> str:
        """Enrol a PC; returns the key that it keeps. Only the key's digest is kept here."""
        if not 1 <= len(name.strip()) <= 64:
            raise BadInput(field="Name of this PC", reason="1 to 64 characters, e.g. X-ray room")
        key = secrets.token_urlsafe(32)
        with self._database.write() as db:
            db.conn.execute(
                "INSERT INTO shared_pc (key_sha256, name, enrolled_by, enrolled_at, last_used_at)"
                " VALUES (?, ?, ?, ?, ?)",
                [_digest(key), name.strip(), by, stamp(), stamp()],
            )
        return key

    def by_key(self, key: str | None) -> SharedPc | None:
        """The PC that shows this key."""
        sql = "SELECT id, name, enrolled_by, enrolled_at, last_used_at FROM shared_pc WHERE key_sha256 = ?"
        row = self._database.read.conn.execute(sql, [_digest(key or "")]).fetchone()
        return None if row is None else SharedPc(*row)

    def all(self) -> list[SharedPc]:
        """Every enrolled PC."""
        sql = "SELECT id, name, enrolled_by, enrolled_at, last_used_at FROM shared_pc ORDER BY name, id"
        return [SharedPc(*row) for row in self._database.read.conn.execute(sql)]

    def note_use(self, pc_id: int) -> None:
        """Somebody logged in there."""
        with self._database.write() as db:
            db.conn.execute("UPDATE shared_pc SET last_used_at = ? WHERE id = ?", [stamp(), pc_id])

    def remove(self, pc_id: int) -> None:
        """PINs are worth nothing there any more."""
        with self._database.write() as db:
            if db.conn.execute("DELETE FROM shared_pc WHERE id = ?", [pc_id]).rowcount == 0:
                raise NotFound(what="PC")


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
