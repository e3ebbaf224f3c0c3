"""QIDO-RS: query parameters in, DICOM JSON out (PS3.18 10.6)."""

from collections.abc import Mapping
from typing import Any

from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword

from appliance.archive.search import MATCHES
from appliance.errors import BadInput

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
_CONTROL = frozenset({"limit", "offset", "includefield", "fuzzymatching"})
# Returned attributes by level: keyword -> column of the row (PS3.18 tables 10.6.3-3 to 10.6.3-5)
_STUDY = {
    "StudyDate": "study_date",
    "StudyTime": "study_time",
    "AccessionNumber": "accession_number",
    "ReferringPhysicianName": "referring_physician_name",
    "PatientName": "patient_name",
    "PatientID": "patient_id",
    "PatientBirthDate": "patient_birth_date",
    "PatientSex": "patient_sex",
    "PatientSpeciesDescription": "patient_species_description",
    "PatientBreedDescription": "patient_breed_description",
    "PatientSexNeutered": "patient_sex_neutered",
    "ResponsiblePerson": "responsible_person",
    "StudyInstanceUID": "study_instance_uid",
    "StudyID": "study_id",
    "StudyDescription": "study_description",
}
_SERIES = {
    "Modality": "modality",
    "SeriesDescription": "series_description",
    "BodyPartExamined": "body_part_examined",
    "SeriesInstanceUID": "series_instance_uid",
    "SeriesNumber": "series_number",
}
_INSTANCE = {
    "SOPClassUID": "sop_class_uid",
    "SOPInstanceUID": "sop_instance_uid",
    "InstanceNumber": "instance_number",
    "Rows": "rows",
    "Columns": "columns",
    "BitsStored": "bits_stored",
    "NumberOfFrames": "number_of_frames",
}
_COUNTS = {
    "study": {"NumberOfStudyRelatedSeries": "series_count", "NumberOfStudyRelatedInstances": "instance_count"},
    "series": {"NumberOfSeriesRelatedInstances": "series_instance_count"},
    "instance": {},
}
_RETURNED = {"study": _STUDY, "series": {**_STUDY, **_SERIES}, "instance": {**_STUDY, **_SERIES, **_INSTANCE}}


def parse(level: str, parameters: Mapping[str, list[str]]) -> tuple[dict[str, str], int, int]:
    """Match keys by keyword, limit and offset; raises BadInput."""
    query: dict[str, str] = {}
    for name, values in parameters.items():
        if name in _CONTROL:
            continue
        keyword = _keyword(name)
        if keyword not in MATCHES[level] and keyword != "ModalitiesInStudy":
            raise BadInput(field=name[:64], reason="this attribute cannot be searched for")
        query[keyword] = ",".join(values) if keyword.endswith("UID") else values[-1]
    limit = min(MAX_LIMIT, _number(parameters, "limit", DEFAULT_LIMIT))
    return query, limit, _number(parameters, "offset", 0)


def _keyword(name: str) -> str:
    """A parameter's keyword; both PatientID and 00100020 are allowed (PS3.18 8.3.4.1)."""
    if len(name) == 8 and all(c in "0123456789abcdefABCDEF" for c in name):
        return keyword_for_tag(int(name, 16))
    return name


def _number(parameters: Mapping[str, list[str]], name: str, otherwise: int) -> int:
    text = parameters.get(name, [str(otherwise)])[-1]
    if not text.isdecimal():
        raise BadInput(field=name, reason="a whole number")
    return int(text)


def as_json(level: str, row: Mapping[str, Any], base_url: str) -> dict[str, Any]:
    """A row as DICOM JSON with its RetrieveURL (PS3.18 F.2)."""
    result = {}
    for keyword, column in {**_RETURNED[level], **_COUNTS[level]}.items():
        result.update(_element(keyword, row[column]))
    if level == "study":
        modalities = [m for m in str(row["modalities"] or "").split(",") if m]
        result.update(_element("ModalitiesInStudy", modalities or None))
    result.update(_element("InstanceAvailability", "ONLINE"))
    result.update(_element("RetrieveURL", retrieve_url(level, row, base_url)))
    return result


def retrieve_url(level: str, row: Mapping[str, Any], base_url: str) -> str:
    """Where the thing is fetched."""
    url = f"{base_url}/studies/{row['study_instance_uid']}"
    if level != "study":
        url += f"/series/{row['series_instance_uid']}"
    return url + f"/instances/{row['sop_instance_uid']}" if level == "instance" else url


def _element(keyword: str, value: Any) -> dict[str, Any]:
    vr = dictionary_VR(keyword)
    element: dict[str, Any] = {"vr": vr}
    values = value if isinstance(value, list) else [value]
    shown = [_shown(vr, v) for v in values if v is not None]
    if shown:
        element["Value"] = shown
    tag = tag_for_keyword(keyword)
    return {f"{tag:08X}": element}


def _shown(vr: str, value: Any) -> Any:
    if vr == "PN":
        groups = zip(("Alphabetic", "Ideographic", "Phonetic"), str(value).split("="), strict=False)
        return {name: text for name, text in groups if text}
    if vr in ("US", "UL"):
        return int(value)
    if vr in ("IS", "DS"):
        try:
            return int(value) if vr == "IS" else float(value)
        except ValueError:
            return str(value)
    return str(value)
