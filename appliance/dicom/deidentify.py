"""De-identification by the Basic Application Level Confidentiality Profile (PS3.15 E.2) and two of its options.

The table E.1-1 comes from the package dicom-anonymizer, which generates it from the standard (edition 2026c); what is
done with it is here. Pure: data sets in, data sets out. Burned-in text is not removed, only warned of.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from dicomanonymizer.dicom_anonymization_databases import dicomfields_2026c as table
from pydicom._uid_dict import UID_dictionary
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID

METHOD = "DICOM PS3.15 Basic Application Level Confidentiality Profile"
# PS3.16 CID 7050
_BASIC = ("113100", "Basic Application Confidentiality Profile")
_CLEAN_DESCRIPTORS = ("113105", "Clean Descriptors Option")
_KEEP_CHARACTERISTICS = ("113108", "Retain Patient Characteristics Option")
# The columns of these options say K or C for (E.3.6, E.3.8)
_CHARACTERISTICS = (
    *("PatientSex", "PatientAge", "PatientSize", "PatientWeight", "PatientSexNeutered", "PatientSpeciesDescription"),
    *("PatientSpeciesCodeSequence", "PatientBreedDescription", "PatientBreedCodeSequence"),
)
_DESCRIPTORS = (
    *("StudyDescription", "SeriesDescription", "ProtocolName", "PerformedProcedureStepDescription", "ImageComments"),
    *("AcquisitionProtocolDescription", "RequestedProcedureDescription", "BodyPartExamined", "AcquisitionComments"),
)
# Words that a description may keep: the field's own, none of which names anybody
_FIELD_WORDS = """
    abdomen abdominal ankle ap anterior axial barium bilateral body bone bones brain c caudal caudocranial cervical
    chest contrast coronal craniocaudal ct cta carpus carpal dental dorsal dorsopalmar dorsoplantar dp dv elbow
    femur fibula flexed extended foot forearm fossa frogleg full hand head heart hind hip hips hock humerus
    inspiration expiration joint knee l lateral left lat leg limb ll lower lumbar lung lungs lv mandible maxilla
    mediolateral ml mr mri neck neutral oblique odontoid open mouth pa palmar paw pelvis pelvic plantar posterior
    radius recumbency right rl rotated sacrum sagittal scout series shoulder skull spine spinal standing stifle supine
    prone t tarsus thoracic thorax thoracolumbar three two one tibia tmj tplo transverse ulna ultrasound upper us
    ventral ventrodorsal vd view views vhs weight bearing whole wrist x xray ray with without post pre study
