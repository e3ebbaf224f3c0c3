"""What the index keeps of one instance: a flat record read from its data set, whatever state that is in."""

import contextlib
import re
import struct
import warnings
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from pydicom._uid_dict import UID_dictionary
from pydicom.charset import convert_encodings
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException
from pydicom.filereader import _read_file_meta_info
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID, ExplicitVRLittleEndian
from pydicom.valuerep import PersonName

from appliance.dicom.repair import Rules, repair
from appliance.dicom.scan import Scanner, Unreadable
from appliance.dicom.uids import derived_uid
from appliance.validators import valid_uid

MAX_TEXT = 1024  # characters kept of one attribute; the file keeps all of them

STUDY_KEYWORDS = {
    "patient_id": "PatientID",
    "issuer_of_patient_id": "IssuerOfPatientID",
    "patient_name": "PatientName",
    "patient_birth_date": "PatientBirthDate",
    "patient_sex": "PatientSex",
    "patient_age": "PatientAge",
    "patient_weight": "PatientWeight",
    "patient_species_description": "PatientSpeciesDescription",
    "patient_breed_description": "PatientBreedDescription",
    "patient_sex_neutered": "PatientSexNeutered",
    "responsible_person": "ResponsiblePerson",
    "responsible_person_role": "ResponsiblePersonRole",
    "responsible_organization": "ResponsibleOrganization",
    "study_date": "StudyDate",
    "study_time": "StudyTime",
    "study_id": "StudyID",
    "accession_number": "AccessionNumber",
    "study_description": "StudyDescription",
    "referring_physician_name": "ReferringPhysicianName",
}
SERIES_KEYWORDS = {
    "modality": "Modality",
    "series_number": "SeriesNumber",
    "series_description": "SeriesDescription",
    "body_part_examined": "BodyPartExamined",
    "manufacturer": "Manufacturer",
    "station_name": "StationName",
    "institution_name": "InstitutionName",
}
INSTANCE_KEYWORDS = {
    "instance_number": "InstanceNumber",
    "view_position": "ViewPosition",
    "image_laterality": "ImageLaterality",
    "photometric_interpretation": "PhotometricInterpretation",
    "content_date": "ContentDate",
    "content_time": "ContentTime",
    "rows": "Rows",
    "columns": "Columns",
    "number_of_frames": "NumberOfFrames",
    "bits_stored": "BitsStored",
    "template_identifier": "TemplateIdentifier",
}
INTEGER_FIELDS = frozenset({"rows", "columns", "number_of_frames", "bits_stored"})
# Coded alternatives to a description, PS3.3 C.7.1.1 and C.8.11.5: sequence -> field it fills when that is empty
CODED = {
    "PatientSpeciesCodeSequence": "patient_species_description",
    "PatientBreedCodeSequence": "patient_breed_description",
    "ViewCodeSequence": "view_position",
}
_UID_KEYWORDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "SpecificCharacterSet")
_WANTED = frozenset(
    int(Tag(keyword))
    for keyword in (
        *_UID_KEYWORDS,
        *STUDY_KEYWORDS.values(),
        *SERIES_KEYWORDS.values(),
        *INSTANCE_KEYWORDS.values(),
        *CODED,
        "Laterality",
        "ContentTemplateSequence",
    )
)
_AS_IT_IS = Rules()
_LOOKS_LIKE_UID = re.compile(r"[0-9.]{1,64}")
_META_AT = 132  # behind the preamble and the prefix

Values = dict[str, str | int | None]


@dataclass(frozen=True)
class CommandUids:
    """What the sender said of the instance outside its data set: command set, or file meta information."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str


@dataclass
class InstanceRecord:
    """One instance as the index sees it; `problems` are stable codes of what could not be read or was derived."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    study: Values
    series: Values
    instance: Values
    has_pixels: bool
    problems: list[str] = field(default_factory=list)
    repairs: list[str] = field(default_factory=list)
    """Codes of what the unit's rules changed, see appliance.dicom.repair."""


def read_record(path: Path, said: CommandUids, rules: Rules = _AS_IT_IS) -> InstanceRecord:
    """Read the record of a stored file; never raises for what the data set holds, only OSError for the file."""
    with path.open("rb") as file:
        _go_to_data_set(file)
        return _record(file, said, rules)


def read_record_of(
    head: bytes | bytearray, said: CommandUids, rules: Rules = _AS_IT_IS, *, whole: bool
) -> InstanceRecord | None:
    """The record from the first bytes of a data set; None if what is wanted may stand behind them."""
    file = BytesIO(head)
    record = _record(file, said, rules)
    return record if whole or (file.tell() < len(head) and "header-unreadable" not in record.problems) else None


def _record(file: BinaryIO, said: CommandUids, rules: Rules) -> InstanceRecord:
    problems: list[str] = []
    header = _read_header(file, said.transfer_syntax_uid, problems)
    repairs = _repaired(header, rules, said, problems) if rules else []
    uid = _uid(header, "SOPInstanceUID", said.sop_instance_uid, problems)
    record = InstanceRecord(
        study_instance_uid=_uid(header, "StudyInstanceUID", derived_uid("study", uid), problems),
        series_instance_uid=_uid(header, "SeriesInstanceUID", derived_uid("series", uid), problems),
        sop_instance_uid=uid,
        sop_class_uid=_uid(header, "SOPClassUID", said.sop_class_uid, problems),
        transfer_syntax_uid=said.transfer_syntax_uid,
        study=_values(header, STUDY_KEYWORDS),
        series=_values(header, SERIES_KEYWORDS),
        instance=_values(header, INSTANCE_KEYWORDS),
        has_pixels=header.get("Rows") is not None,
        problems=problems,
        repairs=repairs,
    )
    _fill_from_codes(header, record)
    return record


