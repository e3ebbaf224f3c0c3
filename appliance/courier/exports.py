"""What somebody asked the box to hand over, and how far it is: rows of the table `export`, files beside them."""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from appliance.archive.database import Database
from appliance.clock import now, stamp
from appliance.errors import BadInput, NotFound

KEPT_HOURS = 24
ENDINGS = {"zip": "zip", "media": "zip", "pdf": "pdf", "jpeg": "zip", "png": "zip"}


@dataclass(frozen=True)
class Options:
    """What the person chose."""

    deidentify: bool = False
    keep_characteristics: bool = False
    clean_descriptors: bool = False


@dataclass(frozen=True)
class Export:
    """One export of a study."""

    id: int
    study_id: int
    kind: str
    state: str
    done: int
    total: int
    attempts: int
    message: str | None
    size_bytes: int | None
    asked_by: str
    asked_at: str
    ended_at: str | None
    options: Options = field(default_factory=Options)
    notes: tuple[str, ...] = ()

    @property
    def file_name(self) -> str:
        """The name under which a person gets it; it says nothing of the patient."""
        what = "de-identified" if self.options.deidentify else self.kind
        return f"study-{self.study_id}-{what}.{ENDINGS[self.kind]}"

    @property
    def is_open(self) -> bool:
        """Whether it is still to be made."""
        return self.state in ("waiting", "running")


class Exports:
    """The exports of one box."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def ask(self, study_id: int, kind: str, options: Options, by: str) -> int:
        """Ask for an export; returns its row. Raises BadInput."""
        if kind not in ENDINGS:
            raise BadInput(field="Kind", reason=f"one of {', '.join(ENDINGS)}")
        values = [study_id, kind, json.dumps(options.__dict__), by, stamp()]
        with self._database.write() as db:
            sql = (
                "INSERT INTO export (study_id, kind, options, state, asked_by, asked_at)"
                " VALUES (?, ?, ?, 'waiting', ?, ?)"
            )
            return int(db.conn.execute(sql, values).lastrowid or 0)

    def get(self, export_id: int) -> Export:
        """An export by its row; raises NotFound."""
        row = next(self._database.read.query("SELECT * FROM export WHERE id = ?", [export_id]), None)
        if row is None:
            raise NotFound(what="export")
        return _export(row)

    def of_study(self, study_id: int) -> list[Export]:
        """The exports of a study, newest first."""
        rows = self._database.read.query(
            "SELECT * FROM export WHERE study_id = ? ORDER BY id DESC LIMIT 20", [study_id]
        )
        return [_export(row) for row in rows]

    def next(self) -> Export | None:
        """The oldest one that is still to be made, also one that a killed process left running."""
        sql = "SELECT * FROM export WHERE state IN ('waiting', 'running') ORDER BY id LIMIT 1"
        row = next(self._database.read.query(sql), None)
        return None if row is None else _export(row)

    def begin(self, export_id: int) -> bool:
        """Count an attempt before it is made; False if somebody stopped it meanwhile."""
        return self._set(export_id, "state = 'running', attempts = attempts + 1, done = 0")

    def progress(self, export_id: int, done: int, total: int) -> bool:
        """Note how far it is; False if somebody stopped it."""
        return self._set(export_id, "done = ?, total = ?", done, total)

    def finish(self, export_id: int, size_bytes: int, notes: list[str]) -> None:
        """It lies ready."""
        self._set(export_id, "state = 'done', done = total, size_bytes = ?, notes = ?, ended_at = ?",
                  size_bytes, json.dumps(notes), stamp())  # fmt: skip

    def fail(self, export_id: int, message: str) -> None:
        """It cannot be made."""
        self._set(export_id, "state = 'failed', message = ?, ended_at = ?", message, stamp())

    def cancel(self, export_id: int) -> None:
        """Somebody does not want it any more."""
        self._set(export_id, "state = 'cancelled', ended_at = ?", stamp())

    def _set(self, export_id: int, columns: str, *values: Any) -> bool:
        """Change an open export; False if it is not open any more."""
        with self._database.write() as db:
            sql = f"UPDATE export SET {columns} WHERE id = ? AND state IN ('waiting', 'running')"  # noqa: S608 - ours
            return db.conn.execute(sql, [*values, export_id]).rowcount > 0

    def path(self, export: Export) -> Path:
        """Where its file lies once it is done."""
        return self._folder / f"{export.id}.{ENDINGS[export.kind]}"

    def scratch(self, export: Export) -> Path:
        """The folder in which it is made."""
        return self._folder / f"{export.id}.part"

    def remove_old(self) -> int:
        """Remove what was kept long enough, rows and files; returns how many."""
        before = stamp(now() - timedelta(hours=KEPT_HOURS))
        rows = list(self._database.read.query("SELECT * FROM export WHERE ended_at < ?", [before]))
        for row in rows:
            self.path(_export(row)).unlink(missing_ok=True)
        if rows:
            with self._database.write() as db:
                db.conn.execute("DELETE FROM export WHERE ended_at < ?", [before])
        return len(rows)


def _export(row: dict[str, Any]) -> Export:
    options = Options(**json.loads(row["options"]))
    return Export(**{**row, "options": options, "notes": tuple(json.loads(row["notes"]))})
