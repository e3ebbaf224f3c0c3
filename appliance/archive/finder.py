"""The clinic's own search: words of patient and owner, species, days, view, whether there is a report."""

from dataclasses import dataclass
from typing import Any, Literal

from appliance.archive.catalogue import REPORT_CLASSES
from appliance.archive.database import Database
from appliance.archive.narrowing import with_word

ReportState = Literal["", "with", "without", "waiting"]
REPORT_STATES: tuple[ReportState, ...] = ("", "with", "without", "waiting")
_WORD_COLUMNS = (
    *("patient_name", "patient_id", "responsible_person", "responsible_organization", "patient_breed_description"),
    *("study_description", "accession_number"),
)
_WORD = " OR ".join(f"study.{column} LIKE ? ESCAPE '\\'" for column in _WORD_COLUMNS)
_REPORT_CLASSES = ", ".join(repr(uid) for uid in REPORT_CLASSES)
_REPORT = (  # from afar, or written here; the clinic's own requests are none
    "(EXISTS (SELECT 1 FROM instance r JOIN sender f ON f.id = r.sender_id WHERE r.study_id = study.id"  # noqa: S608 - our own names
    f" AND r.quarantined = 0 AND f.kind <> 'local' AND r.sop_class_uid IN ({_REPORT_CLASSES}))"
    " OR EXISTS (SELECT 1 FROM document d WHERE d.study_id = study.id AND d.kind = 'report'))"
)
_ASKED = "EXISTS (SELECT 1 FROM reading_request q WHERE q.study_id = study.id)"
_VIEW = (
    "EXISTS (SELECT 1 FROM instance v JOIN series s ON s.id = v.series_id WHERE v.study_id = study.id"
    " AND v.quarantined = 0 AND (v.view_position LIKE ? ESCAPE '\\' OR s.body_part_examined LIKE ? ESCAPE '\\'"
    " OR s.series_description LIKE ? ESCAPE '\\'))"
)
_STATES = {"with": _REPORT, "without": f"NOT {_REPORT}", "waiting": f"{_ASKED} AND NOT {_REPORT}"}


@dataclass(frozen=True)
class Wanted:
    """What somebody looks for; empty fields match everything, days are DICOM dates (YYYYMMDD)."""

    words: str = ""
    patient_id: str = ""
    """Exactly this one: the history of one patient."""
    species: str = ""
    view: str = ""
    first_day: str = ""
    last_day: str = ""
    report: ReportState = ""


class Finder:
    """Finds studies for people; what programs ask goes through `search`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, wanted: Wanted, *, limit: int) -> list[int]:
        """Rows of matching studies, the newest study first."""
        conditions, values = _conditions(wanted)
        sql = (
            f"SELECT study.id FROM study WHERE {' AND '.join(conditions)}"  # noqa: S608 - our own conditions
            " ORDER BY study.study_date DESC, study.last_received_at DESC LIMIT ?"
        )
        return [row[0] for row in self._database.read.conn.execute(sql, [*values, limit])]


def _conditions(wanted: Wanted) -> tuple[list[str], list[Any]]:
    conditions, values = ["study.instance_count > 0"], []
    for word in wanted.words.split():
        if narrowed := with_word(word):
            conditions.append(narrowed[0])
            values += narrowed[1]
        conditions.append(f"({_WORD})")
        values += [f"%{_escaped(word)}%"] * len(_WORD_COLUMNS)
    for condition, value in (
        ("study.patient_id = ?", wanted.patient_id),
        ("study.patient_species_description LIKE ? ESCAPE '\\'", wanted.species and f"{_escaped(wanted.species)}%"),
        ("study.study_date >= ?", wanted.first_day),
        ("study.study_date <= ?", wanted.last_day),
    ):
        if value:
            conditions.append(condition)
            values.append(value)
    if wanted.view:
        conditions.append(_VIEW)
        values += [f"{_escaped(wanted.view)}%", f"{_escaped(wanted.view)}%", f"%{_escaped(wanted.view)}%"]
    if wanted.report:
        conditions.append(_STATES[wanted.report])
    return conditions, values


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
