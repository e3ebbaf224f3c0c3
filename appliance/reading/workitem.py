"""A reading request as a UPS workitem (PS3.3 C.30, PS3.4 CC.2.5) in DICOM JSON, and read back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence

from appliance.archive.catalogue import Instance, Study
from appliance.clock import now
from appliance.dicom.breeds import breed_of
from appliance.dicom.record import text
from appliance.dicom.vocabulary import SPECIES, code_items
from appliance.reading.story import LABELS, Story, Urgency

UPS_PUSH_SOP_CLASS = "1.2.840.10008.5.1.4.34.6.1"
PRIORITY_OF: dict[Urgency, str] = {"STAT": "HIGH", "urgent": "MEDIUM", "routine": "LOW"}  # PS3.3 C.30.2
URGENCY_OF: dict[str, Urgency] = {priority: urgency for urgency, priority in PRIORITY_OF.items()}
OUR_CODES = "99BUCKY"
"""The scheme of concept names that no standard has; the code value is the name of the field."""
_STARTED = ("111526", "DCM", "DateTime Started")


@dataclass(frozen=True)
class Request:
    """What goes into a workitem beside the pictures."""

    urgency: Urgency
    story: Story
    clinic: str
    asked_by: str
    wanted_by: datetime | None


def workitem(study: Study, instances: Sequence[Instance], request: Request) -> dict[str, Any]:
    """The workitem that asks for an interpretation of a study, as DICOM JSON (PS3.18 F)."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = UPS_PUSH_SOP_CLASS
    ds.ProcedureStepState = "SCHEDULED"
    ds.ScheduledProcedureStepPriority = PRIORITY_OF[request.urgency]
    ds.ProcedureStepLabel = "Interpretation"
    ds.WorklistLabel = "Reading"
    ds.ScheduledWorkitemCodeSequence = DicomSequence([code("110005", "DCM", "Interpretation")])
    ds.ScheduledProcedureStepStartDateTime = dicom_time(now())
    ds.ScheduledProcedureStepModificationDateTime = ds.ScheduledProcedureStepStartDateTime
    if request.wanted_by:
        ds.ExpectedCompletionDateTime = dicom_time(request.wanted_by)
    ds.InputReadinessState = "READY"
    ds.StudyInstanceUID = study.study_instance_uid
    _add_patient(ds, study, request.story)
    _add_question(ds, study, request)
    ds.InputInformationSequence = DicomSequence(inputs(study.study_instance_uid, instances))
    return dict(ds.to_json_dict())


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """An item of a code sequence (PS3.3 8.8)."""
    ds = Dataset()
    ds.CodeValue, ds.CodingSchemeDesignator, ds.CodeMeaning = value, scheme, meaning
    return ds


def dicom_time(moment: datetime) -> str:
    """A DT value in UTC."""
    return moment.astimezone(UTC).strftime("%Y%m%d%H%M%S+0000")


def read_time(value: str | None) -> datetime | None:
    """The moment of a DT value with its offset; None if there is none or it cannot be read."""
    for form in ("%Y%m%d%H%M%S%z", "%Y%m%d%H%M%S.%f%z"):
        try:
            return datetime.strptime(value or "", form).astimezone(UTC)
        except ValueError:
            continue
    return None


def clock_start(started: datetime) -> Dataset:
    """When the reading clock started, as a parameter of a workitem's progress (PS3.3 C.30.1)."""
    ds = Dataset()
    ds.ValueType = "DATETIME"
    ds.ConceptNameCodeSequence = DicomSequence([code(*_STARTED)])
    ds.DateTime = dicom_time(started)
    return ds


def clock_started(progress: Dataset) -> datetime | None:
    """What `clock_start` wrote into an item of the progress; None if the clock does not run."""
    for item in progress.get("ProcedureStepProgressParametersSequence") or []:
        names = item.get("ConceptNameCodeSequence") or [Dataset()]
        if (text(names[0], "CodeValue"), text(names[0], "CodingSchemeDesignator")) == _STARTED[:2]:
            return read_time(text(item, "DateTime"))
    return None


