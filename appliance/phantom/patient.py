"""Who lies on the phantom's table."""

from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from appliance.dicom.breeds import breed_of
from appliance.dicom.vocabulary import SPECIES, code_items


@dataclass(frozen=True)
class PhantomPatient:
    """A patient; names as DICOM person names. An empty `species` means a person, without the veterinary attributes."""

    name: str = "Rex^^^^"
    id: str = "K9-0042"
    species: str = "Canine"
    breed: str = "Labrador retriever dog"
    owner: str = "Miller^Anna"
    organization: str = ""
    sex: str = "M"
    neutered: str = "ALTERED"
    age: str = "007Y"
    birth_date: str = "20190412"
    weight: str = "31.5"


DOG = PhantomPatient()
PERSON = PhantomPatient(
    name="Jordan^Sam",
    id="C-1007",
    species="",
    breed="",
    owner="",
    sex="F",
    neutered="",
    age="043Y",
    birth_date="19830203",
    weight="68",
)


def patient_module(patient: PhantomPatient) -> Dataset:
    """Patient and Patient Study modules (PS3.3 C.7.1.1, C.7.2.2)."""
    ds = Dataset()
    ds.PatientName, ds.PatientID = patient.name, patient.id
    ds.PatientBirthDate, ds.PatientSex = patient.birth_date, patient.sex
    ds.PatientAge, ds.PatientWeight = patient.age, patient.weight
    if patient.species:
        ds.update(_veterinary(patient))
    return ds


def _veterinary(patient: PhantomPatient) -> Dataset:
    ds = Dataset()
    ds.PatientSpeciesDescription = patient.species
    ds.PatientSpeciesCodeSequence = code_items(SPECIES.get(patient.species))
    ds.PatientBreedDescription = patient.breed
    ds.PatientBreedCodeSequence = code_items(breed_of(patient.breed))
    ds.BreedRegistrationSequence = Sequence([])
    ds.PatientSexNeutered = patient.neutered
    ds.ResponsiblePerson = patient.owner
    if patient.owner:
        ds.ResponsiblePersonRole = "OWNER"
    ds.ResponsibleOrganization = patient.organization
    return ds
