"""The writing side of the index: one instance's record into studies, series and instances."""

# ruff: noqa: S608 - only our own column names are put together here

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlite_utils import Database as SqliteUtils

from appliance.archive.blobs import Provenance
from appliance.archive.senders import ensure_sender
from appliance.dicom.record import INSTANCE_KEYWORDS, SERIES_KEYWORDS, STUDY_KEYWORDS, InstanceRecord, Values

Outcome = Literal["stored", "duplicate", "conflict"]
_PATIENT_FIELDS = ("patient_id", "issuer_of_patient_id", "patient_name", "patient_birth_date")


@dataclass(frozen=True)
class Receipt:
    """What became of one received instance."""

    outcome: Outcome
    instance_id: int
    sop_instance_uid: str
    sop_class_uid: str
    study_instance_uid: str


def _insert_sql(table: str, columns: list[str], suffix: str) -> str:
    marks = ", ".join("?" for _ in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) {suffix}"


_STUDY_COLUMNS = ["study_instance_uid", "received_at", "last_received_at", *STUDY_KEYWORDS]
_STUDY_SQL = _insert_sql(
    "study",
    _STUDY_COLUMNS,
    "ON CONFLICT (study_instance_uid) DO UPDATE SET "
    + ", ".join(f"{name} = coalesce(study.{name}, excluded.{name})" for name in STUDY_KEYWORDS)
    + ", patient_mismatch = max(patient_mismatch, "
    + " OR ".join(f"coalesce(study.{name} <> excluded.{name}, 0)" for name in _PATIENT_FIELDS)
    + ") RETURNING id",
)
_QUARANTINED_STUDY_SQL = _insert_sql(  # what an unknown sender says changes nothing in a study that is there
    "study",
    _STUDY_COLUMNS,
    "ON CONFLICT (study_instance_uid) DO UPDATE SET received_at = study.received_at RETURNING id",
)
_FIND_STUDY_SQL = f"SELECT id, {', '.join(STUDY_KEYWORDS)} FROM study WHERE study_instance_uid = ?"
_FIND_SERIES_SQL = f"SELECT id, {', '.join(SERIES_KEYWORDS)} FROM series WHERE study_id = ? AND series_instance_uid = ?"
_SERIES_SQL = _insert_sql(
    "series",
    ["study_id", "series_instance_uid", *SERIES_KEYWORDS],
    "ON CONFLICT (study_id, series_instance_uid) DO UPDATE SET "
    + ", ".join(f"{name} = coalesce(series.{name}, excluded.{name})" for name in SERIES_KEYWORDS)
    + " RETURNING id",
)
_INSTANCE_SQL = _insert_sql(
    "instance",
    [
        *("study_id", "series_id", "sender_id", "sop_instance_uid", "sop_class_uid", "transfer_syntax_uid"),
        *("dataset_sha256", "size_bytes", "problems", "repairs", "quarantined", "conflict"),
        *("preview_state", "received_at"),
        *INSTANCE_KEYWORDS,
    ],
    "RETURNING id",
)


def find_same(db: SqliteUtils, sop_instance_uid: str, dataset_sha256: str) -> int | None:
    """The row of the same instance with the same bytes."""
    row = db.conn.execute(
        "SELECT id FROM instance WHERE sop_instance_uid = ? AND dataset_sha256 = ?", [sop_instance_uid, dataset_sha256]
    ).fetchone()
    return None if row is None else int(row[0])


