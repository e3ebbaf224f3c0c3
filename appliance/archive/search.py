"""Queries by DICOM attributes over the index; everything a peer sends becomes a bound parameter."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from appliance.archive.database import Database
from appliance.archive.matching import time_of_day
from appliance.archive.narrowing import narrowed

# Attributes a query may match on: keyword -> column (PS3.4 C.6, PS3.18 10.6.1.2, veterinary ones added)
PATIENT_MATCH = {
    "PatientName": "study.patient_name",
    "PatientID": "study.patient_id",
    "IssuerOfPatientID": "study.issuer_of_patient_id",
    "PatientBirthDate": "study.patient_birth_date",
    "PatientSex": "study.patient_sex",
    "PatientSexNeutered": "study.patient_sex_neutered",
    "PatientSpeciesDescription": "study.patient_species_description",
    "PatientBreedDescription": "study.patient_breed_description",
    "ResponsiblePerson": "study.responsible_person",
    "ResponsibleOrganization": "study.responsible_organization",
}
STUDY_MATCH = PATIENT_MATCH | {
    "StudyInstanceUID": "study.study_instance_uid",
    "StudyDate": "study.study_date",
    "StudyTime": "study.study_time",
    "AccessionNumber": "study.accession_number",
    "ReferringPhysicianName": "study.referring_physician_name",
    "StudyID": "study.study_id",
    "StudyDescription": "study.study_description",
}
SERIES_MATCH = {
    "Modality": "series.modality",
    "SeriesInstanceUID": "series.series_instance_uid",
    "SeriesNumber": "series.series_number",
    "SeriesDescription": "series.series_description",
    "BodyPartExamined": "series.body_part_examined",
    "Manufacturer": "series.manufacturer",
    "StationName": "series.station_name",
    "InstitutionName": "series.institution_name",
}
INSTANCE_MATCH = {
    "SOPInstanceUID": "instance.sop_instance_uid",
    "SOPClassUID": "instance.sop_class_uid",
    "InstanceNumber": "instance.instance_number",
    "ContentDate": "instance.content_date",
    "ContentTime": "instance.content_time",
}
MATCHES = {"patient": PATIENT_MATCH, "study": STUDY_MATCH, "series": STUDY_MATCH | SERIES_MATCH}
MATCHES["instance"] = MATCHES["series"] | INSTANCE_MATCH
UNIQUE = {"patient": "PatientID", "study": "StudyInstanceUID", "series": "SeriesInstanceUID"}
UNIQUE["instance"] = "SOPInstanceUID"
_UIDS = frozenset({"StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"})
_DATES = frozenset({"StudyDate", "PatientBirthDate", "ContentDate"})
_TIMES = frozenset({"StudyTime", "ContentTime"})
_NAMES = frozenset({"PatientName", "ReferringPhysicianName", "ResponsiblePerson"})
_LOOKED_UP = frozenset({"PatientID", "AccessionNumber"})  # beside names, see migration 0004
_LAST = "235959.999999"

_MODALITIES = """
    (SELECT group_concat(coalesce(s.modality, ''), '\\') FROM series s WHERE s.study_id = study.id AND NOT
        (EXISTS (SELECT 1 FROM instance INDEXED BY instance_hidden WHERE series_id = s.id AND quarantined <> 0)
        AND NOT EXISTS (SELECT 1 FROM instance WHERE series_id = s.id AND quarantined = 0))) AS modalities
"""  # of each series that is shown; the small index of what is not says of most at once that nothing is hidden
_PATIENT_COLUMNS = ", ".join(
    f"max({column}) AS {column.removeprefix('study.')}"
    for keyword, column in PATIENT_MATCH.items()
    if keyword not in ("PatientID", "PatientName")
)
# ruff: noqa: S608 - only our own column names are put together here
_SQL = {
    "patient": f"""
        SELECT study.patient_id, study.patient_name, {_PATIENT_COLUMNS}, count(*) AS patient_study_count,
               sum((SELECT count(DISTINCT series_id) FROM instance WHERE study_id = study.id AND quarantined = 0))
                   AS patient_series_count,
               sum(study.instance_count) AS patient_instance_count
        FROM study WHERE study.instance_count > 0 {{where}}
        GROUP BY study.patient_id, study.patient_name ORDER BY max(study.id) DESC LIMIT ? OFFSET ?
    """,
    "study": f"""
        SELECT study.*, {_MODALITIES}
        FROM study WHERE study.instance_count > 0 {{where}} ORDER BY study.id DESC LIMIT ? OFFSET ?
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
_FROM_INSTANCE = """
    FROM instance JOIN series ON series.id = instance.series_id JOIN study ON study.id = instance.study_id
    WHERE instance.quarantined = 0 {where}
"""
_COUNT_SQL = {
    "study": "SELECT count(*) FROM study WHERE study.instance_count > 0 {where}",
    "series": f"SELECT count(DISTINCT series.id) {_FROM_INSTANCE}",
    "instance": f"SELECT count(*) {_FROM_INSTANCE}",
}
_STORED_SQL = """
    SELECT min(instance.id) AS id, instance.sop_instance_uid, instance.sop_class_uid, instance.transfer_syntax_uid,
           instance.dataset_sha256, instance.size_bytes
    FROM instance JOIN series ON series.id = instance.series_id JOIN study ON study.id = instance.study_id
    WHERE instance.quarantined = 0 {where} GROUP BY instance.sop_instance_uid ORDER BY 1 LIMIT ?
"""


@dataclass(frozen=True)
class Stored:
    """What is needed to send an instance; of several with the same UID the one that came first."""

    id: int
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    dataset_sha256: str
    size_bytes: int


