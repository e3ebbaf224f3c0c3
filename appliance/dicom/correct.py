"""Corrected copies of an instance that names the wrong patient (PS3.3 C.12.1.1.9, Original Attributes)."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from datetime import datetime

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid

from appliance.dicom.breeds import breed_of
from appliance.dicom.vocabulary import SPECIES, code_items

MODIFYING_SYSTEM = "BUCKY"
CHANGEABLE: Mapping[str, str] = {
    "patient_name": "PatientName",
    "patient_id": "PatientID",
    "patient_birth_date": "PatientBirthDate",
    "patient_sex": "PatientSex",
    "patient_sex_neutered": "PatientSexNeutered",
    "patient_weight": "PatientWeight",
    "patient_species_description": "PatientSpeciesDescription",
    "patient_breed_description": "PatientBreedDescription",
    "responsible_person": "ResponsiblePerson",
    "responsible_person_role": "ResponsiblePersonRole",
    "accession_number": "AccessionNumber",
}
"""What a correction may change, by the name of the index's column."""
_FOLLOW = ("PatientSpeciesCodeSequence", "PatientBreedCodeSequence", "PatientAge", "OtherPatientIDsSequence")
"""What belongs to the former patient too."""
_ALWAYS_THERE = frozenset({"PatientName", "PatientID", "PatientBirthDate", "PatientSex", "AccessionNumber"})
"""Type 2 (PS3.3 C.7.1.1, C.7.2.1): empty rather than absent."""


class Correction:
    """Makes copies for another patient; one object for all the pictures that move together."""

    def __init__(self, patient: Mapping[str, str | None], sop_instance_uids: Iterable[str], *, at: datetime) -> None:
        self._patient = {CHANGEABLE[name]: value or "" for name, value in patient.items() if name in CHANGEABLE}
        self._at = at
        self._uids = {uid: str(generate_uid()) for uid in sop_instance_uids}

    def copy(self, ds: Dataset) -> Dataset:
        """The data set under new UIDs and the right patient; what it said before stands in it too. Changes `ds`."""
        ds.decode()
        former = Dataset()
        for keyword in (*self._patient, *_FOLLOW):
            if keyword in ds:
                former[keyword] = deepcopy(ds[keyword])
        self._write_patient(ds)
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
            ds[keyword].value = self._new_uid(str(ds[keyword].value))
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        self._renumber(ds)
        self._note(ds, former)
        return ds

    def _write_patient(self, ds: Dataset) -> None:
        for keyword in _FOLLOW:
            if keyword in ds:
                del ds[keyword]
        for keyword, value in self._patient.items():
            if value or keyword in _ALWAYS_THERE:
                setattr(ds, keyword, value)
            elif keyword in ds:
                del ds[keyword]
        species = self._patient.get("PatientSpeciesDescription", "")
        if species in SPECIES:
            ds.PatientSpeciesCodeSequence = code_items(SPECIES[species])
        if breed := breed_of(self._patient.get("PatientBreedDescription", "")):
            ds.PatientBreedCodeSequence = code_items(breed)
        if not all(value.isascii() for value in self._patient.values()):
            ds.SpecificCharacterSet = "ISO_IR 192"

    def _new_uid(self, uid: str) -> str:
        return self._uids.setdefault(uid, str(generate_uid()))

    def _renumber(self, ds: Dataset) -> None:
        """References to pictures that moved along point to their copies."""
        for element in ds.iterall():
            if element.VR == "UI" and isinstance(element.value, str) and element.value in self._uids:
                element.value = self._uids[element.value]

    def _note(self, ds: Dataset, former: Dataset) -> None:
        item = Dataset()
        item.SourceOfPreviousValues = ""
        item.AttributeModificationDateTime = self._at.strftime("%Y%m%d%H%M%S.%f%z")
        item.ModifyingSystem = MODIFYING_SYSTEM
        item.ReasonForTheAttributeModification = "CORRECT"
        item.ModifiedAttributesSequence = Sequence([former])
        ds.OriginalAttributesSequence = Sequence([*ds.get("OriginalAttributesSequence", []), item])
