"""The list of ordered exams: what the page, programs and files put in, and what the units ask for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid
from sqlite_utils import Database as SqliteUtils

from appliance.archive.database import Database
from appliance.clock import now, stamp
from appliance.dicom.breeds import breed_of
from appliance.dicom.vocabulary import SPECIES, code_items
from appliance.errors import BadInput, NotFound
from appliance.exams.exam import Exam, attributes

_COLUMNS = [field.name for field in fields(Exam)]
_LAST_ACCESSION = "last_accession"
SAME_ROOM = frozenset({"DX", "CR"})  # one X-ray unit calls itself this or that


class Worklist:
    """Ordered exams; every method is one short transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, given: Mapping[str, str], *, source: str, by: str) -> Exam:
        """Order an exam, or change the one with the same accession number; raises BadInput."""
        values = attributes(given)
        with self._database.write() as db:
            return self._put(db, values, source, by)

    def _put(self, db: SqliteUtils, values: dict[str, str | None], source: str, by: str) -> Exam:
        known = _by(db, "accession_number = ?", values["accession_number"]) if values["accession_number"] else None
        when = stamp()
        if known is not None:
            if known.state not in ("scheduled", "in progress"):
                raise BadInput(field="accession_number", reason=f"{known.accession_number} is {known.state} already")
            changes = {**values, "patient_id": values["patient_id"] or known.patient_id, "changed_at": when}
            marks = ", ".join(f"{name} = ?" for name in changes)
            db.conn.execute(f"UPDATE exam SET {marks} WHERE id = ?", [*changes.values(), known.id])  # noqa: S608 - ours
            return _need(_by(db, "id = ?", known.id))
        row = {
            **values,
            "accession_number": values["accession_number"] or _next_accession(db),
            "patient_id": values["patient_id"] or _patient_id(db, values),
            "study_instance_uid": str(generate_uid(prefix=None)),
            "state": "scheduled",
            "source": source,
            "created_by": by,
            "created_at": when,
            "changed_at": when,
        }
        marks = ", ".join("?" for _ in row)
        sql = f"INSERT INTO exam ({', '.join(row)}) VALUES ({marks}) RETURNING id"  # noqa: S608 - our own columns
        return _need(_by(db, "id = ?", db.conn.execute(sql, list(row.values())).fetchone()[0]))

    def get(self, exam_id: int) -> Exam:
        """An exam by its row; raises NotFound."""
        return _need(_by(self._database.read, "id = ?", exam_id))

    def open(self) -> list[Exam]:
        """Exams that are still to be made, in the order of their times."""
        sql = (
            "SELECT * FROM exam WHERE state IN ('scheduled', 'in progress') ORDER BY scheduled_date, scheduled_time, id"
        )
        return [_exam(row) for row in self._database.read.query(sql)]

    def of_day(self, date: str) -> list[Exam]:
        """All exams of a day, DICOM date."""
        sql = "SELECT * FROM exam WHERE scheduled_date = ? AND state <> 'cancelled' ORDER BY scheduled_time, id"
        return [_exam(row) for row in self._database.read.query(sql, [date])]

    def of_study(self, study_instance_uid: str, accession_number: str | None) -> Exam | None:
        """The exam that a study was made for: by the UID handed out, by the unit's report, by accession number."""
        sql = (
            "SELECT * FROM exam WHERE study_instance_uid = ? OR performed_study_uid = ? OR accession_number = ? LIMIT 1"
        )
        keys = [study_instance_uid, study_instance_uid, accession_number or ""]
        row = next(self._database.read.query(sql, keys), None)
        return None if row is None else _exam(row)

    def cancel(self, exam_id: int) -> None:
        """Take an exam off the list; raises NotFound, BadInput when it is under way or done."""
        with self._database.write() as db:
            exam = _need(_by(db, "id = ?", exam_id))
            if exam.state != "scheduled":
                raise BadInput(field="Exam", reason=f"it is {exam.state} and stays on the list")
            sql = "UPDATE exam SET state = 'cancelled', changed_at = ? WHERE id = ?"
            db.conn.execute(sql, [stamp(), exam_id])

    def take_off(self, before: str) -> int:
        """Take exams of days before this DICOM date off the list that were not made or not ended; returns how many."""
        with self._database.write() as db:
            sql = (
                "UPDATE exam SET state = CASE state WHEN 'scheduled' THEN 'cancelled' ELSE 'discontinued' END,"
                " changed_at = ? WHERE state IN ('scheduled', 'in progress') AND scheduled_date < ?"
            )
            return db.conn.execute(sql, [stamp(), before]).rowcount

    def items(self, *, station: str, modality: str) -> Iterable[Dataset]:
        """The open exams as worklist items for a unit that calls itself `station` and makes `modality` ('' any)."""
        return (worklist_item(exam, station, modality) for exam in self.open())