def add_instance(
    db: SqliteUtils, record: InstanceRecord, dataset_sha256: str, size_bytes: int, provenance: Provenance
) -> Receipt:
    """Write one instance inside the caller's transaction; the same bytes again change nothing (invariant 4)."""
    sender_id, sender_state = ensure_sender(db, provenance)
    accepted = sender_state == "accepted"
    same = find_same(db, record.sop_instance_uid, dataset_sha256)
    if same is not None:
        if accepted:
            _release(db, same, sender_id, provenance)
        return _receipt("duplicate", same, record)
    study_id, series_id = _add_study(db, record, provenance, accepted=accepted)
    conflict = accepted and mark_conflict(db, record.sop_instance_uid)
    row = db.conn.execute(
        _INSTANCE_SQL,
        [
            *(study_id, series_id, sender_id, record.sop_instance_uid, record.sop_class_uid),
            *(record.transfer_syntax_uid, dataset_sha256, size_bytes, " ".join(record.problems)),
            " ".join(record.repairs),
            *(int(not accepted), int(conflict), "waiting" if record.has_pixels else "none", provenance.received_at),
            *(record.instance[name] for name in INSTANCE_KEYWORDS),
        ],
    ).fetchone()
    return _receipt("conflict" if conflict else "stored", int(row[0]), record)


def place(db: SqliteUtils, record: InstanceRecord, received_at: str, *, accepted: bool) -> tuple[int, int]:
    """The rows of a record's study and series, made or filled up; written only if there is something new to say."""
    there = db.conn.execute(_FIND_STUDY_SQL, [record.study_instance_uid]).fetchone()
    study_id = None if there is None else int(there[0])
    if study_id is None or (accepted and _says_more(there[1:], record.study, STUDY_KEYWORDS, _PATIENT_FIELDS)):
        values = [record.study[name] for name in STUDY_KEYWORDS]
        sql = _STUDY_SQL if accepted else _QUARANTINED_STUDY_SQL
        row = db.conn.execute(sql, [record.study_instance_uid, received_at, received_at, *values]).fetchone()
        study_id = int(row[0])
    return study_id, _add_series(db, record, study_id)


def _add_study(db: SqliteUtils, record: InstanceRecord, provenance: Provenance, *, accepted: bool) -> tuple[int, int]:
    study_id, series_id = place(db, record, provenance.received_at, accepted=accepted)
    if accepted:
        _count_in(db, study_id, provenance)
    return study_id, series_id


def _says_more(there: Sequence[Any], values: Values, names: Iterable[str], compared: Collection[str] = ()) -> bool:
    """Whether an attribute is known now that was not, or one that must not differ differs."""
    return any(
        values[name] is not None and (old is None or (name in compared and old != values[name]))
        for name, old in zip(names, there, strict=True)
    )


def _count_in(db: SqliteUtils, study_id: int, provenance: Provenance) -> None:
    db.conn.execute(
        "UPDATE study SET instance_count = instance_count + 1, last_received_at = max(last_received_at, ?)"
        " WHERE id = ?",
        [provenance.received_at, study_id],
    )


def _release(db: SqliteUtils, instance_id: int, sender_id: int, provenance: Provenance) -> None:
    """An accepted sender vouches for bytes that an unknown one sent before."""
    row = db.conn.execute(
        "UPDATE instance SET quarantined = 0, sender_id = ? WHERE id = ? AND quarantined = 1 RETURNING study_id",
        [sender_id, instance_id],
    ).fetchone()
    if row is not None:
        _count_in(db, int(row[0]), provenance)


def _add_series(db: SqliteUtils, record: InstanceRecord, study_id: int) -> int:
    there = db.conn.execute(_FIND_SERIES_SQL, [study_id, record.series_instance_uid]).fetchone()
    if there is not None and not _says_more(there[1:], record.series, SERIES_KEYWORDS):
        return int(there[0])
    values = [record.series[name] for name in SERIES_KEYWORDS]
    return int(db.conn.execute(_SERIES_SQL, [study_id, record.series_instance_uid, *values]).fetchone()[0])


def mark_conflict(db: SqliteUtils, sop_instance_uid: str) -> bool:
    """Flag all accepted instances of this UID if there is one already; all are kept."""
    changed = db.conn.execute(
        "UPDATE instance SET conflict = 1 WHERE sop_instance_uid = ? AND quarantined = 0", [sop_instance_uid]
    )
    return changed.rowcount > 0


def _receipt(outcome: Outcome, instance_id: int, record: InstanceRecord) -> Receipt:
    return Receipt(outcome, instance_id, record.sop_instance_uid, record.sop_class_uid, record.study_instance_uid)
