"""Queries by DICOM attributes over the index; everything a peer sends becomes a bound parameter."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from appliance.archive.database import Database

# Attributes a query may match on: keyword -> column (PS3.18 10.6.1.2, veterinary ones added)
STUDY_MATCH = {
    "StudyInstanceUID": "study.study_instance_uid",
    "StudyDate": "study.study_date",
    "StudyTime": "study.study_time",
    "AccessionNumber": "study.accession_number",
    "ReferringPhysicianName": "study.referring_physician_name",
    "PatientName": "study.patient_name",
    "PatientID": "study.patient_id",
    "StudyID": "study.study_id",
    "PatientSpeciesDescription": "study.patient_species_description",
    "PatientBreedDescription": "study.patient_breed_description",
    "ResponsiblePerson": "study.responsible_person",
}
SERIES_MATCH = {
    "Modality": "series.modality",
    "SeriesInstanceUID": "series.series_instance_uid",
    "SeriesNumber": "series.series_number",
    "BodyPartExamined": "series.body_part_examined",
}
INSTANCE_MATCH = {
    "SOPInstanceUID": "instance.sop_instance_uid",
    "SOPClassUID": "instance.sop_class_uid",
    "InstanceNumber": "instance.instance_number",
}
MATCHES = {"study": STUDY_MATCH, "series": STUDY_MATCH | SERIES_MATCH}
MATCHES["instance"] = MATCHES["series"] | INSTANCE_MATCH
_UIDS = frozenset({"StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"})
_RANGES = frozenset({"StudyDate", "StudyTime"})

_SQL = {
    "study": """
        SELECT study.*,
               (SELECT group_concat(DISTINCT modality) FROM series WHERE study_id = study.id) AS modalities,
               (SELECT count(DISTINCT series_id) FROM instance WHERE study_id = study.id AND quarantined = 0)
                   AS series_count
        FROM study WHERE study.instance_count > 0 {where} ORDER BY study.id DESC LIMIT ? OFFSET ?
    """,
    "series": """
        SELECT study.*, series.*, count(instance.id) AS series_instance_count
        FROM series JOIN study ON study.id = series.study_id
             JOIN instance ON instance.series_id = series.id AND instance.quarantined = 0
        WHERE 1 = 1 {where} GROUP BY series.id ORDER BY series.id LIMIT ? OFFSET ?
    """,
    "instance": """
        SELECT study.*, series.*, instance.*
        FROM instance JOIN series ON series.id = instance.series_id JOIN study ON study.id = instance.study_id
        WHERE instance.quarantined = 0 {where} ORDER BY instance.id LIMIT ? OFFSET ?
    """,
}


@dataclass
class _Condition:
    sql: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, sql: str, *values: Any) -> None:
        self.sql.append(f"AND {sql}")
        self.values.extend(values)


class Search:
    """Answers queries at the three levels."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, level: str, query: Mapping[str, str], *, limit: int, offset: int) -> list[dict[str, Any]]:
        """Rows of a level ('study', 'series', 'instance') that match `query` (keyword to value, PS3.4 C.2.2.2)."""
        condition = _Condition()
        for keyword, value in query.items():
            _match(condition, keyword, MATCHES[level].get(keyword), value)
        sql = _SQL[level].format(where=" ".join(condition.sql))
        return list(self._database.read.query(sql, [*condition.values, limit, offset]))


def _match(condition: _Condition, keyword: str, column: str | None, value: str) -> None:
    if keyword == "ModalitiesInStudy":
        condition.add("EXISTS (SELECT 1 FROM series s WHERE s.study_id = study.id AND s.modality = ?)", value)
    elif column is None or value in ("", "*"):  # universal matching, C.2.2.2.3
        return
    elif keyword in _UIDS:
        uids = [uid for uid in value.replace("\\", ",").split(",") if uid]
        condition.add(f"{column} IN ({', '.join('?' for _ in uids)})", *uids)
    elif keyword in _RANGES and "-" in value:
        _match_range(condition, column, value)
    elif "*" in value or "?" in value:
        condition.add(f"{column} LIKE ? ESCAPE '\\'", like_pattern(value))
    elif keyword in ("PatientName", "ReferringPhysicianName", "ResponsiblePerson"):
        condition.add(f"rtrim({column}, '^') = rtrim(?, '^') COLLATE NOCASE", value)
    else:
        condition.add(f"{column} = ?", value)


def _match_range(condition: _Condition, column: str, value: str) -> None:
    low, _, high = value.partition("-")
    if low:
        condition.add(f"{column} >= ?", low)
    if high:
        condition.add(f"{column} <= ?", high)


def like_pattern(value: str) -> str:
    """DICOM wildcards as a LIKE pattern whose own wildcards are escaped (PS3.4 C.2.2.2.4)."""
    escaped = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%").replace("?", "_")
