"""The database of the service: SQLite in its folder by default, PostgreSQL by URL; one transaction a call."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.orm import Session

_MIGRATIONS = Path(__file__).parent / "migrations"


class Store:
    """Transactions on the service's database."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self._url = url

    def migrate(self) -> None:
        """Bring the schema up to this release; nothing to do is nothing done."""
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        with self.engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    @contextlib.contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction: all of the block or nothing."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextlib.contextmanager
    def read(self) -> Iterator[Session]:
        """A look at the present state."""
        with Session(self.engine.execution_options(reads=True), expire_on_commit=False) as session:
            yield session


def _engine(url: str) -> Engine:
    engine = create_engine(url, pool_size=16)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN is too late and too weak
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "busy_timeout = 30000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Any) -> None:
    reads = connection.get_execution_options().get("reads")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
