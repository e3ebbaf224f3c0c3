"""The one SQLite database in which the roles meet: write-ahead log, synchronous=FULL, one writer at a time."""

import contextlib
import fcntl
import sqlite3
import threading
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from sqlite_utils import Database as SqliteUtils
from sqlite_utils.migrations import Migrations

from appliance.archive.matching import register
from appliance.clock import stamp
from appliance.errors import FolderNotWritable, SchemaTooNew

BUSY_TIMEOUT_S = 30.0
_MIGRATION_SET = "bucky"


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


class Database:
    """Connections to one database file; each thread reads through its own, all writes take turns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._write_lock = threading.Lock()
        try:
            self._writer = self._connect()
        except sqlite3.OperationalError as error:
            raise FolderNotWritable(path=path.parent, reason=str(error)) from error
        self._migrate()

    def _connect(self) -> SqliteUtils:
        conn = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        conn.execute("PRAGMA journal_mode = WAL")
        conn.execute("PRAGMA synchronous = FULL")
        conn.execute("PRAGMA foreign_keys = ON")
        register(conn)
        return SqliteUtils(conn)

    def _migrate(self) -> None:
        steps = _migrations()
        known = {step.name for step in steps._migrations}
        with self._write_lock, self._file_lock():
            applied = [step.name for step in steps.applied(self._writer)]
            for name in applied:
                if name not in known:
                    raise SchemaTooNew(name=name)
            if applied and steps.pending(self._writer):
                snapshot = self.path.with_name(f"{self.path.stem}-before-{applied[-1]}.sqlite")
                snapshot.unlink(missing_ok=True)
                self._writer.conn.execute("VACUUM INTO ?", [str(snapshot)])
            steps.apply(self._writer)

    @contextlib.contextmanager
    def _file_lock(self) -> Iterator[None]:
        """Keep the roles of one box, which start at the same time, from migrating at the same time."""
        with self.path.with_suffix(".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def write(self) -> Iterator[SqliteUtils]:
        """One transaction, begun at once (BEGIN IMMEDIATE), committed at the end, rolled back on any error."""
        with self._write_lock:
            conn = self._writer.conn
            conn.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                conn.execute("COMMIT")
            except BaseException:
                if conn.in_transaction:
                    conn.execute("ROLLBACK")
                raise

    @property
    def read(self) -> SqliteUtils:
        """This thread's own connection, which cannot write."""
        reader: SqliteUtils | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._connect()
            reader.conn.execute("PRAGMA query_only = ON")
            self._local.reader = reader
        return reader

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
        self._conn = sqlite3.connect(database.path, isolation_level=None, check_same_thread=False)
        self._lock = threading.Lock()
        self._born = stamp()

    def version(self) -> str:
        """A text that differs from the last one if anything was committed since."""
        with self._lock:
            (number,) = self._conn.execute("PRAGMA data_version").fetchone()
        return f"{self._born}-{number}"
