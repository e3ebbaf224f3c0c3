"""Steps of the database only add: after an update that was taken back, the release before works with what is there."""

import re
import sqlite3
from importlib import resources

import pytest

from appliance.archive.database import BREAKING, sqlite_statements
from appliance.archive.matching import register

STEPS = sorted(
    (file.name.removesuffix(".sql"), file.read_text(encoding="utf-8"))
    for file in (resources.files("appliance.archive") / "migrations").iterdir()
    if file.name.endswith(".sql")
)
ADDITIVE = [step for step in STEPS if not step[0].endswith(BREAKING)]
_ADDS = re.compile(
    r"(CREATE (UNIQUE |VIRTUAL )?(TABLE|INDEX|TRIGGER|VIEW)|INSERT INTO|UPDATE|ALTER TABLE \w+ ADD COLUMN)\b",
    re.IGNORECASE,
)
Columns = dict[tuple[str, str], tuple[str, int, str | None]]


def _without_comments(statement: str) -> str:
    return re.sub(r"--[^\n]*", "", statement).strip()


@pytest.mark.parametrize(("name", "sql"), ADDITIVE, ids=[name for name, _ in ADDITIVE])
def test_a_step_only_adds(name: str, sql: str) -> None:
    """No table and no column goes or is renamed; a step that must do so says it in its name."""
    for statement in map(_without_comments, sqlite_statements(sql)):
        assert not statement or _ADDS.match(statement), statement


def _columns(conn: sqlite3.Connection) -> Columns:
    """Type, whether it must be given, and its default, of every column."""
    tables = [name for (name,) in conn.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    return {
        (table, column): (kind, int(needed), default)
        for table in tables
        for _, column, kind, needed, default, _ in conn.execute(f"PRAGMA table_info('{table}')")
    }


def test_what_an_older_release_reads_and_writes_stays_as_it_was() -> None:
    """After each step every column is there as before, and a new one of an old table may be left out."""
    conn = sqlite3.connect(":memory:")
    register(conn)
    before: Columns = {}
    for name, sql in ADDITIVE:
        for statement in sqlite_statements(sql):
            conn.execute(statement)
        after = _columns(conn)
        assert {key: after.get(key) for key in before} == before, name
        old_tables = {table for table, _ in before}
        for (table, column), (_, needed, default) in after.items():
            if table in old_tables and (table, column) not in before:
                assert not needed or default is not None, f"{name}: {table}.{column}"
        before = after
    assert len(before) > 100