def _repaired(header: Dataset, rules: Rules, said: CommandUids, problems: list[str]) -> list[str]:
    try:
        changes = repair(header, rules, sop_instance_uid=said.sop_instance_uid)
    except Exception:  # pydicom raises many kinds for bad values; the picture is listed as it is
        problems.append("not-repaired")
        return []
    return list(dict.fromkeys(change.code for change in changes))


def text(header: Dataset, keyword: str) -> str | None:
    """An attribute as text of bounded length without control characters, or None if empty or unreadable."""
    try:
        value = header.get(keyword)
        if value is None:
            return None
        many = not isinstance(value, str) and hasattr(value, "__iter__") and not hasattr(value, "components")
        joined = "\\".join(str(item) for item in value) if many else str(value)
    except Exception:  # pydicom raises many kinds for bad values; unreadable counts as absent
        return None
    kept = joined[:MAX_TEXT]
    if not kept.isprintable():
        kept = "".join(c for c in kept if c.isprintable())
    return kept.strip() or None


UNREADABLE = (
    ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RuntimeError, EOFError, struct.error,
    BytesLengthException,
)  # fmt: skip
"""What pydicom raises when it turns the bytes of a bad value into a value."""


def element(header: Dataset, keyword: str) -> DataElement | None:
    """A new element with the value of one, names without their encoding; None if it is absent or cannot be read."""
    try:
        found = header[keyword]
        value = str(found.value) if isinstance(found.value, PersonName) else found.value
        return DataElement(found.tag, found.VR, value)  # made anew: what was kept as text is converted here
    except UNREADABLE:
        return None


def _read_header(file: BinaryIO, transfer_syntax_uid: str, problems: list[str]) -> Dataset:
    """The wanted attributes before the pixels, or as many of them as can be read."""
    scanner = Scanner(file, _syntax(transfer_syntax_uid))
    try:
        found = scanner.find(_WANTED)
    except Unreadable as error:  # hostile or truncated bytes; the file is kept, the record says so
        problems.append("header-unreadable")
        found = error.found
    header = Dataset(dict[BaseTag, DataElement | RawDataElement](found))
    names = header.get("SpecificCharacterSet") or ""
    with warnings.catch_warnings(), contextlib.suppress(Exception):  # a set that nobody knows is read as ASCII
        warnings.simplefilter("ignore")
        syntax = _syntax(transfer_syntax_uid)
        header.set_original_encoding(scanner.is_implicit, syntax.is_little_endian, convert_encodings(names))
    return header


def _syntax(uid: str) -> UID:
    """The transfer syntax, Explicit VR Little Endian for those that nobody knows (PS3.5 A.4 wants that of new ones)."""
    syntax = UID(uid)
    return syntax if syntax in UID_dictionary and syntax.is_transfer_syntax else ExplicitVRLittleEndian


def _go_to_data_set(file: BinaryIO) -> None:
    """Behind the file meta information that the archive wrote (PS3.10 7.1)."""
    head = file.read(_META_AT + 12)
    if head[_META_AT : _META_AT + 4] == b"\x02\x00\x00\x00":
        file.seek(len(head) + struct.unpack_from("<L", head, _META_AT + 8)[0])
    else:  # files of older releases have no group length
        file.seek(_META_AT)
        _read_file_meta_info(file)


def _uid(header: Dataset, keyword: str, otherwise: str, problems: list[str]) -> str:
    value = text(header, keyword)
    if value is None or not _LOOKS_LIKE_UID.fullmatch(value):
        problems.append(f"{keyword}-missing")
        return otherwise
    try:
        return valid_uid(value)
    except ValueError:  # leading zeros and the like: units send them, so they are kept as they are
        problems.append(f"{keyword}-invalid")
        return value


def _values(header: Dataset, keywords: dict[str, str]) -> Values:
    return {name: _value(header, name, keyword) for name, keyword in keywords.items()}


def _value(header: Dataset, name: str, keyword: str) -> str | int | None:
    value = text(header, keyword)
    if name not in INTEGER_FIELDS or value is None:
        return value
    try:
        return int(value)
    except ValueError:
        return None


def _fill_from_codes(header: Dataset, record: InstanceRecord) -> None:
    for keyword, name in CODED.items():
        target = record.study if name in STUDY_KEYWORDS else record.instance
        if target[name] is None:
            target[name] = _in_first_item(header, keyword, "CodeMeaning")
    record.instance["template_identifier"] = _in_first_item(header, "ContentTemplateSequence", "TemplateIdentifier")
    if record.instance["image_laterality"] is None:
        record.instance["image_laterality"] = text(header, "Laterality")


def _in_first_item(header: Dataset, keyword: str, attribute: str) -> str | None:
    try:
        items = header.get(keyword)
        return text(items[0], attribute) if items else None
    except Exception:  # a sequence that cannot be read has nothing to show
        return None
