"""Rules of odd units on the index: kept with the unit, shown before they count, undone, and brought to what is stored.

Originals stay as they are; whoever sends or shows a picture takes it from `appliance.archive.copies`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database as SqliteUtils

from appliance.archive.blobs import BlobStore
from appliance.archive.database import Database
from appliance.archive.index import place
from appliance.archive.part10 import HEAD_BYTES, split_head
from appliance.dicom.record import INSTANCE_KEYWORDS, SERIES_KEYWORDS, STUDY_KEYWORDS, InstanceRecord, read_record
from appliance.dicom.repair import Rules
from appliance.errors import BuckyError, NotFound

SHOWN = 5
"""Pictures in a preview."""
IDLE_S = 5.0
_PORTION = 50
_UIDS = ("study_instance_uid", "series_instance_uid", "sop_instance_uid")


class NothingToUndo(BuckyError):
    """The unit's rules were never changed."""

    code = "nothing-to-undo"
    message = "There is nothing to undo."
    hint = "The rules of this unit were never changed."


@dataclass(frozen=True)
class Difference:
    """One attribute of a picture; the name is the snake_case of its DICOM keyword."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Preview:
    """One picture of the unit as it is listed without rules and with the rules in question."""

    instance_id: int
    patient_before: str
    patient_after: str
    differences: tuple[Difference, ...]


class Repairs:
    """Rules of the units; `run_once` brings a change to the stored pictures in portions that survive a restart."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs

    def rules(self, sender_id: int) -> Rules:
        """The rules of a unit; raises NotFound."""
        row = self._database.read.conn.execute("SELECT rules FROM sender WHERE id = ?", [sender_id]).fetchone()
        if row is None:
            raise NotFound(what="X-ray unit")
        return Rules.from_json(row[0])

    def set(self, sender_id: int, rules: Rules) -> None:
        """Use these rules from now on; the former ones are kept for `undo`."""
        if rules == self.rules(sender_id):
            return
        with self._database.write() as db:
            db.conn.execute(
                "UPDATE sender SET former_rules = rules, rules = ?, reindexed_to = 0 WHERE id = ?",
                [rules.to_json(), sender_id],
            )

    def undo(self, sender_id: int) -> Rules:
        """Go back to the former rules, and forth at the next call; raises NothingToUndo."""
        with self._database.write() as db:
            row = db.conn.execute(
                "UPDATE sender SET former_rules = rules, rules = former_rules, reindexed_to = 0"
                " WHERE id = ? AND former_rules IS NOT NULL RETURNING rules",
                [sender_id],
            ).fetchone()
        if row is None:
            raise NothingToUndo
        return Rules.from_json(row[0])

    def preview(self, sender_id: int, rules: Rules) -> list[Preview]:
        """The newest pictures of the unit before and after."""
        sql = f"{_ROWS} WHERE sender_id = ? ORDER BY instance.id DESC LIMIT ?"
        return [self._compared(row, rules) for row in self._database.read.query(sql, [sender_id, SHOWN])]

    def waiting(self, sender_id: int) -> int:
        """How many stored pictures of the unit do not follow its rules yet."""
        sql = (
            "SELECT count(*) FROM instance JOIN sender ON sender.id = sender_id"
            " WHERE sender_id = ? AND instance.id > reindexed_to"
        )
        return int(self._database.read.conn.execute(sql, [sender_id]).fetchone()[0])

    def run_once(self) -> float:
        """Bring the rules to some of the stored pictures."""
        row = self._database.read.conn.execute(
            "SELECT id, reindexed_to FROM sender WHERE reindexed_to IS NOT NULL LIMIT 1"
        ).fetchone()
        if row is None:
            return IDLE_S
        self._portion(int(row[0]), int(row[1]))
        return 0.0

    def _portion(self, sender_id: int, done_to: int) -> None:
        sql = "SELECT id, study_id FROM instance WHERE sender_id = ? AND id > ? ORDER BY id LIMIT ?"
        rows = list(self._database.read.query(sql, [sender_id, done_to, _PORTION]))
        for study_id in dict.fromkeys(row["study_id"] for row in rows):
            self.reindex(study_id)
        with self._database.write() as db:  # unless the rules have changed again meanwhile
            db.conn.execute(
                "UPDATE sender SET reindexed_to = ? WHERE id = ? AND reindexed_to = ?",
                [rows[-1]["id"] if rows else None, sender_id, done_to],
            )

    def reindex(self, study_id: int) -> None:
        """Read all instances of a study anew, each by the rules of its unit."""
        rows = list(self._database.read.query(f"{_ROWS} WHERE study_id = ? ORDER BY instance.id", [study_id]))
        read = [(row, record) for row in rows if (record := self._record(row, Rules.from_json(row["rules"])))]
        with self._database.write() as db:
            _forget(db, "study", STUDY_KEYWORDS, "patient_mismatch = 0, ", "id = ?", study_id)
            _forget(db, "series", SERIES_KEYWORDS, "", "study_id = ?", study_id)
            touched = {study_id} | {_move(db, row, record) for row, record in read}
            for touched_id in touched:
                db.conn.execute(
                    "UPDATE study SET instance_count ="
                    " (SELECT count(*) FROM instance WHERE study_id = study.id AND quarantined = 0) WHERE id = ?",
                    [touched_id],
                )

    def _record(self, row: dict[str, Any], rules: Rules) -> InstanceRecord | None:
        """The record of a stored file; None if the file is gone or damaged, which others look after."""
        path = self._blobs.path(row["dataset_sha256"])
        try:
            with path.open("rb") as file:
                said, _ = split_head(file.read(HEAD_BYTES))
            return read_record(path, said, rules)
        except (OSError, BuckyError):
            return None

    def _compared(self, row: dict[str, Any], rules: Rules) -> Preview:
        before, after = self._record(row, Rules()), self._record(row, rules)
        if before is None or after is None:
            return Preview(row["id"], "", "", ())
        old, new = _flat(before), _flat(after)
        differences = tuple(
            Difference(name, str(old[name] or ""), str(new[name] or "")) for name in old if old[name] != new[name]
        )
        return Preview(row["id"], str(old["patient_name"] or ""), str(new["patient_name"] or ""), differences)


