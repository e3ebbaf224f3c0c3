"""A radiologist's report as text, before it becomes DICOM objects."""

from dataclasses import dataclass
from datetime import datetime

from pydicom.dataset import Dataset
from pydicom.valuerep import PersonName

TITLE = "Diagnostic imaging report"
SECTIONS = (("Findings", "findings"), ("Impression", "impression"), ("Recommendation", "recommendation"))

_PATIENT_AND_STUDY = (
    "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "PatientAge", "PatientWeight",
    "PatientSpeciesDescription", "PatientSpeciesCodeSequence", "PatientBreedDescription", "PatientBreedCodeSequence",
    "BreedRegistrationSequence", "PatientSexNeutered", "ResponsiblePerson", "ResponsiblePersonRole",
    "ResponsibleOrganization", "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber",
    "ReferringPhysicianName", "StudyDescription",
)  # fmt: skip


@dataclass(frozen=True)
class Report:
    """What the radiologist wrote and signed; `signed_at` is an aware time."""

    findings: str
    impression: str
    recommendation: str
    author: str
    organisation: str
    signed_at: datetime

    def sections(self) -> list[tuple[str, str]]:
        """Heading and text of the sections that are not empty."""
        texts = ((heading, getattr(self, name).strip()) for heading, name in SECTIONS)
        return [(heading, body) for heading, body in texts if body]

    @property
    def author_name(self) -> str:
        """The author as a DICOM person name."""
        words = [word.replace("^", " ").replace("=", " ") for word in self.author.split()]
        return "^".join([words[-1], " ".join(words[:-1])]) if len(words) > 1 else "".join(words)


def same_study(evidence: Dataset) -> Dataset:
    """A new data set with the patient and study attributes of an image; what cannot be read is left out."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    for keyword in _PATIENT_AND_STUDY:
        try:
            element = evidence[keyword]
            value = element.value
        except Exception:  # noqa: S112 - absent, or unreadable and then as good as absent
            continue
        if isinstance(value, PersonName):
            value = str(value)
        setattr(ds, keyword, value)
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"):
        if keyword not in ds:
            setattr(ds, keyword, "")
    for keyword in ("StudyID", "AccessionNumber", "ReferringPhysicianName"):
        if keyword not in ds:
            setattr(ds, keyword, "")
    return ds
