"""A backup into a folder while the box runs: only new files are written, all is encrypted, a kill costs one file.

    bucky-backup-<key>/                one for each recovery key
        READ-ME.txt                    what this is and how to restore it
        instances/ab/<sha256>.dcm.age  stored pictures, each written once
        previews/...                   pictures of studies whose files are in a reader's archive
        done.jsonl                     what was written, a line a file: how an interrupted run goes on
        database-<time>.sqlite.age     a consistent copy by SQLite's backup interface
        manifest-<time>.json.age       written last: the names, sizes and digests of everything above

The vendor link's identity key is in none of them: it belongs to the one piece of hardware.
"""

import base64
import contextlib
import fcntl
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance import __version__
from appliance.archive.blobs import BlobStore
from appliance.archive.check import Checker
from appliance.archive.database import Database
from appliance.archive.digest import dataset_digest
from appliance.archive.vault import Lock, RecoveryKeys
from appliance.clock import stamp
from appliance.errors import BuckyError, NotDicom
from appliance.files import sync_folder, write_whole

FORMAT = 1
KEEP_MANIFESTS = 3
_SMALL_FILES = (
    "settings.toml",
    "audit.anchor",
    *("tls/certificate.pem", "tls/key.pem"),  # what X-ray units may know
    *("tls/authority.pem", "tls/authority-key.pem"),  # what the clinic's PCs trust
)
_READ_ME = """This folder holds encrypted backups of a Bucky box: pictures, studies, accounts, settings.
To restore them on a new box, plug this disk in and run, with the printed recovery key at hand:
    bucky restore THIS-FOLDER
"""
Progress = Callable[[int, int], None]


class BackupFolder(BuckyError):
    """The place for backups cannot be used."""

    code = "backup-folder"
    message = "The backup could not be written to {folder}: {reason}."
    hint = "Check that the disk or share is plugged in, is not write-protected and has room; the box tries again."


@dataclass(frozen=True)
class BackupRun:
    """One run; `ended_at` with no message is a good one."""

    id: int
    folder: str
    began_at: str
    ended_at: str | None
    files: int
    size_bytes: int
    message: str | None
    hint: str | None


@dataclass(frozen=True)
class _Item:
    name: str
    source: Path
    dataset_sha256: str | None


