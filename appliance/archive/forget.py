"""Taking instances out of the index for good, with every row that speaks of them."""

import sqlite3
from collections.abc import Callable, Collection

from appliance.archive.blobs import BlobStore
from appliance.archive.database import Database

Gone = Callable[[int], None]
"""Removes what was derived from an instance's row; a later picture may get the same number."""


def forget_instances(database: Database, blobs: BlobStore, instance_ids: Collection[int], on_gone: Gone) -> None:
    """Rows and files in one transaction: a kill before its commit leaves rows that are still to be forgotten."""
    with database.write() as db:
        forget_in(db.conn, blobs, instance_ids, on_gone)


def forget_in(conn: sqlite3.Connection, blobs: BlobStore, instance_ids: Collection[int], on_gone: Gone) -> None:
    """The same inside the caller's transaction; a file whose bytes another instance has stays."""
    for instance_id in instance_ids:
        on_gone(instance_id)
    ids = f"id IN ({', '.join(str(int(instance_id)) for instance_id in instance_ids)})"
    digests = conn.execute(f"SELECT DISTINCT dataset_sha256 FROM instance WHERE {ids}").fetchall()  # noqa: S608 - numbers
    _delete(conn, "instance", ids)
    for (digest,) in digests:
        if not conn.execute("SELECT 1 FROM instance WHERE dataset_sha256 = ?", [digest]).fetchone():
            blobs.path(digest).unlink(missing_ok=True)


def _delete(conn: sqlite3.Connection, table: str, condition: str) -> None:
    """Delete rows, those first that refer to them."""
    for child, column in _references(conn, table):
        _delete(conn, child, f"{column} IN (SELECT id FROM {table} WHERE {condition})")  # noqa: S608 - names of ours
    conn.execute(f"DELETE FROM {table} WHERE {condition}")  # noqa: S608 - our own names


def _references(conn: sqlite3.Connection, table: str) -> list[tuple[str, str]]:
    """Every table and column that refers to a row of `table`."""
    tables = [row[0] for row in conn.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    return [
        (child, key[3])
        for child in tables
        for key in conn.execute(f"PRAGMA foreign_key_list({child})")
        if key[2] == table
    ]
