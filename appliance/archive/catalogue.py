"""The reading side of the index: what lists, pages and queries show. Quarantined instances never appear here."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.archive.blobs import BlobStore
from appliance.archive.database import Database
from appliance.dicom.rehearsal import PHANTOM_ID
from appliance.errors import NotFound

REPORT_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.88.11": "SR",  # Basic Text SR
    "1.2.840.10008.5.1.4.1.1.88.22": "SR",  # Enhanced SR
    "1.2.840.10008.5.1.4.1.1.88.33": "SR",  # Comprehensive SR
    "1.2.840.10008.5.1.4.1.1.88.34": "SR",  # Comprehensive 3D SR
    "1.2.840.10008.5.1.4.1.1.104.1": "PDF",  # Encapsulated PDF
}
_IS_REPORT = f"sop_class_uid IN ({', '.join(repr(uid) for uid in REPORT_CLASSES)})"
_LISTED = f"instance_count > 0 AND coalesce(patient_id, '') <> '{PHANTOM_ID}'"
_IN_ORDER = "CAST(series_number AS INTEGER), series.id, CAST(instance_number AS INTEGER), instance.id"


@dataclass(frozen=True)
class Instance:
    """A stored instance of an accepted sender; `path` is its file."""

    id: int
    study_id: int
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    dataset_sha256: str
    size_bytes: int
    modality: str | None
    series_number: str | None
    series_description: str | None
    body_part_examined: str | None
    instance_number: str | None
    view_position: str | None
    image_laterality: str | None
    rows: int | None
    columns: int | None
    number_of_frames: int | None
    template_identifier: str | None
    problems: tuple[str, ...]
    repairs: tuple[str, ...]
    """Codes of what was put right by the rules of its unit, see appliance.dicom.repair."""
    conflict: bool
    quarantined: bool
    preview_state: str
    preview_message: str | None
    sender_kind: str
    sender_name: str
    received_at: str
    file_state: str
    """'here', or why the file is not: 'damaged', 'missing', 'evicted' (safe in a reader's archive)."""
    path: Path

    @property
    def report_kind(self) -> str | None:
        """'SR' or 'PDF' if this is a report or document, None if it is anything else, measurements included."""
        return None if self.is_measurements else REPORT_CLASSES.get(self.sop_class_uid)

    @property
    def is_measurements(self) -> bool:
        """Whether it is a report of measurements that stand on pictures (PS3.16 TID 1500)."""
        return self.template_identifier == "1500"

    @property
    def is_image(self) -> bool:
        """Whether there are pixels to look at."""
        return self.rows is not None

    @property
    def is_original(self) -> bool:
        """Whether it came from the clinic's side, not back from a reader."""
        return self.sender_kind != "result"

    @property
    def view(self) -> str:
        """The view in short words, e.g. 'RL THORAX', or the series' description."""
        side = self.image_laterality if self.image_laterality in ("L", "R", "B") else None  # U is unpaired
        words = [side, self.view_position, self.body_part_examined]
        return " ".join(word for word in words if word) or self.series_description or self.modality or "Picture"


@dataclass(frozen=True)
class Study:
    """A study with the patient's attributes as received."""

    id: int
    study_instance_uid: str
    patient_id: str | None
    issuer_of_patient_id: str | None
    patient_name: str | None
    patient_birth_date: str | None
    patient_sex: str | None
    patient_age: str | None
    patient_weight: str | None
    patient_species_description: str | None
    patient_breed_description: str | None
    patient_sex_neutered: str | None
    responsible_person: str | None
    responsible_person_role: str | None
    responsible_organization: str | None
    study_date: str | None
    study_time: str | None
    study_id: str | None
    accession_number: str | None
    study_description: str | None
    referring_physician_name: str | None
    patient_mismatch: bool
    instance_count: int
    received_at: str
    last_received_at: str
    kept_for_ever: bool
    """Somebody marked it: its files never leave the box."""


@dataclass(frozen=True)
class StudyLine:
    """A study as a line of the list."""

    study: Study
    images: tuple[Instance, ...]
    reports: tuple[Instance, ...]
    """Structured reports and documents, the clinic's own requests among them."""
    others: tuple[Instance, ...]
    is_reported: bool
    """Whether a radiologist's report is among them, from afar or in house."""


_INSTANCE_SQL = """
    SELECT instance.*, study.study_instance_uid, series.series_instance_uid, series.modality, series.series_number,
           series.series_description, series.body_part_examined, sender.kind AS sender_kind, sender.name AS sender_name
    FROM instance JOIN study ON study.id = instance.study_id JOIN series ON series.id = instance.series_id
         JOIN sender ON sender.id = instance.sender_id
"""


class Catalogue:
    """Looks things up; every method reads the latest committed state."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs

    def recent(self, *, limit: int = 50, offset: int = 0) -> list[StudyLine]:
        """Studies by the time of their last picture, newest first."""
        rows = self._database.read.query(
            f"SELECT * FROM study WHERE {_LISTED} ORDER BY last_received_at DESC LIMIT ? OFFSET ?",  # noqa: S608 - ours
            [limit, offset],
        )
        return [self.line(_study(row)) for row in rows]

    def of_patient(self, patient_id: str, issuer: str | None, *, limit: int = 20) -> list[StudyLine]:
        """Studies of a patient ID of one issuer, newest first."""
        rows = self._database.read.query(
            "SELECT * FROM study WHERE instance_count > 0 AND patient_id = ? AND coalesce(issuer_of_patient_id, '') = ?"
            " ORDER BY coalesce(study_date, '') DESC, id DESC LIMIT ?",
            [patient_id, issuer or "", limit],
        )
        return [self.line(_study(row)) for row in rows]

    def count(self) -> int:
        """How many studies there are."""
        (number,) = self._database.read.conn.execute(f"SELECT count(*) FROM study WHERE {_LISTED}").fetchone()  # noqa: S608 - our own names
        return int(number)

    def line(self, study: Study) -> StudyLine:
        """A study with its instances in order, sorted into pictures, reports and the rest."""
        instances = self.instances(study.id)
        return StudyLine(
            study,
            images=tuple(i for i in instances if i.is_image),
            reports=(reports := tuple(i for i in instances if not i.is_image and i.report_kind)),
            is_reported=any(i.sender_kind != "local" for i in reports) or self._reported_here(study.id),
            others=tuple(i for i in instances if not i.is_image and not i.report_kind),
        )

    def _reported_here(self, study_id: int) -> bool:
        sql = "SELECT 1 FROM document WHERE study_id = ? AND kind = 'report' LIMIT 1"
        return self._database.read.conn.execute(sql, [study_id]).fetchone() is not None

    def study(self, study_id: int) -> Study:
        """A study by its row; raises NotFound."""
        return self._one_study("id = ?", study_id)

    def study_by_uid(self, study_instance_uid: str) -> Study:
        """A study by its Study Instance UID; raises NotFound."""
        return self._one_study("study_instance_uid = ?", study_instance_uid)

    def _one_study(self, condition: str, value: int | str) -> Study:
        sql = f"SELECT * FROM study WHERE {condition} AND instance_count > 0"  # noqa: S608 - our own condition
        row = next(self._database.read.query(sql, [value]), None)
        if row is None:
            raise NotFound(what="study")
        return _study(row)

    def instances(self, study_id: int) -> list[Instance]:
        """The study's instances, by series number, instance number and time of arrival."""
        sql = f"{_INSTANCE_SQL} WHERE instance.study_id = ? AND quarantined = 0 ORDER BY {_IN_ORDER}"
        return [self._instance(row) for row in self._database.read.query(sql, [study_id])]

    def instance(self, instance_id: int) -> Instance:
        """An instance by its row, a quarantined one too (its thumbnail helps to recognise the device)."""
        row = next(self._database.read.query(f"{_INSTANCE_SQL} WHERE instance.id = ?", [instance_id]), None)
        if row is None:
            raise NotFound(what="picture")
        return self._instance(row)

    def instance_by_uid(self, sop_instance_uid: str) -> Instance:
        """The first kept instance of a SOP Instance UID; raises NotFound."""
        sql = f"{_INSTANCE_SQL} WHERE sop_instance_uid = ? AND quarantined = 0 ORDER BY instance.id LIMIT 1"
        row = next(self._database.read.query(sql, [sop_instance_uid]), None)
        if row is None:
            raise NotFound(what="picture")
        return self._instance(row)

    def file_of(self, level: str, row_id: int) -> Path:
        """The file that speaks for a row of 'study', 'series' or 'instance': its first kept one; raises NotFound."""
        column = {"study": "study_id", "series": "series_id", "instance": "id"}[level]
        sql = f"SELECT dataset_sha256 FROM instance WHERE {column} = ? AND quarantined = 0 ORDER BY id LIMIT 1"  # noqa: S608 - our own names
        row = self._database.read.conn.execute(sql, [row_id]).fetchone()
        if row is None:
            raise NotFound(what="picture")
        return self._blobs.path(row[0])

    def quarantined(self, sender_id: int, *, limit: int = 4) -> list[Instance]:
        """What an unknown sender has sent, newest first."""
        sql = f"{_INSTANCE_SQL} WHERE sender_id = ? AND quarantined = 1 ORDER BY instance.id DESC LIMIT ?"
        return [self._instance(row) for row in self._database.read.query(sql, [sender_id, limit])]

    def without_preview(self, *, limit: int) -> list[Instance]:
        """Instances whose preview is still to be made, newest first."""
        sql = f"{_INSTANCE_SQL} WHERE preview_state = 'waiting' ORDER BY instance.id DESC LIMIT ?"
        return [self._instance(row) for row in self._database.read.query(sql, [limit])]

    def begin_preview(self, instance_id: int) -> int:
        """Count an attempt before it is made; returns how many were begun before and never ended."""
        with self._database.write() as db:
            sql = "UPDATE instance SET preview_attempts = preview_attempts + 1 WHERE id = ? RETURNING preview_attempts"
            return int(db.conn.execute(sql, [instance_id]).fetchone()[0]) - 1

    def set_preview(self, instance_id: int, state: str, message: str | None) -> None:
        """Note that the preview is 'ready', or that there is 'none' and why."""
        with self._database.write() as db:
            db.conn.execute(
                "UPDATE instance SET preview_state = ?, preview_message = ? WHERE id = ?", [state, message, instance_id]
            )

    def _instance(self, row: dict[str, Any]) -> Instance:
        names = Instance.__dataclass_fields__.keys() - {"path", "problems", "repairs", "conflict", "quarantined"}
        return Instance(
            **{name: row[name] for name in names},
            problems=tuple(row["problems"].split()),
            repairs=tuple(row["repairs"].split()),
            conflict=bool(row["conflict"]),
            quarantined=bool(row["quarantined"]),
            path=self._blobs.path(row["dataset_sha256"]),
        )


def _study(row: dict[str, Any]) -> Study:
    flags = {name: bool(row[name]) for name in ("patient_mismatch", "kept_for_ever")}
    return Study(**{name: row[name] for name in Study.__dataclass_fields__} | flags)