@dataclass
class _Condition:
    sql: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, sql: str, *values: Any) -> None:
        self.sql.append(f"AND {sql}")
        self.values.extend(values)

    def narrow(self, column: str, wanted: str) -> None:
        """Let an index find what may match."""
        if found := narrowed(column, wanted):
            self.add(found[0], *found[1])


class Search:
    """Answers queries at the four levels."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(
        self, level: str, query: Mapping[str, str], *, limit: int, offset: int, fuzzy: bool = False
    ) -> list[dict[str, Any]]:
        """Rows of a level (a key of MATCHES) that match `query` (keyword to value, PS3.4 C.2.2.2).

        `fuzzy` lets names match by the beginnings of their words, without accents.
        """
        condition = _conditions(level, query, fuzzy)
        sql = _SQL[level].format(where=" ".join(condition.sql))
        rows = self._database.read.query(sql, [*condition.values, limit, offset])
        return [_with_counts(row) for row in rows] if level == "study" else list(rows)

    def count(self, level: str, query: Mapping[str, str], *, fuzzy: bool = False) -> int:
        """How many rows of 'study', 'series' or 'instance' match."""
        condition = _conditions(level, query, fuzzy)
        sql = _COUNT_SQL[level].format(where=" ".join(condition.sql))
        return int(self._database.read.conn.execute(sql, condition.values).fetchone()[0])

    def stored(self, unique: Mapping[str, Sequence[str]], *, limit: int) -> list[Stored]:
        """Instances whose unique keys have one of the given values each (C.4.2.2.1), each UID once."""
        condition = _Condition()
        for keyword, values in unique.items():
            _match_any(condition, MATCHES["instance"][keyword], values)
        sql = _STORED_SQL.format(where=" ".join(condition.sql))
        return [Stored(**row) for row in self._database.read.query(sql, [*condition.values, limit])]


def _with_counts(row: dict[str, Any]) -> dict[str, Any]:
    """A study's modalities once each, with the separator of PS3.5 6.2, and how many series they come from."""
    of_series = str(row["modalities"] or "").split("\\")
    row["series_count"] = len(of_series)
    row["modalities"] = "\\".join(sorted({*of_series} - {""})) or None
    return row


def _conditions(level: str, query: Mapping[str, str], fuzzy: bool) -> _Condition:
    condition = _Condition()
    for keyword, value in query.items():
        if fuzzy and keyword in _NAMES and keyword in MATCHES[level]:
            condition.add(f"dicom_fuzzy({MATCHES[level][keyword]}, ?)", value)
        else:
            _match(condition, keyword, MATCHES[level].get(keyword), value)
    return condition


def _match(condition: _Condition, keyword: str, column: str | None, value: str) -> None:
    if value.strip("*") == "":  # universal matching, C.2.2.2.3
        return
    if keyword == "ModalitiesInStudy":
        _match_modalities(condition, _values(value))
    elif column is None:
        return
    elif keyword in _UIDS or (keyword == "Modality" and not {"*", "?"} & set(value)):
        _match_any(condition, column, _values(value))
    elif keyword in _DATES:
        _match_date(condition, column, value.replace(".", ""))
    elif keyword in _TIMES:
        _match_time(condition, column, value)
    elif keyword in _NAMES:
        condition.narrow(column, value)
        condition.add(f"dicom_person({column}, ?)", value)
    elif "*" in value or "?" in value:
        if keyword in _LOOKED_UP:
            condition.narrow(column, value)
        condition.add(f"dicom_like({column}, ?)", value)
    else:
        condition.add(f"{column} = ?", value)


def _values(value: str) -> list[str]:
    """A list of values; C-FIND separates them by a backslash, QIDO-RS by a comma."""
    return [part.strip() for part in value.replace("\\", ",").split(",") if part.strip()]


def _match_any(condition: _Condition, column: str, values: Sequence[str]) -> None:
    condition.add(f"{column} IN (SELECT value FROM json_each(?))", json.dumps(list(values)))


def _match_modalities(condition: _Condition, values: Sequence[str]) -> None:
    """Studies with a series of one of the modalities; each may have wildcards (C.3.4)."""
    plain = [value for value in values if not {"*", "?"} & set(value)]
    patterns = [value for value in values if value not in plain]
    tests = ["s.modality IN (SELECT value FROM json_each(?))", *("dicom_like(s.modality, ?)" for _ in patterns)]
    any_of, wanted = " OR ".join(tests), [json.dumps(plain), *patterns]
    condition.add(f"study.id IN (SELECT s.study_id FROM series s WHERE {any_of})", *wanted)
    condition.add(
        f"EXISTS (SELECT 1 FROM series s JOIN instance i ON i.series_id = s.id AND i.quarantined = 0"
        f" WHERE s.study_id = study.id AND ({any_of}))",
        *wanted,
    )


def _match_date(condition: _Condition, column: str, value: str) -> None:
    """A day, or a range with one end open (C.2.2.2.5.1)."""
    low, dash, high = (part.strip() for part in value.partition("-"))
    if not dash:
        condition.add(f"{column} = ?", low)
    if dash and low:
        condition.add(f"{column} >= ?", low)
    if dash and high:
        condition.add(f"{column} <= ?", high)


def _match_time(condition: _Condition, column: str, value: str) -> None:
    """A time as precise as it is given, or a range of them (C.2.2.2.5.2); what is no time matches nothing."""
    low, dash, high = (part.strip() for part in value.partition("-"))
    if low or not dash:
        condition.add(f"dicom_time({column}) >= ?", time_of_day(low))
    if high or not dash:
        condition.add(f"dicom_time({column}) <= ?", time_of_day(high if dash else low, _LAST))
