"""Exams from files: CSV as practice software exports it, JSON from programs, a folder that is watched."""

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.errors import BadInput, BuckyError
from appliance.exams.exam import FIELDS, Exam
from appliance.exams.worklist import Worklist

MAXIMUM_ROWS = 5000
MAXIMUM_BYTES = 5_000_000


@dataclass(frozen=True)
class BadRow:
    """A row that was not taken: its number in the file, the header being row 1, and why."""

    row: int
    reason: str


@dataclass(frozen=True)
class Imported:
    """What became of a file."""

    exams: tuple[Exam, ...]
    bad_rows: tuple[BadRow, ...]

    def report(self) -> str:
        """For staff, one line for each row that needs a hand."""
        lines = [f"{len(self.exams)} exams taken, {len(self.bad_rows)} rows not."]
        return "\n".join(lines + [f"Row {bad.row}: {bad.reason}" for bad in self.bad_rows]) + "\n"


def import_csv(worklist: Worklist, content: bytes, *, source: str, by: str) -> Imported:
    """Take a CSV file with a header row; good rows are taken, bad ones reported; raises BadInput for the file."""
    text = _decoded(content)
    try:
        dialect = csv.Sniffer().sniff(text.partition("\n")[0], delimiters=",;\t")
    except csv.Error:
        dialect = csv.excel
    rows = list(csv.reader(io.StringIO(text, newline=""), dialect, strict=False))
    if not rows:
        raise BadInput(field="The file", reason="it is empty; `bucky worklist sample` prints one to start from")
    header = [name.strip().lower().replace(" ", "_") for name in rows[0]]
    if "patient" not in header:
        raise BadInput(field="The file", reason=f"its first row names no column 'patient'; known: {', '.join(FIELDS)}")
    if len(rows) > MAXIMUM_ROWS:
        raise BadInput(field="The file", reason=f"it has more than {MAXIMUM_ROWS} rows")
    exams, bad = [], []
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        try:
            if len(row) > len(header):
                raise BadInput(field="Row", reason="it has more cells than the header; quote text that holds commas")
            exams.append(worklist.add(dict(zip(header, row, strict=False)), source=source, by=by))
        except BuckyError as error:
            bad.append(BadRow(number, error.text))
    return Imported(tuple(exams), tuple(bad))


def import_json(worklist: Worklist, content: bytes, *, source: str, by: str) -> Imported:
    """Take one JSON object or a list of them; the fields are those of the CSV file."""
    try:
        given: Any = json.loads(_decoded(content))
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadInput(field="The file", reason="it is not JSON") from error
    objects = given if isinstance(given, list) else [given]
    if len(objects) > MAXIMUM_ROWS:
        raise BadInput(field="The file", reason=f"it has more than {MAXIMUM_ROWS} exams")
    exams, bad = [], []
    for number, entry in enumerate(objects, start=1):
        try:
            exams.append(worklist.add(_flat(entry), source=source, by=by))
        except BuckyError as error:
            bad.append(BadRow(number, error.text))
    return Imported(tuple(exams), tuple(bad))


def _flat(entry: Any) -> dict[str, str]:
    if not isinstance(entry, dict) or any(isinstance(v, (dict, list)) for v in entry.values()):
        raise BadInput(field="Exam", reason="it must be an object of texts and numbers")
    return {str(name): "" if value is None else str(value) for name, value in entry.items()}


def _decoded(content: bytes) -> str:
    """UTF-8, or the Windows code page of office programs."""
    if len(content) > MAXIMUM_BYTES:
        raise BadInput(field="The file", reason=f"it is larger than {MAXIMUM_BYTES // 10**6} MB")
    for codec in ("utf-8-sig", "cp1252"):
        try:
            return content.decode(codec)
        except UnicodeDecodeError:
            continue
    raise BadInput(field="The file", reason="its characters cannot be read; save it as UTF-8")


_KINDS = {".csv": import_csv, ".json": import_json}
_IDLE_S = 3.0


class FolderWatch:
    """Takes files that appear in a folder; each ends in `done` or, with a report beside it, in `failed`."""

    def __init__(self, worklist: Worklist, folder: Path) -> None:
        self._worklist = worklist
        self._folder = folder
        self._sizes: dict[Path, int] = {}

    def run_once(self) -> float:
        """Take each file whose size has not changed since the last look."""
        if not self._folder.is_dir():
            return _IDLE_S
        found = {path: path.stat().st_size for path in sorted(self._folder.iterdir()) if path.suffix in _KINDS}
        for path, size in found.items():
            if self._sizes.get(path) == size:
                self._take(path)
        self._sizes = {path: size for path, size in found.items() if path.exists()}
        return _IDLE_S

    def _take(self, path: Path) -> None:
        try:
            done = _KINDS[path.suffix](self._worklist, path.read_bytes(), source="folder", by=path.name)
            good, report = not done.bad_rows, done.report()
        except BuckyError as error:
            good, report = False, f"{error.text} {error.advice}\n"
        target = self._folder / ("done" if good else "failed")
        target.mkdir(exist_ok=True)
        path.replace(target / path.name)
        if not good:
            (target / f"{path.name}.txt").write_text(report, encoding="utf-8")