def _add_patient(ds: Dataset, study: Study, story: Story) -> None:
    ds.PatientName = study.patient_name or ""
    ds.PatientID = study.patient_id or ""
    ds.PatientBirthDate = study.patient_birth_date or ""
    ds.PatientSex = study.patient_sex or ""
    ds.PatientAge = study.patient_age or ""
    ds.PatientSpeciesDescription = story.species
    ds.PatientSpeciesCodeSequence = code_items(SPECIES.get(story.species))
    ds.PatientBreedDescription = story.breed
    ds.PatientBreedCodeSequence = code_items(breed_of(story.breed))
    ds.PatientSexNeutered = {"yes": "ALTERED", "no": "UNALTERED"}.get(story.neutered, "")
    ds.ResponsiblePerson = study.responsible_person or ""
    ds.AdditionalPatientHistory = story.history
    ds.AdmissionID = ""


def _add_question(ds: Dataset, study: Study, request: Request) -> None:
    """The request itself (PS3.3 C.30.3), and the whole story as processing parameters (PS3.3 C.30.2)."""
    story, asked = request.story, Dataset()
    asked.StudyInstanceUID = study.study_instance_uid
    asked.AccessionNumber = study.accession_number or ""
    asked.RequestedProcedureID = study.study_id or ""
    asked.RequestedProcedureDescription = f"Interpretation {story.region}".strip()[:64]
    asked.ReasonForTheRequestedProcedure = story.question[:64]
    asked.RequestingService = request.clinic[:64]
    asked.RequestingPhysician = request.asked_by
    ds.ReferencedRequestSequence = DicomSequence([asked])
    ds.CommentsOnTheScheduledProcedureStep = "\n".join(filter(None, (story.stat_reason, story.callback)))[:1024]
    labelled = [(name, getattr(story, name)) for name in LABELS]
    ds.ScheduledProcessingParametersSequence = DicomSequence(text_item(n, v) for n, v in labelled if v)


def text_item(name: str, value: str) -> Dataset:
    """A content item (PS3.3 10.2): one field of the story."""
    ds = Dataset()
    ds.ValueType = "TEXT"
    ds.ConceptNameCodeSequence = DicomSequence([code(name, OUR_CODES, LABELS[name])])
    ds.TextValue = value
    return ds


def inputs(study_instance_uid: str, instances: Sequence[Instance]) -> list[Dataset]:
    """One item a series, each naming its instances (PS3.3 10.41 Referenced Instances and Access)."""
    items = []
    by_series = sorted((i for i in instances if i.is_original), key=lambda i: i.series_instance_uid)
    for series_instance_uid, members in groupby(by_series, key=lambda i: i.series_instance_uid):
        item = Dataset()
        item.TypeOfInstances = "DICOM"
        item.StudyInstanceUID = study_instance_uid
        item.SeriesInstanceUID = series_instance_uid
        item.ReferencedSOPSequence = DicomSequence(_reference(member) for member in members)
        items.append(item)
    return items


def _reference(instance: Instance) -> Dataset:
    ds = Dataset()
    ds.ReferencedSOPClassUID = instance.sop_class_uid
    ds.ReferencedSOPInstanceUID = instance.sop_instance_uid
    return ds


def story_of(document: Mapping[str, Any]) -> Story:
    """The story in a workitem; of one that is not ours what its standard attributes tell."""
    ds = Dataset.from_json(dict(document))
    found: dict[str, str] = {}
    for item in ds.get("ScheduledProcessingParametersSequence") or []:
        names = item.get("ConceptNameCodeSequence") or []
        if names and text(names[0], "CodeValue") in LABELS:
            found[str(names[0].CodeValue)] = long_text(item, "TextValue")
    if not found:
        asked = (ds.get("ReferencedRequestSequence") or [Dataset()])[0]
        found = {
            "question": text(asked, "ReasonForTheRequestedProcedure") or "",
            "history": long_text(ds, "AdditionalPatientHistory"),
            "stat_reason": long_text(ds, "CommentsOnTheScheduledProcedureStep"),
        }
    return Story(**found)


def long_text(ds: Dataset, keyword: str) -> str:
    """A text with its lines, without control characters; unreadable counts as empty."""
    try:
        value = str(ds.get(keyword) or "")
    except Exception:  # pydicom raises many kinds for bad values
        return ""
    return "".join(c for c in value.replace("\r\n", "\n") if c.isprintable() or c == "\n").strip()


def expected_uids(document: Mapping[str, Any]) -> list[str]:
    """SOP Instance UIDs of the pictures that a workitem names."""
    ds = Dataset.from_json(dict(document))
    return [
        str(reference.get("ReferencedSOPInstanceUID"))
        for item in ds.get("InputInformationSequence") or []
        for reference in item.get("ReferencedSOPSequence") or []
    ]
