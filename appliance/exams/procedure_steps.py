"""Modality performed procedure steps: what the units report of an exam while they make it (PS3.4 annex F)."""

import json
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from sqlite_utils import Database as SqliteUtils

from appliance.archive.database import Database
from appliance.clock import stamp
from appliance.errors import BuckyError

_FINAL = {"COMPLETED": "completed", "DISCONTINUED": "discontinued"}


class StepRefused(BuckyError):
    """A procedure step that breaks the state rules of PS3.4 F.7.2; `fields['status']` is the DIMSE status."""

    code = "step-refused"
    message = "The X-ray unit's report of an exam was refused: {reason}."
    hint = "Finish the exam at the unit, or take it off the list on the page."


@dataclass(frozen=True)
class ProcedureStep:
    """The state of one step; `instance_count` as the unit counts."""

    sop_instance_uid: str
    exam_id: int | None
    study_instance_uid: str | None
    station_name: str
    state: str
    instance_count: int
    changed_at: str


class ProcedureSteps:
    """Keeps the steps and moves the exams along."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, uid: str, ds: Dataset, *, station_name: str, address: str) -> None:
        """N-CREATE: a step begins (F.7.2.1); raises StepRefused."""
        if str(ds.get("PerformedProcedureStepStatus", "")) != "IN PROGRESS":
            raise StepRefused(reason="it does not begin as IN PROGRESS", status=0x0106)
        with self._database.write() as db:
            if _row(db, uid) is not None:
                raise StepRefused(reason="it was reported already", status=0x0111)
            study_uid, accession = _scheduled(ds)
            exam_id = _exam_id(db, study_uid, accession)
            when = stamp()
            db.conn.execute(
                "INSERT INTO procedure_step (sop_instance_uid, exam_id, study_instance_uid, station_name, address,"
                " state, instance_count, document, created_at, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [uid, exam_id, study_uid, station_name, address, "IN PROGRESS", count_of(ds), ds.to_json(), when, when],
            )
            if exam_id is not None:
                db.conn.execute(
                    "UPDATE exam SET state = 'in progress', performed_study_uid = ?, changed_at = ? WHERE id = ?",
                    [study_uid, when, exam_id],
                )

    def change(self, uid: str, ds: Dataset) -> None:
        """N-SET: the step goes on or ends (F.7.2.2); raises StepRefused."""
        with self._database.write() as db:
            row = _row(db, uid)
            if row is None:
                raise StepRefused(reason="the box does not know it", status=0x0112)
            if row["state"] != "IN PROGRESS":
                raise StepRefused(reason="it has ended already", status=0x0110)
            state = str(ds.get("PerformedProcedureStepStatus") or "IN PROGRESS")
            if state not in ("IN PROGRESS", *_FINAL):
                raise StepRefused(reason="its state is not one of the standard", status=0x0106)
            document = Dataset.from_json(json.loads(row["document"]))
            document.update(ds)
            when = stamp()
            db.conn.execute(
                "UPDATE procedure_step SET state = ?, instance_count = ?, document = ?, changed_at = ?"
                " WHERE sop_instance_uid = ?",
                [state, count_of(document), document.to_json(), when, uid],
            )
            if state in _FINAL and row["exam_id"] is not None:
                sql = "UPDATE exam SET state = ?, changed_at = ? WHERE id = ?"
                db.conn.execute(sql, [_FINAL[state], when, row["exam_id"]])

    def of_study(self, study_instance_uid: str) -> list[ProcedureStep]:
        """The steps that made a study, in the order of their reports."""
        rows = self._database.read.query(
            "SELECT sop_instance_uid, exam_id, study_instance_uid, station_name, state, instance_count, changed_at"
            " FROM procedure_step WHERE study_instance_uid = ? ORDER BY created_at",
            [study_instance_uid],
        )
        return [ProcedureStep(**row) for row in rows]


def _row(db: SqliteUtils, uid: str) -> dict[str, Any] | None:
    return next(db.query("SELECT * FROM procedure_step WHERE sop_instance_uid = ?", [uid]), None)


def _scheduled(ds: Dataset) -> tuple[str | None, str | None]:
    """Study Instance UID and accession number of the scheduled step that this one performs."""
    for item in ds.get("ScheduledStepAttributesSequence") or []:
        study_uid, accession = str(item.get("StudyInstanceUID") or ""), str(item.get("AccessionNumber") or "")
        if study_uid or accession:
            return study_uid or None, accession or None
    return None, None


def _exam_id(db: SqliteUtils, study_uid: str | None, accession: str | None) -> int | None:
    sql = "SELECT id FROM exam WHERE study_instance_uid = ? OR accession_number = ? ORDER BY id DESC LIMIT 1"
    row = db.conn.execute(sql, [study_uid or "", accession or ""]).fetchone()
    return None if row is None else int(row[0])


def count_of(ds: Dataset) -> int:
    """How many instances the unit says that it made."""
    keywords = ("ReferencedImageSequence", "ReferencedNonImageCompositeSOPInstanceSequence")
    series = ds.get("PerformedSeriesSequence") or []
    return sum(len(item.get(keyword) or []) for item in series for keyword in keywords)
