"""Phantom exams as Digital X-Ray objects (PS3.3 A.26), with the veterinary attributes."""

from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    generate_uid,
)

from appliance import __version__
from appliance.phantom.radiographs import PIXEL_CM, radiograph

FULL_ROWS, FULL_COLUMNS = 3000, 2500


@dataclass(frozen=True)
class PhantomPatient:
    """Who lies on the table; names as DICOM person names."""

    name: str = "Rex^"
    id: str = "K9-0042"
    species: str = "Canine"
    breed: str = "Labrador retriever dog"
    owner: str = "Miller^Anna"
    sex: str = "M"
    neutered: str = "ALTERED"
    age: str = "007Y"
    birth_date: str = "20190412"
    weight: str = "31.5"


PERSON = PhantomPatient("Jordan^Sam", "C-1007", "", "", "", "F", "", "043Y", "19830203", "68")


@dataclass(frozen=True)
class View:
    """One exposure of a protocol."""

    picture: str
    position: str
    orientation: tuple[str, str]
    code: tuple[str, str, str]
    description: str
    laterality: str


PROTOCOLS: dict[str, tuple[str, str, tuple[str, str, str], tuple[View, ...]]] = {
    "canine-thorax": (
        "CHEST",
        "Thorax 3 views",
        ("51185008", "SCT", "Thorax"),
        (
            View("RL", "RL", ("CR", "V"), ("399198007", "SCT", "right lateral"), "Thorax right lateral", "U"),
            View("LL", "LL", ("CR", "V"), ("399173006", "SCT", "left lateral"), "Thorax left lateral", "U"),
            View("VD", "VD", ("L", "CD"), ("399348003", "SCT", "ventro-dorsal"), "Thorax ventrodorsal", "U"),
        ),
    ),
    "cervical-spine": (
        "CSPINE",
        "Cervical spine lateral",
        ("122494005", "SCT", "Cervical spine"),
        (View("CERVICAL", "LL", ("A", "F"), ("399173006", "SCT", "left lateral"), "Cervical spine lateral", "U"),),
    ),
}


def phantom_study(
    kind: str = "canine-thorax",
    *,
    scale: float = 1.0,
    patient: PhantomPatient | None = None,
    when: datetime | None = None,
    seed: int = 1,
) -> list[Dataset]:
    """The exam's instances with fresh UIDs; `scale` 1.0 is 3000 x 2500; each view is a series."""
    body_part, description, region, views = PROTOCOLS[kind]
    moment = when or datetime.now().astimezone()
    study = _study(patient or (PERSON if kind == "cervical-spine" else PhantomPatient()), description, moment)
    datasets = []
    for number, view in enumerate(views, start=1):
        ds = deepcopy(study)
        _add_image(ds, view, number, body_part, region, moment)
        _add_pixels(
            ds,
            radiograph(
                view.picture, rows=_scaled(FULL_ROWS, scale), columns=_scaled(FULL_COLUMNS, scale), seed=seed + number
            ),
            scale,
        )
        datasets.append(_with_meta(ds))
    return datasets