_ROWS = """
    SELECT instance.id, dataset_sha256, quarantined, received_at, repairs, sender.rules
    FROM instance JOIN sender ON sender.id = sender_id
"""


def _flat(record: InstanceRecord) -> dict[str, object]:
    uids = {name: getattr(record, name) for name in _UIDS}
    return {**record.study, **record.series, **record.instance, **uids}


def _forget(db: SqliteUtils, table: str, keywords: Iterable[str], also: str, where: str, value: int) -> None:
    nulls = ", ".join(f"{name} = NULL" for name in keywords)
    db.conn.execute(f"UPDATE {table} SET {also}{nulls} WHERE {where}", [value])  # noqa: S608 - our own columns


def _move(db: SqliteUtils, row: dict[str, Any], record: InstanceRecord) -> int:
    """Write what is known of an instance anew; returns its study."""
    study_id, series_id = place(db, record, row["received_at"], accepted=not row["quarantined"])
    values: dict[str, object] = {
        "study_id": study_id,
        "series_id": series_id,
        "sop_instance_uid": record.sop_instance_uid,
        "problems": " ".join(record.problems),
        "repairs": " ".join(record.repairs),
        **{name: record.instance[name] for name in INSTANCE_KEYWORDS},
    }
    if "orientation" in {*row["repairs"].split(), *record.repairs} and record.has_pixels:
        values |= {"preview_state": "waiting", "preview_attempts": 0}
    marks = ", ".join(f"{name} = ?" for name in values)
    db.conn.execute(f"UPDATE instance SET {marks} WHERE id = ?", [*values.values(), row["id"]])  # noqa: S608 - ours
    return study_id