@dataclass(frozen=True)
class OldExams:
    """Takes what nobody made off the list, so many days after its day."""

    worklist: Worklist
    days: int

    def run_once(self) -> float:
        """Look once."""
        oldest = datetime.now().astimezone().date() - timedelta(days=self.days)
        self.worklist.take_off(oldest.strftime("%Y%m%d"))
        return 600.0


def _exam(row: Mapping[str, object]) -> Exam:
    return Exam(**{name: row[name] for name in _COLUMNS})  # type: ignore[arg-type]  # STRICT columns


def _by(db: SqliteUtils, condition: str, value: object) -> Exam | None:
    row = next(db.query(f"SELECT * FROM exam WHERE {condition}", [value]), None)  # noqa: S608 - our own condition
    return None if row is None else _exam(row)


def _need(exam: Exam | None) -> Exam:
    if exam is None:
        raise NotFound(what="exam")
    return exam


def _next_accession(db: SqliteUtils) -> str:
    """A number of ten digits: the day and the exam of that day."""
    day = now().strftime("%y%m%d")
    known = next(db.query("SELECT value FROM setting WHERE key = ?", [_LAST_ACCESSION]), None)
    last = str(known["value"]) if known else ""
    number = int(last[6:]) + 1 if last.startswith(day) else 1
    while _by(db, "accession_number = ?", f"{day}{number:04}") is not None:
        number += 1
    db.conn.execute(
        "INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        [_LAST_ACCESSION, f"{day}{number:04}"],
    )
    return f"{day}{number:04}"


def _patient_id(db: SqliteUtils, values: Mapping[str, str | None]) -> str:
    """The number of the same patient of the same owner and birth date, else a new one."""
    row = next(
        db.query(
            "SELECT patient_id FROM exam WHERE patient_name = ? AND patient_birth_date IS ? AND responsible_person IS ?"
            " ORDER BY id DESC LIMIT 1",
            [values["patient_name"], values["patient_birth_date"], values["responsible_person"]],
        ),
        None,
    )
    return str(row["patient_id"]) if row else f"B{now():%y%m%d%H%M%S%f}"[:16]


def worklist_item(exam: Exam, station: str = "", modality: str = "") -> Dataset:
    """The exam as a modality worklist item (PS3.4 K.6.1.2.2); one that names no unit is offered to each."""
    ds = Dataset()
    ds.PatientName, ds.PatientID = exam.patient_name, exam.patient_id
    ds.IssuerOfPatientID = exam.issuer_of_patient_id
    ds.PatientBirthDate, ds.PatientSex = exam.patient_birth_date, exam.patient_sex
    ds.PatientAge, ds.PatientWeight = exam.patient_age, exam.patient_weight
    ds.PatientSpeciesDescription = exam.patient_species_description
    ds.PatientSpeciesCodeSequence = code_items(SPECIES.get(exam.patient_species_description or ""))
    ds.PatientBreedDescription = exam.patient_breed_description
    ds.PatientBreedCodeSequence = code_items(breed_of(exam.patient_breed_description or ""))
    ds.PatientSexNeutered = exam.patient_sex_neutered
    ds.ResponsiblePerson, ds.ResponsiblePersonRole = exam.responsible_person, exam.responsible_person_role
    ds.ResponsibleOrganization = exam.responsible_organization
    ds.AccessionNumber, ds.StudyInstanceUID = exam.accession_number, exam.study_instance_uid
    ds.ReferringPhysicianName = exam.referring_physician_name
    ds.RequestedProcedureID = exam.accession_number
    ds.RequestedProcedureDescription = exam.description
    ds.RequestedProcedurePriority = "MEDIUM"
    ds.PatientComments = exam.comments
    step = Dataset()
    step.Modality = modality if {modality, exam.modality} <= SAME_ROOM else exam.modality
    step.ScheduledStationAETitle = exam.station_ae_title or station
    step.ScheduledProcedureStepStartDate = exam.scheduled_date
    step.ScheduledProcedureStepStartTime = exam.scheduled_time
    step.ScheduledProcedureStepDescription = exam.description
    step.ScheduledProcedureStepID = exam.accession_number
    step.ScheduledProcedureStepStatus = "STARTED" if exam.state == "in progress" else "SCHEDULED"
    step.CommentsOnTheScheduledProcedureStep = exam.comments
    ds.ScheduledProcedureStepSequence = Sequence([step])
    return ds
