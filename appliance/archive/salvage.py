"""Reading a database that may be damaged: every row that SQLite still finds."""

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INDEX_TABLES = ("study", "series", "instance")


@dataclass(frozen=True)
class Table:
    """The rows of one table; `whole` if all of them could be read."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    whole: bool

    def dicts(self) -> list[dict[str, Any]]:
        """The rows by column."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class Salvage:
    """One database file, opened for reading only; nothing here raises for what is in it."""

    def __init__(self, path: Path) -> None:
        self._conn: sqlite3.Connection | None = None
        with contextlib.suppress(sqlite3.DatabaseError):
            self._conn = sqlite3.connect(f"file:{path}?mode=ro", uri=True)

    def table(self, name: str) -> Table:
        """As many rows of a table as can be read, from either end."""
        columns, rows, whole = self._read(f'SELECT * FROM "{name}"')  # noqa: S608 - our own names
        if whole or not columns:
            return Table(columns, rows, whole)
        with_ids = self._read(f'SELECT rowid, * FROM "{name}" ORDER BY rowid DESC')[1]  # noqa: S608 - our own names
        seen = set(rows)
        return Table(columns, rows + [row[1:] for row in with_ids if row[1:] not in seen], False)

    def _read(self, sql: str) -> tuple[tuple[str, ...], list[tuple[Any, ...]], bool]:
        columns: tuple[str, ...] = ()
        rows: list[tuple[Any, ...]] = []
        if self._conn is None:
            return columns, rows, False
        try:
            cursor = self._conn.execute(sql)
            columns = tuple(column[0] for column in cursor.description)
            for row in cursor:
                rows.append(row)  # noqa: PERF402 - those before the damage are kept
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            return columns, rows, False
        return columns, rows, True

    def close(self) -> None:
        """Let go of the file."""
        if self._conn is not None:
            self._conn.close()


def plain_tables(conn: sqlite3.Connection) -> list[str]:
    """Our own tables: no views, no virtual tables with their shadows, no bookkeeping."""
    rows = conn.execute("SELECT name, type FROM pragma_table_list WHERE schema = 'main'").fetchall()
    return sorted(name for name, kind in rows if kind == "table" and not name.startswith(("sqlite_", "_sqlite_")))


def references(conn: sqlite3.Connection, table: str) -> list[tuple[str, str]]:
    """Which tables a table refers to, and by which column."""
    return [(row[2], row[3]) for row in conn.execute(f'PRAGMA foreign_key_list("{table}")')]


def depends_on_index(conn: sqlite3.Connection, table: str) -> bool:
    """Whether a table is part of the index or refers to it, directly or not."""
    if table in INDEX_TABLES:
        return True
    return any(target != table and depends_on_index(conn, target) for target, _ in references(conn, table))


def replace_rows(conn: sqlite3.Connection, name: str, table: Table) -> None:
    """Put salvaged rows in place of what a table holds; columns that one side does not know are left out."""
    known = {row[1] for row in conn.execute(f'PRAGMA table_info("{name}")')}
    shared = [(number, column) for number, column in enumerate(table.columns) if column in known]
    columns = ", ".join(f'"{column}"' for _, column in shared)
    marks = ", ".join("?" for _ in shared)
    conn.execute(f'DELETE FROM "{name}"')  # noqa: S608 - names of our own tables
    sql = f'INSERT OR IGNORE INTO "{name}" ({columns}) VALUES ({marks})'  # noqa: S608 - our own names
    for row in table.rows:
        with contextlib.suppress(sqlite3.IntegrityError):  # a row that a damaged page garbled
            conn.execute(sql, [row[number] for number, _ in shared])


def drop_orphans(conn: sqlite3.Connection) -> int:
    """Remove rows that refer to rows that are not there; returns how many."""
    removed = 0
    while violations := list(_violations(conn)):
        for table, rowid, columns in violations:
            if rowid is not None:
                conn.execute(f'DELETE FROM "{table}" WHERE rowid = ?', [rowid])  # noqa: S608 - our own names
            else:  # a table without rowid
                for column, target in columns:
                    conn.execute(f'DELETE FROM "{table}" WHERE "{column}" NOT IN (SELECT id FROM "{target}")')  # noqa: S608 - our own names
        removed += len(violations)
    return removed


def _violations(conn: sqlite3.Connection) -> Iterator[tuple[str, int | None, list[tuple[str, str]]]]:
    for table, rowid, *_ in conn.execute("PRAGMA foreign_key_check").fetchall():
        yield table, rowid, [(column, target) for target, column in references(conn, table)]
