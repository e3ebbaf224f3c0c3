"""The one SQLite database in which the roles meet: write-ahead log, synchronous=FULL, one writer at a time."""

import contextlib
import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from sqlite_utils import Database as SqliteUtils
from sqlite_utils.migrations import Migrations

from appliance.archive.matching import register
from appliance.clock import stamp
from appliance.errors import FolderNotWritable, IndexDamaged, SchemaTooNew
from appliance.files import sync_file, sync_folder

BUSY_TIMEOUT_S = 30.0
_MIGRATION_SET = "bucky"
BREAKING = "_breaking"
"""How a step's name ends that leaves older releases nothing to work with. All others only add, so that a box whose new
release fails its trial goes on with the old one."""
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_FileId = tuple[int, int]  # device and inode


def _migrations() -> Migrations:
    """The steps in the folder `migrations`, in the order of their names."""
    steps = Migrations(_MIGRATION_SET)
    folder = resources.files("appliance.archive") / "migrations"
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".sql"):
            _register(steps, file.name.removesuffix(".sql"), file.read_text(encoding="utf-8"))
    return steps


def _register(steps: Migrations, name: str, sql: str) -> None:
    statements = [part for part in sqlite_statements(sql) if part.strip()]

    @steps(name=name)
    def apply(db: SqliteUtils) -> None:
        for statement in statements:
            db.conn.execute(statement)


def sqlite_statements(sql: str) -> Iterator[str]:
    """Single statements of a script (executescript would commit the step's transaction)."""
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether SQLite found that the file itself is broken, or is no database."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE


def lock_file(database: Path) -> Path:
    """The file that keeps the roles apart while a database is opened for the first time or exchanged."""
    return database.with_suffix(".lock")


def put_in_place(new: Path, database: Path, aside: Path) -> None:
    """Move a database and what belongs to it into the folder `aside`, and a complete new one into its place."""
    aside.mkdir(parents=True, exist_ok=True)
    for companion in (database.with_name(f"{database.name}-wal"), database.with_name(f"{database.name}-shm")):
        if companion.exists():
            companion.rename(aside / companion.name)
    if database.exists():
        os.link(database, aside / database.name)
    sync_folder(aside)
    sync_file(new)
    new.replace(database)
    sync_folder(database.parent)


class _Connection(sqlite3.Connection):
    """A connection that tells a damaged file apart from every other fault."""

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        """As always, but raises IndexDamaged for a file that SQLite cannot make sense of."""
        try:
            return super().execute(*arguments)
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                raise IndexDamaged from error
            raise


