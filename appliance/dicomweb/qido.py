"""QIDO-RS: query parameters in, DICOM JSON out (PS3.18 10.6)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence

from appliance.archive.search import MATCHES
from appliance.dicomweb.attributes import PATIENT_AND_STUDY, SERIES
from appliance.errors import BadInput

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
ALL = "all"
_CONTROL = frozenset({"limit", "offset", "includefield", "fuzzymatching", "accept", "charset", "emptyvaluematching"})
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
    "AvailableTransferSyntaxUID": "transfer_syntax_uid",
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
_REQUEST = "RequestAttributesSequence"
# Wanted by the same tables, but not in the index: they come from the file
_FROM_FILE = {
    "study": (),  # a list of studies is not to open a file for each
    "series": (
        *("TimezoneOffsetFromUTC", "PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime"),
        *(f"{_REQUEST}.ScheduledProcedureStepID", f"{_REQUEST}.RequestedProcedureID"),
    ),
    "instance": ("TimezoneOffsetFromUTC", "BitsAllocated"),
}
_MATCHED_IN_FILE = frozenset(_FROM_FILE["series"][1:])  # PS3.18 table 10.6.1-5


@dataclass(frozen=True)
class Query:
    """A search: `match` goes to the index, `in_file` is matched against headers, `include` are paths of tags."""

    level: str
    match: dict[str, str]
    in_file: dict[str, str]
    include: tuple[tuple[str, ...], ...]
    include_all: bool
    fuzzy: bool
    limit: int
    offset: int

    @property
    def from_file(self) -> list[tuple[str, ...]]:
        """Paths of the attributes that the index does not hold."""
        paths = [path_of(name) for name in _FROM_FILE[self.level]]
        return [*paths, *(path for path in self.include if path not in _INDEXED[self.level])]

    def in_file_keys(self) -> Dataset:
        """What a header has to match, as a C-FIND identifier."""
        keys = Dataset()
        for name, value in self.in_file.items():
            *above, keyword = name.split(".")
            item = keys
            for sequence in above:
                if sequence not in item:
                    setattr(item, sequence, DicomSequence([Dataset()]))
                item = item[sequence].value[0]
            setattr(item, keyword, value)
        return keys


@dataclass
class _Found:
    match: dict[str, str] = field(default_factory=dict)
    in_file: dict[str, str] = field(default_factory=dict)


def parse(level: str, parameters: Mapping[str, list[str]], **fixed: str) -> Query:
    """A query at a level; `fixed` are the UIDs of the address. Raises BadInput."""
    found = _Found()
    for name, values in parameters.items():
        if name not in _CONTROL:
            _add_key(found, level, name, values)
    included = [name for text in parameters.get("includefield", []) for name in text.split(",") if name.strip()]
    return Query(
        level=level,
        match={**found.match, **fixed},
        in_file=found.in_file,
        include=tuple(path_of(name.strip()) for name in included if name.strip().lower() != ALL),
        include_all=any(name.strip().lower() == ALL for name in included),
        fuzzy=parameters.get("fuzzymatching", [""])[-1].lower() == "true",
        limit=min(MAX_LIMIT, _number(parameters, "limit", DEFAULT_LIMIT)),
        offset=_number(parameters, "offset", 0),
    )


def _add_key(found: _Found, level: str, name: str, values: Sequence[str]) -> None:
    keyword = ".".join(_keyword(part) for part in name.split("."))
    if keyword in MATCHES[level] or keyword == "ModalitiesInStudy":
        found.match[keyword] = ",".join(values) if keyword.endswith("UID") else values[-1]
    elif level == "series" and keyword in _MATCHED_IN_FILE:
        found.in_file[keyword] = values[-1]
    else:
        raise BadInput(field=name[:64], reason="this attribute cannot be searched for")


def _keyword(name: str) -> str:
    """A parameter's keyword; both PatientID and 00100020 are allowed (PS3.18 8.3.4.1)."""
    if len(name) == 8 and all(c in "0123456789abcdefABCDEF" for c in name):
        return keyword_for_tag(int(name, 16))
    return name