def _scaled(size: int, scale: float) -> int:
    return max(16, round(size * scale) // 2 * 2)


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    ds = Dataset()
    ds.CodeValue, ds.CodingSchemeDesignator, ds.CodeMeaning = value, scheme, meaning
    return ds


def _study(patient: PhantomPatient, description: str, moment: datetime) -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.PatientName, ds.PatientID = patient.name, patient.id
    ds.PatientBirthDate, ds.PatientSex = patient.birth_date, patient.sex
    ds.PatientAge, ds.PatientWeight = patient.age, patient.weight
    if patient.species:
        ds.PatientSpeciesDescription = patient.species
        ds.PatientSpeciesCodeSequence = Sequence([_code("448771007", "SCT", "Canis lupus subspecies familiaris")])
        ds.PatientBreedDescription = patient.breed
        ds.PatientBreedCodeSequence = Sequence([_code("58108001", "SCT", "Labrador retriever dog")])
        ds.BreedRegistrationSequence = Sequence([])
        ds.PatientSexNeutered = patient.neutered
        ds.ResponsiblePerson, ds.ResponsiblePersonRole = patient.owner, "OWNER"
        ds.ResponsibleOrganization = ""
    ds.StudyInstanceUID = generate_uid()
    ds.StudyDate, ds.StudyTime = moment.strftime("%Y%m%d"), moment.strftime("%H%M%S")
    ds.StudyID, ds.AccessionNumber, ds.ReferringPhysicianName = "1", moment.strftime("P%y%m%d%H%M%S"), ""
    ds.StudyDescription = description
    return ds


def _add_image(
    ds: Dataset, view: View, number: int, body_part: str, region: tuple[str, str, str], moment: datetime
) -> None:
    ds.SOPClassUID = DigitalXRayImageStorageForPresentation
    ds.SOPInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.Modality, ds.PresentationIntentType = "DX", "FOR PRESENTATION"
    ds.SeriesNumber, ds.InstanceNumber = number, 1
    ds.SeriesDescription = view.description
    ds.Manufacturer, ds.ManufacturerModelName = "Bucky", "Phantom X-ray unit"
    ds.DeviceSerialNumber, ds.SoftwareVersions = "1", __version__
    ds.BodyPartExamined, ds.ViewPosition = body_part, view.position
    ds.ImageLaterality = view.laterality
    ds.AnatomicRegionSequence = Sequence([_code(*region)])
    ds.ViewCodeSequence = Sequence([_code(*view.code)])
    ds.ViewCodeSequence[0].ViewModifierCodeSequence = Sequence([])
    ds.PatientOrientation = list(view.orientation)
    ds.AcquisitionDate = ds.ContentDate = moment.strftime("%Y%m%d")
    ds.AcquisitionTime = ds.ContentTime = moment.strftime("%H%M%S")
    ds.ImageType = ["ORIGINAL", "PRIMARY", ""]
    ds.AcquisitionContextSequence = Sequence([])
    ds.KVP, ds.ExposureTime, ds.XRayTubeCurrent = "70", "10", "300"
    ds.DetectorType, ds.DetectorConfiguration = "SCINTILLATOR", "AREA"
    ds.DetectorID, ds.FieldOfViewShape = "1", "RECTANGLE"
    ds.ImagerPixelSpacing = [PIXEL_CM * 10, PIXEL_CM * 10]


def _add_pixels(ds: Dataset, pixels: "np.ndarray[tuple[int, int], np.dtype[np.uint16]]", scale: float) -> None:
    ds.Rows, ds.Columns = pixels.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelIntensityRelationship, ds.PixelIntensityRelationshipSign = "LOG", -1
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "0", "1", "US"
    ds.PresentationLUTShape, ds.LossyImageCompression, ds.BurnedInAnnotation = "IDENTITY", "00", "NO"
    ds.WindowCenter, ds.WindowWidth = "1950", "3500"
    spacing = f"{PIXEL_CM * 10 / max(scale, 1e-6):.6g}"
    ds.ImagerPixelSpacing = [spacing, spacing]
    ds.PixelData = pixels.astype("<u2").tobytes()
    ds["PixelData"].VR = "OW"


def _with_meta(ds: Dataset) -> Dataset:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


def ct_slices(count: int) -> list[Dataset]:
    """CT slices of 512 x 512 (0.5 MB each) in one series, for benchmarks."""
    moment = datetime.now().astimezone()
    study = _study(PhantomPatient(), "Phantom CT", moment)
    series, frame = generate_uid(), generate_uid()
    y, x = np.mgrid[-1:1:512j, -1:1:512j]
    body = np.where(x**2 + y**2 < 0.7, 1040, 0) + np.where((x - 0.2) ** 2 + y**2 < 0.02, 700, 0)
    random = np.random.default_rng(3)
    slices = []
    for number in range(1, count + 1):
        ds = deepcopy(study)
        ds.SOPClassUID, ds.SOPInstanceUID, ds.SeriesInstanceUID = CTImageStorage, generate_uid(), series
        ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = frame, ""
        ds.Modality, ds.SeriesNumber, ds.InstanceNumber, ds.Manufacturer = "CT", 1, number, "Bucky"
        ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        ds.PixelSpacing, ds.SliceThickness = [0.7, 0.7], "1"
        ds.ImagePositionPatient, ds.ImageOrientationPatient = [0, 0, number], [1, 0, 0, 0, 1, 0]
        pixels = np.clip(body + random.normal(0, 12, body.shape), 0, 4095).astype(np.uint16)
        _add_pixels(ds, pixels, 1.0)
        ds.RescaleIntercept = "-1024"
        slices.append(_with_meta(ds))
    return slices
