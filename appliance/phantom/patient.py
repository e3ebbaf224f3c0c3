"""Who lies on the phantom's table, and the codes of species and breed."""

from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

Code = tuple[str, str, str]

# PS3.16 CID 7454 (animal taxonomic rank) and CID 7480 (breed); a species or breed not listed goes without a code.
SPECIES: dict[str, Code] = {
    "Canine": ("448771007", "SCT", "Canis lupus subspecies familiaris"),
    "Feline": ("448169003", "SCT", "Felis catus"),
    "Equine": ("35354009", "SCT", "Equus caballus"),
}
BREEDS: dict[str, Code] = {
    "Labrador retriever dog": ("62137007", "SCT", "Labrador retriever dog breed"),
    "Golden retriever dog": ("58108001", "SCT", "Golden retriever dog breed"),
    "German shepherd dog": ("42252000", "SCT", "German shepherd dog"),
    "Boxer dog": ("42250008", "SCT", "Boxer dog"),
}


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


def code_item(code: Code) -> Dataset:
    """An item of a code sequence (PS3.3 8.8)."""
    ds = Dataset()
    ds.CodeValue, ds.CodingSchemeDesignator, ds.CodeMeaning = code
    return ds


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
    ds.PatientSpeciesCodeSequence = Sequence(
        [code_item(SPECIES[patient.species])] if patient.species in SPECIES else []
    )
    ds.PatientBreedDescription = patient.breed
    ds.PatientBreedCodeSequence = Sequence([code_item(BREEDS[patient.breed])] if patient.breed in BREEDS else [])
    ds.BreedRegistrationSequence = Sequence([])
    ds.PatientSexNeutered = patient.neutered
    ds.ResponsiblePerson = patient.owner
    if patient.owner:
        ds.ResponsiblePersonRole = "OWNER"
    ds.ResponsibleOrganization = patient.organization
    return ds