class Database:
    """Connections to one database file; each thread reads through its own, all writes take turns.

    The file may be exchanged while roles are at work (see `exchange`): every transaction holds the lock file shared,
    the exchange holds it alone, and a connection to a file that is no longer the one at the path is opened anew.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.on_damage: Callable[[], None] = lambda: None
        """Called when the file turns out to be damaged: the role ends, and its next start recovers."""
        self._local = threading.local()
        self._write_lock = threading.Lock()
        try:
            self._gate = lock_file(path).open("w")
            with self._alone():
                self._make_file()
                self._writer, self._writer_file = self._connect()
                self._migrate()
                sync_folder(path.parent)  # SQLite syncs the names of its logs, not that of a new database
        except (sqlite3.OperationalError, OSError) as error:
            raise FolderNotWritable(path=path.parent, reason=str(error)) from error

    def _make_file(self) -> None:
        """A new file with the process's own mode; SQLite's would shut out roles with other users.

        One that exists is not touched: closing it would end all locks that this process has on it (fcntl(2)).
        """
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666))

    def _connect(self) -> tuple[SqliteUtils, _FileId]:
        conn = sqlite3.connect(
            self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, factory=_Connection
        )
        conn.execute("PRAGMA journal_mode = WAL")
        conn.execute("PRAGMA synchronous = FULL")
        conn.execute("PRAGMA foreign_keys = ON")
        register(conn)
        return SqliteUtils(conn), self._file_id()

    def _file_id(self) -> _FileId:
        found = self.path.stat()
        return found.st_dev, found.st_ino

    def _migrate(self) -> None:
        steps = _migrations()
        known = {step.name for step in steps._migrations}
        applied = [step.name for step in steps.applied(self._writer)]
        for name in applied:
            if name not in known and name.endswith(BREAKING):
                raise SchemaTooNew(name=name)
        if applied and steps.pending(self._writer):
            snapshot = self.path.with_name(f"{self.path.stem}-before-{applied[-1]}.sqlite")
            snapshot.unlink(missing_ok=True)
            self._writer.conn.execute("VACUUM INTO ?", [str(snapshot)])
        steps.apply(self._writer)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep the roles of one box from migrating, opening and exchanging the file at the same time."""
        fcntl.flock(self._gate, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._gate, fcntl.LOCK_UN)

    @contextlib.contextmanager
    def _shared(self) -> Iterator[None]:
        """Keep the file from being exchanged; the write lock is held, so that the descriptor has one user."""
        fcntl.flock(self._gate, fcntl.LOCK_SH)
        try:
            if self._file_id() != self._writer_file:
                self._writer.conn.close()
                self._writer, self._writer_file = self._connect()
            yield
        finally:
            fcntl.flock(self._gate, fcntl.LOCK_UN)

    @contextlib.contextmanager
    def write(self) -> Iterator[SqliteUtils]:
        """One transaction, begun at once (BEGIN IMMEDIATE), committed at the end, rolled back on any error."""
        with self._write_lock, self._shared():
            conn = self._writer.conn
            try:
                conn.execute("BEGIN IMMEDIATE")
                yield self._writer
                conn.execute("COMMIT")
            except BaseException as error:
                if conn.in_transaction:
                    conn.execute("ROLLBACK")
                if isinstance(error, IndexDamaged):
                    self.on_damage()
                raise

    @property
    def read(self) -> SqliteUtils:
        """This thread's own connection, which cannot write."""
        reader: SqliteUtils | None = getattr(self._local, "reader", None)
        if reader is None or self._local.file != self._file_id():
            with lock_file(self.path).open("w") as gate:
                fcntl.flock(gate, fcntl.LOCK_SH)
                reader, self._local.file = self._connect()
            reader.conn.execute("PRAGMA query_only = ON")
            self._local.reader = reader
        return reader

    def write_fast(self) -> None:
        """Write without syncing, for a database that nobody uses yet."""
        self._writer.conn.execute("PRAGMA synchronous = OFF")

    def close(self) -> None:
        """Close the connections of this thread, with all commits in the file itself."""
        reader: SqliteUtils | None = getattr(self._local, "reader", None)
        if reader is not None:
            reader.conn.close()
            self._local.reader = None
        self._writer.conn.execute("PRAGMA journal_mode = DELETE")
        self._writer.conn.close()

    def copy_to(self, target: Path) -> None:
        """A consistent copy by SQLite's backup interface while others write; whole and synced, or not at all."""
        part = target.with_suffix(".part")
        part.unlink(missing_ok=True)
        copy = sqlite3.connect(part, isolation_level=None)
        try:
            self.read.conn.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
        finally:
            copy.close()
        sync_file(part)
        part.replace(target)
        sync_folder(target.parent)

    @contextlib.contextmanager
    def exchange(self, new: Path, aside: Path) -> Iterator[None]:
        """Put the database `new` in this one's place; the caller's block runs while no role can write.

        The old file goes into the folder `aside`. All roles go on with the new one at their next transaction.
        """
        with self._write_lock, self._alone():
            with contextlib.suppress(sqlite3.DatabaseError, IndexDamaged):
                self._writer.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            yield
            put_in_place(new, self.path, aside)
            self._writer.conn.close()
            self._writer, self._writer_file = self._connect()

    def setting(self, key: str) -> str | None:
        """A value kept in the database, e.g. the clinic's name."""
        row = next(self.read.query("SELECT value FROM setting WHERE key = ?", [key]), None)
        return None if row is None else str(row["value"])

    def set_setting(self, key: str, value: str | None) -> None:
        """Keep a value, or remove it with None."""
        with self.write() as db:
            db.conn.execute("DELETE FROM setting WHERE key = ?", [key])
            if value is not None:
                db.conn.execute("INSERT INTO setting (key, value) VALUES (?, ?)", [key, value])


class ChangeWatch:
    """Notices that some role committed something, by polling PRAGMA data_version on a connection of its own."""

    def __init__(self, database: Database) -> None:
        self._path = database.path
        self._lock = threading.Lock()
        self._open()

    def _open(self) -> None:
        self._conn = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self._file = self._path.stat().st_ino
        self._born = stamp()

    def version(self) -> str:
        """A text that differs from the last one if anything was committed since."""
        with self._lock:
            if self._path.stat().st_ino != self._file:
                self._conn.close()
                self._open()
            (number,) = self._conn.execute("PRAGMA data_version").fetchone()
        return f"{self._born}-{number}"
