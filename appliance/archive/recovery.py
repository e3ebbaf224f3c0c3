"""Recovery at the start, without a person: each state that a crash or a failing disk can leave has one outcome.

- A temporary file that nobody writes is removed: nobody was told that it is stored.
- A complete file without a row gets its row, as the intake would have written it.
- A row without a file is marked missing; the healing fetches the file from a reader.
- A file in the archive that is none is set aside.
- A database that cannot be read is set aside; its place takes what of it could be read whole, or the box's own copy,
  or an empty one; the files then give the rest.
- A schema that a newer release made, and that this one could not work with, is left alone: `SchemaTooNew`.
"""

import contextlib
import fcntl
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from appliance.archive.blobs import BlobStore
from appliance.archive.damage import record_damage
from appliance.archive.database import Database, is_damage, lock_file, put_in_place
from appliance.archive.filed import filed
from appliance.archive.notices import note
from appliance.archive.salvage import Salvage, depends_on_index, drop_orphans, plain_tables, replace_rows
from appliance.clock import stamp
from appliance.errors import IndexDamaged, NotDicom, SchemaTooNew

COPY_NAME = "bucky-copy.sqlite"
_ALL_PREFIXES = tuple(f"{number:02x}" for number in range(256))


def recover_index(path: Path, blobs: BlobStore) -> str | None:
    """Make sure that there is a sound database at `path`; returns the notice's code if it had to be recovered.

    Raises SchemaTooNew.
    """
    with _alone(path):
        if not path.exists():
            if not any(blobs.kept(prefix) for prefix in _ALL_PREFIXES):
                return None
        elif is_sound(path):
            return None
        code = _replace(path)
    with Database(path).write() as db:
        note(db, code)
    return code


def is_sound(path: Path) -> bool:
    """Whether SQLite finds nothing wrong in the whole file; an empty file is a database without tables."""
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=30)) as conn:
            return [tuple(row) for row in conn.execute("PRAGMA quick_check(1)")] == [("ok",)]
    except sqlite3.DatabaseError as error:
        if is_damage(error):
            return False
        raise


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    with lock_file(path).open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        yield


def _replace(path: Path) -> str:
    """Build the best database that can be had and put it in place; returns the notice's code."""
    new = path.with_name("recovered.sqlite")
    new.unlink(missing_ok=True)
    old = Salvage(path)
    copy = _newest_copy(path.parent)
    if copy is not None:
        shutil.copyfile(copy, new)
    made = Database(new)
    complete = _overlay(made, old)
    old.close()
    made.close()
    put_in_place(new, path, path.parent / "set-aside" / f"index-{stamp().replace(':', '')}")
    if complete:
        return "index-repaired"
    return "index-from-files" if copy is None else "index-from-copy"


def _overlay(made: Database, old: Salvage) -> bool:
    """Carry over what can be read whole; True if that is everything."""
    with made.write() as db:
        conn = db.conn
        conn.execute("PRAGMA defer_foreign_keys = ON")
        tables = {name: old.table(name) for name in plain_tables(conn)}
        complete = all(table.whole for table in tables.values())
        for name, table in tables.items():
            if complete or (table.whole and not depends_on_index(conn, name)):
                replace_rows(conn, name, table)
        drop_orphans(conn)
    return complete


def _newest_copy(folder: Path) -> Path | None:
    """The newest sound one of the copies that the box makes of its own database."""
    copies = [path for path in (folder / COPY_NAME, *folder.glob("bucky-before-*.sqlite")) if path.exists()]
    for path in sorted(copies, key=lambda p: p.stat().st_mtime, reverse=True):
        with contextlib.suppress(SchemaTooNew, IndexDamaged, sqlite3.DatabaseError):
            if is_sound(path):
                return path
    return None


def reconcile(database: Database, blobs: BlobStore, *, go_on: Callable[[], bool] = lambda: True) -> dict[str, int]:
    """Bring files and rows together while everything else goes on; returns how many of each notice there were.

    Files are compared folder by folder; what is added comes in the order in which it was received.
    """
    without_row: list[str] = []
    without_file: list[tuple[int, str]] = []
    for prefix in _ALL_PREFIXES:
        if not go_on():
            return {}
        files = blobs.kept(prefix)  # before the rows: a file that comes between has its row by then, or is adopted
        rows = _rows(database, prefix)
        without_row += files - {digest for _, digest, _ in rows}
        without_file += [(row, digest) for row, digest, state in rows if state == "here" and digest not in files]
        _mark_present(database, [row for row, digest, state in rows if state != "here" and digest in files])
    found = {"file-adopted": 0, "stray-file": 0, "file-missing": 0}
    for code, number in (*_adopt(database, blobs, without_row), ("file-missing", _mark(database, blobs, without_file))):
        found[code] += number
    counts = {code: number for code, number in found.items() if number}
    if counts:
        with database.write() as db:
            for code, number in counts.items():
                note(db, code, number)
    return counts


def _rows(database: Database, prefix: str) -> list[tuple[int, str, str]]:
    sql = "SELECT id, dataset_sha256, file_state FROM instance WHERE dataset_sha256 >= ? AND dataset_sha256 < ?"
    return [tuple(row) for row in database.read.conn.execute(sql, [prefix, f"{prefix}g"])]


def _adopt(database: Database, blobs: BlobStore, digests: list[str]) -> Iterator[tuple[str, int]]:
    good, strays = filed(blobs, digests)
    for one in good:
        try:
            with database.write() as db:
                receipt = one.add_to(db)
            yield "file-adopted", int(receipt.outcome != "duplicate")
        except NotDicom:
            strays.append(one.dataset_sha256)
        except FileNotFoundError:  # evicted or set aside in the meantime
            continue
    for digest in strays:
        yield "stray-file", int(blobs.set_aside(digest) is not None)


def _mark(database: Database, blobs: BlobStore, rows: list[tuple[int, str]]) -> int:
    """Note rows without a file; one whose file came in the meantime is left alone."""
    gone = [row for row, digest in rows if not blobs.path(digest).exists()]
    for row in gone:
        with database.write() as db:
            record_damage(db, row, "missing", None)
    return len(gone)


def _mark_present(database: Database, rows: list[int]) -> None:
    """A file that is there after all (an eviction that was cut short): nothing is lost, and it counts again."""
    for row in rows:
        with database.write() as db:
            db.conn.execute("UPDATE instance SET file_state = 'here' WHERE id = ?", [row])
            db.conn.execute("DELETE FROM damage WHERE instance_id = ? AND state IN ('waiting', 'nowhere')", [row])