class Backup:
    """Writes backups and remembers when the last good one was."""

    def __init__(self, database: Database, blobs: BlobStore, checker: Checker, keys: RecoveryKeys) -> None:
        self._database = database
        self._blobs = blobs
        self._checker = checker
        self._keys = keys

    def last_good(self) -> BackupRun | None:
        """The last run that came to its end."""
        return self._select("ended_at IS NOT NULL AND message IS NULL")

    def last(self) -> BackupRun | None:
        """The last run, good or not."""
        return self._select("1")

    def _select(self, condition: str) -> BackupRun | None:
        sql = f"SELECT * FROM backup_run WHERE {condition} ORDER BY id DESC LIMIT 1"  # noqa: S608 - our own condition
        return next((BackupRun(**row) for row in self._database.read.query(sql)), None)

    def run(self, folder: Path, *, scheduled: bool = False, progress: Progress = lambda done, total: None) -> BackupRun:
        """Bring a backup folder up to date; raises NoRecoveryKey, BackupFolder."""
        lock = self._keys.lock()
        target = folder / f"bucky-backup-{lock.fingerprint}"
        if scheduled and not target.is_dir():  # the mount point alone: writing there would fill this box's own disk
            raise BackupFolder(folder=folder, reason="the disk with the backups is not there")
        run_id = self._begin(folder)
        try:
            with self._alone():
                target.mkdir(parents=True, exist_ok=True)
                files, size_bytes = _Writing(self._blobs, self._database, self._checker, lock, target).write(progress)
        except (OSError, sqlite3.Error) as error:
            reason = (getattr(error, "strerror", None) or "unknown reason").lower()
            failure = BackupFolder(folder=folder, reason=reason)
            self._end(run_id, 0, 0, failure)
            raise failure from error
        self._end(run_id, files, size_bytes, None)
        found = self.last_good()
        assert found is not None  # noqa: S101 - written one line above
        return found

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        with (self._blobs.folder / "backup.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _begin(self, folder: Path) -> int:
        with self._database.write() as db:
            row = db.conn.execute(
                "INSERT INTO backup_run (folder, began_at) VALUES (?, ?) RETURNING id", [str(folder), stamp()]
            ).fetchone()
            return int(row[0])

    def _end(self, run_id: int, files: int, size_bytes: int, error: BuckyError | None) -> None:
        words = (error.text, error.advice) if error else (None, None)
        with self._database.write() as db:
            db.conn.execute(
                "UPDATE backup_run SET ended_at = ?, files = ?, size_bytes = ?, message = ?, hint = ? WHERE id = ?",
                [stamp(), files, size_bytes, *words, run_id],
            )


class _Writing:
    """One run into one folder."""

    def __init__(self, blobs: BlobStore, database: Database, checker: Checker, lock: Lock, target: Path) -> None:
        self._blobs = blobs
        self._database = database
        self._checker = checker
        self._lock = lock
        self._target = target
        self._touched: set[Path] = set()
        self._files = 0
        self._size_bytes = 0

    def write(self, progress: Progress) -> tuple[int, int]:
        """Returns how many files and bytes are new."""
        write_whole(self._target / "READ-ME.txt", _READ_ME.encode())
        for leftover in self._target.rglob("*.part"):
            leftover.unlink()
        at = stamp().replace(":", "")
        with self._snapshot() as snapshot:
            entries = self._write_items(_items(snapshot, self._blobs), progress)
            database = self._seal(snapshot, f"database-{at}.sqlite.age")
        manifest = {
            "format": FORMAT,
            "version": __version__,
            "made_at": stamp(),
            "database": database,
            "files": entries,
            "small": {name: _base64(path) for name in _SMALL_FILES if (path := self._blobs.folder / name).exists()},
        }
        self._write_manifest(f"manifest-{at}.json.age", manifest)
        self._prune()
        return self._files, self._size_bytes

    @contextlib.contextmanager
    def _snapshot(self) -> Iterator[Path]:
        path = self._blobs.folder / "backup-snapshot.sqlite"
        self._database.copy_to(path)
        try:
            with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as conn:
                conn.execute("DELETE FROM setting WHERE key LIKE 'identity%'")
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _write_items(self, items: list[_Item], progress: Progress) -> dict[str, list[Any]]:
        """Write what is not there yet; returns digest and size of each, by name."""
        known = self._journal()
        entries: dict[str, list[Any]] = {}
        with (self._target / "done.jsonl").open("a") as journal:
            for number, item in enumerate(items):
                entry = known.get(item.name)
                if entry is None or not self._is_there(item.name, entry[1]):
                    entry = self._write_item(item)
                    if entry is None:
                        continue
                    journal.write(json.dumps([item.name, *entry]) + "\n")
                    journal.flush()
                entries[item.name] = entry
                progress(number + 1, len(items))
            os.fsync(journal.fileno())
        return entries

    def _journal(self) -> dict[str, list[Any]]:
        """What earlier runs wrote; a line that a kill cut off is left out, and its file written again."""
        found: dict[str, list[Any]] = {}
        path = self._target / "done.jsonl"
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        for line in lines:
            with contextlib.suppress(ValueError):
                name, digest, size_bytes = json.loads(line)
                found[name] = [digest, size_bytes]
        if lines and not lines[-1].endswith("\n"):
            with path.open("a") as file:
                file.write("\n")
        return found

    def _is_there(self, name: str, size_bytes: int) -> bool:
        try:
            return (self._target / name).stat().st_size == size_bytes
        except FileNotFoundError:
            return False

    def _write_item(self, item: _Item) -> list[Any] | None:
        """A damaged file is never written over a good one: it is set aside and left out."""
        try:
            if item.dataset_sha256 is not None and dataset_digest(item.source) != item.dataset_sha256:
                raise NotDicom(reason="it is damaged")
            return self._seal(item.source, item.name)[1:]
        except (FileNotFoundError, NotDicom):  # evicted meanwhile, or damaged
            if item.dataset_sha256 is not None and item.source.exists():
                self._checker.look_at(item.dataset_sha256)
            return None

    def _seal(self, source: Path, name: str) -> list[Any]:
        digest, size_bytes = self._lock.seal(source, self._target / name)
        self._touched.add((self._target / name).parent)
        self._files += 1
        self._size_bytes += size_bytes
        return [name, digest, size_bytes]

    def _write_manifest(self, name: str, manifest: dict[str, Any]) -> None:
        with self._blobs.scratch() as plain:
            plain.write_text(json.dumps(manifest))
            self._lock.seal(plain, self._target / name)
        for folder in {self._target, *self._touched}:
            with contextlib.suppress(OSError):  # network shares may not know how, and then there is nothing better
                sync_folder(folder)

    def _prune(self) -> None:
        for kind in ("manifest-*.json.age", "database-*.sqlite.age"):
            for path in sorted(self._target.glob(kind))[:-KEEP_MANIFESTS]:
                path.unlink()


def _items(snapshot: Path, blobs: BlobStore) -> list[_Item]:
    with contextlib.closing(sqlite3.connect(snapshot)) as conn:
        here = conn.execute(
            "SELECT dataset_sha256 FROM instance WHERE file_state = 'here'"
            " GROUP BY dataset_sha256 ORDER BY max(id) DESC"  # the newest first: they are nowhere else yet
        ).fetchall()
        evicted = conn.execute("SELECT id FROM instance WHERE file_state = 'evicted'").fetchall()
    items = [_Item(f"instances/{d[:2]}/{d}.dcm.age", blobs.path(d), d) for (d,) in here]
    for (instance_id,) in evicted:
        for name in (f"{instance_id // 1000}/{instance_id}.webp", f"{instance_id // 1000}/{instance_id}-small.webp"):
            source = blobs.folder / "previews" / name
            items += [_Item(f"previews/{name}.age", source, None)] if source.exists() else []
    return items


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