"""
_SAFE_WORDS = frozenset(_FIELD_WORDS.split())
_DUMMY_TEXT = "ANONYMIZED"
# PS3.15 E.1: values of the right VR that say nothing
_DUMMIES: dict[str, Any] = {
    "DA": "19000101", "TM": "000000", "DT": "19000101000000", "AS": "000Y", "PN": "Anonymized^Patient", "IS": "0",
    "DS": "0", "US": 0, "SS": 0, "UL": 0, "SL": 0, "UV": 0, "SV": 0, "FL": 0.0, "FD": 0.0, "AE": "ANON", "CS": "ANON",
    "OB": b"\x00\x00", "OW": b"\x00\x00", "OF": b"\x00" * 4, "OD": b"\x00" * 8, "OL": b"\x00" * 4, "OV": b"\x00" * 8,
    "UN": b"\x00\x00", "UR": "urn:anonymized", "AT": 0,
}  # fmt: skip


def _tags(*names: str) -> frozenset[int]:
    found = (tuple(tag) for name in names for tag in getattr(table, name))
    return frozenset(tag[0] << 16 | tag[1] for tag in found if len(tag) == 2)


# Where the table leaves a choice (X/Z, X/D, Z/D, X/Z/D, X/Z/U*), what keeps an object valid is taken: an attribute may
# be of type 1, so a dummy stands where D is allowed and an empty value where Z is.
_REMOVED = _tags("X_TAGS")
_EMPTIED = _tags("Z_TAGS", "X_Z_TAGS")
_DUMMIED = _tags("D_TAGS", "Z_D_TAGS", "X_D_TAGS", "X_Z_D_TAGS")
_UIDS = _tags("U_TAGS", "X_Z_U_STAR_TAGS")
_MASKED = tuple(
    (tag[0] << 16 | tag[1], tag[2] << 16 | tag[3]) for tag in table.ALL_TAGS if len(tag) == 4
)  # repeating groups: curves and overlay text, all of them removed
# Sequences of the table whose items hold what an object needs (references, content of a report) are cleaned inside
_CLEANED_INSIDE = frozenset(
    int(Tag(keyword))
    for keyword in ("ContentSequence", "ReferencedImageSequence", "SourceImageSequence", "GraphicAnnotationSequence")
)
_FREE_TEXT = frozenset(int(Tag(k)) for k in ("TextValue", "UnformattedTextValue", "PersonName"))


@dataclass
class Deidentifier:
    """De-identifies the objects of one export; UIDs stay consistent inside it and mean nothing outside.

    `patient` and `patient_id` name the patient in the copies. The options: `keep_characteristics` keeps species, breed,
    sex, age, size and weight, `clean_descriptors` keeps descriptions as far as their words are the field's own.
    """

    patient: str = "Anonymized^Patient"
    patient_id: str = "ANON"
    keep_characteristics: bool = False
    clean_descriptors: bool = False
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def uid(self, original: str) -> str:
        """The UID that stands for another one in this export; those that the standard defines stay."""
        if not original or original in UID_dictionary:
            return original
        digest = hmac.new(self._key, original.encode(), hashlib.sha256).digest()
        return f"2.25.{int.from_bytes(digest[:16], 'big')}"

    def apply(self, ds: Dataset) -> None:
        """Change a whole data set with its file meta information in place."""
        kept = self._kept(ds)
        self._clean(ds, kept)
        ds.PatientName, ds.PatientID = self.patient, self.patient_id
        ds.PatientIdentityRemoved = "YES"
        ds.DeidentificationMethod = METHOD
        ds.DeidentificationMethodCodeSequence = Sequence(self._methods())
        ds.LongitudinalTemporalInformationModified = "REMOVED"
        if "VerificationFlag" in ds:  # nobody can be named any more who has verified it (PS3.3 C.17.2)
            ds.VerificationFlag = "UNVERIFIED"
            ds.pop("VerifyingObserverSequence", None)
        meta = getattr(ds, "file_meta", None)
        if meta is not None:
            meta.MediaStorageSOPInstanceUID = UID(ds.get("SOPInstanceUID", ""))
            for keyword in ("SourceApplicationEntityTitle", "PrivateInformation", "PrivateInformationCreatorUID"):
                meta.pop(keyword, None)

    def _kept(self, ds: Dataset) -> dict[BaseTag, DataElement]:
        """What the options keep, cleaned."""
        kept: dict[BaseTag, DataElement] = {}
        for keyword in _CHARACTERISTICS if self.keep_characteristics else ():
            if keyword in ds:
                kept[ds[keyword].tag] = ds[keyword]
        for keyword in _DESCRIPTORS if self.clean_descriptors else ():
            if keyword in ds:
                element = ds[keyword]
                kept[element.tag] = DataElement(element.tag, element.VR, cleaned(str(element.value or "")))
        return kept

    def _methods(self) -> list[Dataset]:
        chosen = [_BASIC]
        chosen += [_KEEP_CHARACTERISTICS] if self.keep_characteristics else []
        chosen += [_CLEAN_DESCRIPTORS] if self.clean_descriptors else []
        methods = []
        for value, meaning in chosen:
            code = Dataset()
            code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", meaning
            methods.append(code)
        return methods

    def _clean(self, ds: Dataset, kept: dict[BaseTag, DataElement]) -> None:
        for tag in sorted(ds.keys()):
            try:
                element = ds[tag]
            except Exception:  # what cannot be read cannot be shown to be harmless
                del ds[tag]
                continue
            if tag in kept:
                ds[tag] = kept[tag]
            elif tag.is_private or _removed(tag):
                del ds[tag]
            else:
                self._clean_element(ds, tag, element)

    def _clean_element(self, ds: Dataset, tag: BaseTag, element: DataElement) -> None:
        if element.VR == "SQ" and (tag in _CLEANED_INSIDE or tag not in _EMPTIED | _DUMMIED):
            for item in element.value or []:
                self._clean(item, {})
        elif tag in _UIDS or (element.VR == "UI" and not _is_defined(element.value)):
            element.value = _each(element.value, self.uid)
        elif tag in _DUMMIED or tag in _FREE_TEXT:
            element.value = _dummy(element)
        elif tag in _EMPTIED:
            element.value = None if element.VR != "SQ" else Sequence([])
        elif element.VR == "PN" and element.value:  # a name that the table does not know is a name all the same
            element.value = _dummy(element)


def _removed(tag: BaseTag) -> bool:
    return tag in _REMOVED or any(tag & mask == value & mask for value, mask in _MASKED)


def _is_defined(value: Any) -> bool:
    """Whether all UIDs are the standard's own: classes, syntaxes, well-known instances."""
    values = value if isinstance(value, list | tuple) or hasattr(value, "append") else [value]
    return all(not uid or uid in UID_dictionary for uid in values)


def _each(value: Any, change: Callable[[str], str]) -> Any:
    if value is None or value == "":
        return value
    return change(str(value)) if isinstance(value, str) else [change(str(one)) for one in value]


def _dummy(element: DataElement) -> Any:
    if element.VR == "SQ":
        return Sequence([])
    if element.VR == "UI":
        return f"2.25.{int.from_bytes(hashlib.sha256(b'').digest()[:16], 'big')}"
    return _DUMMIES.get(element.VR, _DUMMY_TEXT)


def cleaned(description: str) -> str:
    """The words of a description that are the field's own, and bare numbers of at most two digits (E.3.6)."""
    words = re.findall(r"[^\W_]+", description)
    return " ".join(word for word in words if word.casefold() in _SAFE_WORDS or re.fullmatch(r"\d{1,2}", word))


# Kinds of pictures on which units write names into the pixels
_OFTEN_BURNED_IN = frozenset({"US", "SC", "OT", "XC", "ES", "GM", "DOC", "XA", "RF"})
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def burned_in_risk(ds: Dataset) -> str | None:
    """Why a picture may have a name written into its pixels, None if nothing speaks for it."""
    said = str(ds.get("BurnedInAnnotation") or "").strip().upper()
    if said == "YES":
        return "it says itself that text is burned into it"
    if str(ds.get("SOPClassUID") or "").startswith(_SECONDARY_CAPTURE):
        return "it is a screenshot or scan, which often has names burned into it"
    if said == "NO":
        return None
    modality = str(ds.get("Modality") or "").strip().upper()
    if modality in _OFTEN_BURNED_IN:
        return f"pictures of its kind ({modality}) often have names burned into them"
    if "EncapsulatedDocument" in ds:
        return "it is a document, whose text cannot be cleaned"
    return None


def warnings_of(objects: Iterable[Dataset]) -> list[str]:
    """The different reasons among some objects, in their order."""
    return list(dict.fromkeys(reason for ds in objects if (reason := burned_in_risk(ds))))
