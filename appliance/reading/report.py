"""A radiologist's report as text, before it becomes DICOM objects."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from pydicom.dataset import Dataset

from appliance.dicom.record import element
from appliance.errors import BadInput
from appliance.reading.report_words import word

TITLE = "Diagnostic imaging report"
ADDENDUM = "Addendum"
SECTIONS = (("Findings", "findings"), ("Impression", "impression"), ("Recommendation", "recommendation"))

_PATIENT_AND_STUDY = (
    "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "PatientAge", "PatientWeight",
    "PatientSpeciesDescription", "PatientSpeciesCodeSequence", "PatientBreedDescription", "PatientBreedCodeSequence",
    "BreedRegistrationSequence", "PatientSexNeutered", "ResponsiblePerson", "ResponsiblePersonRole",
    "ResponsibleOrganization", "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber",
    "ReferringPhysicianName", "StudyDescription",
)  # fmt: skip


# Tags of RFC 5646 with their names; a tag with a region, as en-US, is good too
LANGUAGES = {
    "en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "nl": "Dutch",
    "pt": "Portuguese", "pl": "Polish", "cs": "Czech", "hu": "Hungarian", "sv": "Swedish", "da": "Danish",
    "nb": "Norwegian", "fi": "Finnish", "ja": "Japanese", "ko": "Korean", "zh": "Chinese",
}  # fmt: skip


Status = Literal["preliminary", "final", "addendum", "corrected"]
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True)
class Predecessor:
    """The report that a later one completes, amends or corrects (PS3.3 C.17.2, Predecessor Documents)."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str


@dataclass(frozen=True)
class Report:
    """What the radiologist wrote and signed; `signed_at` is an aware time."""

    findings: str
    impression: str
    recommendation: str
    author: str
    organisation: str
    signed_at: datetime
    status: Status = "final"
    critical: bool = False
    letterhead: str = ""
    """The lines below the organisation's name on the PDF: address, telephone."""
    predecessor: Predecessor | None = None
    language: str = "en"
    """In which the text is written, a key of LANGUAGES."""

    def sections(self) -> list[tuple[str, str]]:
        """Heading (English) and text of the sections that are not empty; an addendum is one text."""
        if self.status == "addendum":
            return [(ADDENDUM, self.findings.strip())] if self.findings.strip() else []
        texts = ((heading, getattr(self, name).strip()) for heading, name in SECTIONS)
        return [(heading, body) for heading, body in texts if body]

    @property
    def title(self) -> str:
        """What stands above it; a final report needs no word for it."""
        title = word(TITLE, self.language)
        return title if self.status == "final" else f"{title} ({word(self.status, self.language)})"

    @property
    def author_name(self) -> str:
        """The author as a DICOM person name."""
        return person_name(self.author)


def valid_language(tag: str) -> str:
    """A language that a report may name; raises BadInput."""
    if tag not in LANGUAGES:
        raise BadInput(field="Language", reason="one of the list")
    return tag


def person_name(text: str) -> str:
    """'Dr Jo Far' as 'Far^Dr Jo', a single name as a family name."""
    words = [word.replace("^", " ").replace("=", " ") for word in text.split()]
    return "^".join([words[-1], " ".join(words[:-1])]) if len(words) > 1 else f"{''.join(words)}^"


def same_study(evidence: Dataset) -> Dataset:
    """A new data set with the patient and study attributes of an image; what cannot be read is left out."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    for keyword in _PATIENT_AND_STUDY:
        if (found := element(evidence, keyword)) is not None:
            ds[keyword] = found
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"):
        if keyword not in ds:
            setattr(ds, keyword, "")
    for keyword in ("StudyID", "AccessionNumber", "ReferringPhysicianName"):
        if keyword not in ds:
            setattr(ds, keyword, "")
    return ds