def path_of(name: str) -> tuple[str, ...]:
    """The tags of an attribute, those of the sequences around it first; raises BadInput."""
    tags = []
    for part in name.split("."):
        tag = tag_for_keyword(part)
        if tag is None:
            try:
                tag = int(part, 16) if len(part) == 8 else None
            except ValueError:
                tag = None
        if tag is None:
            raise BadInput(field="includefield", reason="keywords or tags of eight digits, sequences with dots between")
        tags.append(f"{tag:08X}")
    return tuple(tags)


_INDEXED = {level: {path_of(name) for name in names} for level, names in _RETURNED.items()}
_OF_LEVEL = {
    "study": {path_of(name) for name in PATIENT_AND_STUDY},
    "series": {path_of(name) for name in (*PATIENT_AND_STUDY, *SERIES)},
}


def all_of(level: str, document: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """What `includefield=all` means at a level (PS3.18 8.3.4.3): all that its modules have, of what is there."""
    return [(tag,) for tag in document if level == "instance" or (tag,) in _OF_LEVEL[level]]


def _number(parameters: Mapping[str, list[str]], name: str, otherwise: int) -> int:
    text = parameters.get(name, [str(otherwise)])[-1]
    if not text.isascii() or not text.isdecimal() or len(text) > 15:
        raise BadInput(field=name, reason="a whole number")
    return int(text)


def _person(value: Any) -> dict[str, str]:
    text = str(value)
    if "=" not in text:
        return {"Alphabetic": text} if text else {}
    groups = zip(("Alphabetic", "Ideographic", "Phonetic"), text.split("="), strict=False)
    return {name: group for name, group in groups if group}


def _whole_number(value: Any) -> int | str:
    try:
        return int(value)
    except ValueError:
        return str(value)


class _Attribute(NamedTuple):
    """An attribute of the answers as DICOM JSON (PS3.18 F.2), looked up once and not for each of its values."""

    tag: str
    empty: dict[str, Any]
    shown: Callable[[Any], Any] | None
    """How a value is written; None: as the index holds it."""


def _attribute(keyword: str) -> _Attribute:
    vr = dictionary_VR(keyword)
    kinds: dict[str, Callable[[Any], Any]] = {"PN": _person, "US": int, "UL": int, "IS": _whole_number}
    return _Attribute(f"{tag_for_keyword(keyword):08X}", {"vr": vr}, kinds.get(vr))


_PLANS = {
    level: [(*_attribute(keyword), column) for keyword, column in {**_RETURNED[level], **_COUNTS[level]}.items()]
    for level in _RETURNED
}
_MODALITIES, _AVAILABILITY, _RETRIEVE_URL = map(
    _attribute, ("ModalitiesInStudy", "InstanceAvailability", "RetrieveURL")
)
_ONLINE = {**_AVAILABILITY.empty, "Value": ["ONLINE"]}


def as_json(level: str, row: Mapping[str, Any], base_url: str) -> dict[str, Any]:
    """A row as DICOM JSON with its RetrieveURL (PS3.18 F.2)."""
    result = {
        tag: empty if (value := row[column]) is None else {**empty, "Value": [shown(value) if shown else value]}
        for tag, empty, shown, column in _PLANS[level]
    }
    if level == "study":
        modalities = row["modalities"]
        several = {"Value": modalities.split("\\")} if modalities else {}
        result[_MODALITIES.tag] = {**_MODALITIES.empty, **several}
    result[_AVAILABILITY.tag] = _ONLINE
    result[_RETRIEVE_URL.tag] = {**_RETRIEVE_URL.empty, "Value": [retrieve_url(level, row, base_url)]}
    return result


def retrieve_url(level: str, row: Mapping[str, Any], base_url: str) -> str:
    """Where the thing is fetched."""
    url = f"{base_url}/studies/{row['study_instance_uid']}"
    if level != "study":
        url += f"/series/{row['series_instance_uid']}"
    return url + f"/instances/{row['sop_instance_uid']}" if level == "instance" else url
