"""A reading request as a UPS workitem (PS3.3 C.30, PS3.4 CC.2.5) in DICOM JSON."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence

from appliance.archive.catalogue import Instance, Study
from appliance.clock import now

UPS_PRIORITIES = {0: "HIGH", 1: "MEDIUM", 2: "LOW"}  # STAT, urgent, routine (PS3.3 C.30.2)
UPS_PUSH_SOP_CLASS = "1.2.840.10008.5.1.4.34.6.1"


def workitem(study: Study, instances: Sequence[Instance], priority: int) -> dict[str, Any]:
    """The workitem that asks for an interpretation of a study, as DICOM JSON (PS3.18 F)."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = UPS_PUSH_SOP_CLASS
    ds.ProcedureStepState = "SCHEDULED"
    ds.ScheduledProcedureStepPriority = UPS_PRIORITIES[priority]
    ds.ProcedureStepLabel = "Interpretation"
    ds.WorklistLabel = "Reading"
    ds.ScheduledWorkitemCodeSequence = DicomSequence([_code("110005", "DCM", "Interpretation")])
    ds.ScheduledProcedureStepStartDateTime = now().strftime("%Y%m%d%H%M%S+0000")
    ds.ScheduledProcedureStepModificationDateTime = ds.ScheduledProcedureStepStartDateTime
    ds.InputReadinessState = "READY"
    ds.StudyInstanceUID = study.study_instance_uid
    _add_patient(ds, study)
    ds.InputInformationSequence = DicomSequence(_inputs(study, instances))
    return dict(ds.to_json_dict())


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    ds = Dataset()
    ds.CodeValue, ds.CodingSchemeDesignator, ds.CodeMeaning = value, scheme, meaning
    return ds


def _add_patient(ds: Dataset, study: Study) -> None:
    ds.PatientName = study.patient_name or ""
    ds.PatientID = study.patient_id or ""
    ds.PatientBirthDate = ""
    ds.PatientSex = study.patient_sex or ""
    ds.PatientSpeciesDescription = study.patient_species_description or ""
    ds.PatientBreedDescription = study.patient_breed_description or ""
    ds.ResponsiblePerson = study.responsible_person or ""
    ds.AccessionNumber = study.accession_number or ""
    ds.AdmissionID = ""


def _inputs(study: Study, instances: Sequence[Instance]) -> list[Dataset]:
    """One item a series, each naming its instances (PS3.3 10.41 Referenced Instances and Access)."""
    items = []
    by_series = sorted((i for i in instances if i.is_original), key=lambda i: i.series_instance_uid)
    for series_instance_uid, members in groupby(by_series, key=lambda i: i.series_instance_uid):
        item = Dataset()
        item.TypeOfInstances = "DICOM"
        item.StudyInstanceUID = study.study_instance_uid
        item.SeriesInstanceUID = series_instance_uid
        item.ReferencedSOPSequence = DicomSequence(_reference(member) for member in members)
        items.append(item)
    return items


def _reference(instance: Instance) -> Dataset:
    ds = Dataset()
    ds.ReferencedSOPClassUID = instance.sop_class_uid
    ds.ReferencedSOPInstanceUID = instance.sop_instance_uid
    return ds
