"""A new index from the stored files, while the receiver goes on receiving.

Study, series and instance rows are made from the files, in the order in which the files came. What no file holds
(who was accepted, what was sent, accounts, and the numbers of rows, by which previews are named) is taken over from
the present database as far as it can be read. At the end all roles pause for the moment in which the files that came
meanwhile are added and the new database takes the old one's place.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database as SqliteUtils

from appliance.archive.blobs import BlobStore
from appliance.archive.damage import record_damage
from appliance.archive.database import Database
from appliance.archive.filed import filed
from appliance.archive.notices import note
from appliance.archive.salvage import INDEX_TABLES, Salvage, drop_orphans, plain_tables, references, replace_rows
from appliance.clock import stamp
from appliance.dicom.record import INSTANCE_KEYWORDS, SERIES_KEYWORDS, STUDY_KEYWORDS
from appliance.errors import NotDicom

Progress = Callable[[int, int], None]
_PREFIXES = tuple(f"{number:02x}" for number in range(256))
_Key = tuple[Any, ...]
_TABLES = ("sender", *INDEX_TABLES)
# What the files say; every other column of these tables is taken over
_FROM_FILES = {
    "sender": {"id", "kind", "name", "address"},
    "study": {"id", "study_instance_uid", "patient_mismatch", "instance_count", *STUDY_KEYWORDS},
    "series": {"id", "study_id", "series_instance_uid", *SERIES_KEYWORDS},
    "instance": {
        *("id", "study_id", "series_id", "sop_instance_uid", "sop_class_uid", "transfer_syntax_uid"),
        *("dataset_sha256", "size_bytes", "problems", *INSTANCE_KEYWORDS),
    },
}
_KEYS = {
    "sender": "SELECT id, kind, name, address FROM sender",
    "study": "SELECT id, study_instance_uid FROM study",
    "series": "SELECT series.id, study_instance_uid, series_instance_uid FROM series"
    " JOIN study ON study.id = series.study_id",
    "instance": "SELECT id, sop_instance_uid, dataset_sha256 FROM instance",
}


@dataclass(frozen=True)
class Rebuilt:
    """What came of it; `strays` are files that are no pictures, `without_file` rows that have no file any more."""

    studies: int
    instances: int
    strays: int
    without_file: int
    kept_from_former: int
    """Instances whose state (accepted, sent, ...) was taken over."""


class _Former:
    """The present database as far as it can be read."""

    def __init__(self, salvage: Salvage) -> None:
        self.senders = salvage.table("sender")
        self.moved = salvage.table("former_sender")
        studies = salvage.table("study").dicts()
        uids = {row["id"]: row["study_instance_uid"] for row in studies}
        self.rows: dict[str, dict[_Key, dict[str, Any]]] = {
            "sender": {(row["kind"], row["name"], row["address"]): row for row in self.senders.dicts()},
            "study": {(row["study_instance_uid"],): row for row in studies},
            "series": {
                (uids.get(row["study_id"]), row["series_instance_uid"]): row for row in salvage.table("series").dicts()
            },
            "instance": {
                (row["sop_instance_uid"], row["dataset_sha256"]): row for row in salvage.table("instance").dicts()
            },
        }
        self.order = {row["dataset_sha256"]: row["id"] for row in self.rows["instance"].values()}


def rebuild_index(database: Database, blobs: BlobStore, progress: Progress = lambda done, total: None) -> Rebuilt:
    """Make the index anew and put it in place; returns what came of it."""
    path = database.path.with_name("rebuilt.sqlite")
    for leftover in path.parent.glob("rebuilt.*"):
        leftover.unlink()
    made = Database(path)
    made.write_fast()  # it is synced as a whole before it takes its place
    salvage = Salvage(database.path)
    former = _Former(salvage)
    done, strays = _add(made, blobs, former, set(), progress)
    salvage.close()
    aside = path.parent / "set-aside" / f"index-{stamp().replace(':', '')}"
    with database.exchange(path, aside):
        salvage = Salvage(database.path)
        former = _Former(salvage)
        more = _add(made, blobs, former, done | strays, lambda done, total: None)[1]
        result = _finish(made, salvage, former, len(strays | more))
        salvage.close()
        made.close()
    path.with_suffix(".lock").unlink(missing_ok=True)
    for digest in strays | more:
        blobs.set_aside(digest)
    return result


def _add(
    made: Database, blobs: BlobStore, former: _Former, known: set[str], progress: Progress
) -> tuple[set[str], set[str]]:
    """Write rows of all files that are not known yet; returns digests of those written, and of strays."""
    files = [digest for prefix in _PREFIXES for digest in blobs.kept(prefix) if digest not in known]
    good, bad = filed(blobs, files)
    strays = set(bad)
    good.sort(key=lambda one: former.order.get(one.dataset_sha256, len(former.order) + 10**12))
    with made.write() as db:
        if not known:
            replace_rows(db.conn, "sender", former.senders)
            replace_rows(db.conn, "former_sender", former.moved)
        for number, one in enumerate(good):
            try:
                one.add_to(db)
            except NotDicom:
                strays.add(one.dataset_sha256)
            progress(number + 1, len(good))
    return {one.dataset_sha256 for one in good} - strays, strays


def _finish(made: Database, salvage: Salvage, former: _Former, strays: int) -> Rebuilt:
    """Numbers and state of the former index, and every other table."""
    with made.write() as db:
        conn = db.conn
        conn.execute("PRAGMA defer_foreign_keys = ON")
        taken = 0
        for table in _TABLES:
            taken = _take_over(db, table, former.rows[table])
        for row in former.rows["sender"].values():
            _insert(db, "sender", row)
        lost = _keep_rows_without_file(db, former)
        for name in plain_tables(conn):
            if name not in _TABLES and (rows := salvage.table(name)).columns:
                replace_rows(conn, name, rows)
        for instance_id in lost:
            record_damage(db, instance_id, "missing", None)
        _recount(db)
        drop_orphans(conn)
        note(db, "index-rebuilt")
        studies, instances = (conn.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in ("study", "instance"))  # noqa: S608 - our own names
        gone = conn.execute("SELECT count(*) FROM instance WHERE file_state <> 'here'").fetchone()[0]
    return Rebuilt(studies, instances, strays, gone, taken)


def _take_over(db: SqliteUtils, table: str, former: dict[_Key, dict[str, Any]]) -> int:
    """Give rows the numbers and the state that they had; returns how many had any."""
    found = [(row[0], former.get(tuple(row[1:]))) for row in db.conn.execute(_KEYS[table]).fetchall()]
    free = max((row["id"] for row in former.values()), default=0)
    numbers: dict[int, int] = {}
    for now, row in sorted(found, key=lambda pair: pair[0]):
        if row is None:
            free += 1
        numbers[now] = free if row is None else row["id"]
    known = {row[1] for row in db.conn.execute(f"PRAGMA table_info({table})")} - _FROM_FILES[table]
    for now, row in found:
        if row is not None and (columns := [c for c in row if c in known]):
            change = ", ".join(f"{column} = ?" for column in columns)
            db.conn.execute(f"UPDATE {table} SET {change} WHERE id = ?", [*(row[c] for c in columns), now])  # noqa: S608 - our own names
    _renumber(db, table, numbers)
    return sum(row is not None for _, row in found)


def _renumber(db: SqliteUtils, table: str, numbers: dict[int, int]) -> None:
    """Change row numbers here and wherever they are referred to; by way of negative ones, so that none collide."""
    conn = db.conn
    conn.execute("CREATE TEMP TABLE IF NOT EXISTS number (now INTEGER PRIMARY KEY, then_ INTEGER NOT NULL)")
    conn.execute("DELETE FROM number")
    conn.executemany("INSERT INTO number VALUES (?, ?)", [(a, b) for a, b in numbers.items() if a != b])
    places = [(table, "id")]
    for other in plain_tables(conn):
        places += [(other, column) for target, column in references(conn, other) if target == table]
    for place, column in places:
        conn.execute(
            f"UPDATE {place} SET {column} = -(SELECT then_ FROM number WHERE now = {column})"  # noqa: S608 - our own names
            f" WHERE {column} IN (SELECT now FROM number)"
        )
        conn.execute(f"UPDATE {place} SET {column} = -{column} WHERE {column} < 0")  # noqa: S608 - our own names


def _keep_rows_without_file(db: SqliteUtils, former: _Former) -> list[int]:
    """Evicted, missing and damaged instances have no file to be read from: their rows are carried over.

    Returns those of which nobody knew yet that the file is gone.
    """
    here = {tuple(row[1:]) for row in db.conn.execute(_KEYS["instance"]).fetchall()}
    lost = [row for key, row in former.rows["instance"].items() if key not in here]
    studies = {row["id"]: row for row in former.rows["study"].values()}
    series = {row["id"]: row for row in former.rows["series"].values()}
    for row in lost:
        if row["study_id"] in studies and row["series_id"] in series:
            _insert(db, "study", studies[row["study_id"]])
            _insert(db, "series", series[row["series_id"]])
            _insert(db, "instance", row)
    return [row["id"] for row in lost if row.get("file_state", "here") == "here"]


def _insert(db: SqliteUtils, table: str, row: dict[str, Any]) -> None:
    known = {info[1] for info in db.conn.execute(f"PRAGMA table_info({table})")}
    columns = [column for column in row if column in known]
    marks = ", ".join("?" for _ in columns)
    db.conn.execute(
        f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({marks})",  # noqa: S608 - our own names
        [row[column] for column in columns],
    )


def _recount(db: SqliteUtils) -> None:
    """Count the accepted instances anew: which ones they are was taken over."""
    db.conn.execute(
        "UPDATE study SET instance_count ="
        " (SELECT count(*) FROM instance WHERE study_id = study.id AND quarantined = 0)"
    )
