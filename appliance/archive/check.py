"""Reads every stored file back from the disk and compares it with the digest that it had when it came."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from appliance.archive.blobs import BlobStore
from appliance.archive.damage import record_damage
from appliance.archive.database import Database
from appliance.archive.digest import dataset_digest
from appliance.archive.notices import note
from appliance.clock import stamp
from appliance.errors import NotDicom

Found = Literal["good", "damaged", "missing"]
_BATCH = 64  # files between two notes of how far a pass has come


@dataclass(frozen=True)
class Pass:
    """One pass over every stored file; `size_bytes` read."""

    id: int
    kind: str
    began_at: str
    ended_at: str | None
    last_instance_id: int
    checked: int
    size_bytes: int
    damaged: int
    missing: int


@dataclass(frozen=True)
class Looked:
    """One file; `size_bytes` of its data set."""

    instance_id: int
    found: Found
    size_bytes: int


class Checker:
    """Passes over the archive; each goes on where it stopped, also after a restart."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs

    def begin(self, kind: Literal["asked", "background"]) -> Pass:
        """A new pass, or the unfinished background one."""
        open_one = self._select("kind = ? AND ended_at IS NULL ORDER BY id DESC LIMIT 1", [kind])
        if open_one and kind == "background":
            return open_one
        with self._database.write() as db:
            db.conn.execute("INSERT INTO check_run (kind, began_at) VALUES (?, ?)", [kind, stamp()])
        found = self._select("kind = ? ORDER BY id DESC LIMIT 1", [kind])
        assert found is not None  # noqa: S101 - written two lines above
        return found

    def latest(self) -> Pass | None:
        """The last pass that came to its end."""
        return self._select("ended_at IS NOT NULL ORDER BY ended_at DESC LIMIT 1", [])

    def get(self, pass_id: int) -> Pass:
        """A pass as it stands."""
        found = self._select("id = ?", [pass_id])
        assert found is not None  # noqa: S101 - passes are never removed
        return found

    def _select(self, condition: str, values: list[object]) -> Pass | None:
        sql = f"SELECT * FROM check_run WHERE {condition}"  # noqa: S608 - our own condition
        return next((Pass(**row) for row in self._database.read.query(sql, values)), None)

    def waiting(self, run: Pass) -> tuple[int, int]:
        """How many files, and bytes, a pass has still to read."""
        sql = "SELECT count(*), coalesce(sum(size_bytes), 0) FROM instance WHERE id > ? AND file_state = 'here'"
        files, size = self._database.read.conn.execute(sql, [run.last_instance_id]).fetchone()
        return int(files), int(size)

    def go_on(self, run: Pass) -> Iterator[Looked]:
        """Check file after file, in the order of their rows; ends the pass at the end."""
        batch: list[Looked] = []
        after = run.last_instance_id
        while rows := self._next(after):
            for instance_id, digest, size_bytes in rows:
                looked = Looked(instance_id, self.look(instance_id, digest), size_bytes)
                after = instance_id
                batch.append(looked)
                if len(batch) >= _BATCH:
                    self._note(run, batch)
                    batch = []
                yield looked
        self._note(run, batch)
        with self._database.write() as db:
            db.conn.execute("UPDATE check_run SET ended_at = ? WHERE id = ?", [stamp(), run.id])

    def _next(self, after: int) -> list[tuple[int, str, int]]:
        sql = (
            "SELECT id, dataset_sha256, size_bytes FROM instance WHERE id > ? AND file_state = 'here'"
            " ORDER BY id LIMIT 256"
        )
        return [tuple(row) for row in self._database.read.conn.execute(sql, [after])]

    def _note(self, run: Pass, batch: list[Looked]) -> None:
        if not batch:
            return
        with self._database.write() as db:
            db.conn.execute(
                "UPDATE check_run SET last_instance_id = ?, checked = checked + ?, size_bytes = size_bytes + ?,"
                " damaged = damaged + ?, missing = missing + ? WHERE id = ?",
                [
                    *(batch[-1].instance_id, len(batch), sum(one.size_bytes for one in batch)),
                    *(sum(one.found == kind for one in batch) for kind in ("damaged", "missing")),
                    run.id,
                ],
            )

    def look(self, instance_id: int, dataset_sha256: str) -> Found:
        """Read one file back; a damaged one is set aside, and both kinds of loss are told and noted for healing."""
        path = self._blobs.path(dataset_sha256)
        try:
            if _digest_from_disk(path) == dataset_sha256:
                return "good"
        except FileNotFoundError:
            return self._lost(instance_id, dataset_sha256, "missing")
        except (OSError, NotDicom):  # an unreadable sector, or a file header that is gone
            pass
        return self._lost(instance_id, dataset_sha256, "damaged")

    def look_at(self, dataset_sha256: str) -> None:
        """Look at a file that another part of the box found damaged."""
        sql = "SELECT id FROM instance WHERE dataset_sha256 = ? AND file_state = 'here' LIMIT 1"
        for (instance_id,) in self._database.read.conn.execute(sql, [dataset_sha256]).fetchall():
            self.look(int(instance_id), dataset_sha256)

    def _lost(self, instance_id: int, dataset_sha256: str, kind: Literal["damaged", "missing"]) -> Found:
        """Set aside and note; a crash between the two is put right by the next reconciliation."""
        with self._database.write() as db:
            row = db.conn.execute("SELECT file_state FROM instance WHERE id = ?", [instance_id]).fetchone()
            if row is None or row[0] != "here":  # evicted meanwhile, or found by another pass
                return "good"
            aside = self._blobs.set_aside(dataset_sha256) if kind == "damaged" else None
            sharing = db.conn.execute("SELECT id FROM instance WHERE dataset_sha256 = ?", [dataset_sha256]).fetchall()
            for (sharing_id,) in sharing:  # instances without a UID of their own in the data set may share a file
                record_damage(db, sharing_id, kind, aside)
            note(db, f"file-{kind}")
        return kind


def _digest_from_disk(path: Path) -> str:
    """The digest of what the disk gives, not of what memory still holds of it."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    try:
        return dataset_digest(path)
    finally:
        with path.open("rb") as file:  # the pictures that people look at stay in memory instead
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
