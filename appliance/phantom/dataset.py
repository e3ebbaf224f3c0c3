"""Phantom exams as Digital X-Ray Image Storage - For Presentation (PS3.3 A.26), with the veterinary attributes."""

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

from appliance import __version__
from appliance.dicom.vocabulary import code_item
from appliance.phantom.patient import PhantomPatient, patient_module
from appliance.phantom.protocols import PROTOCOLS, Protocol, View
from appliance.phantom.radiographs import VIEWS, radiograph

__all__ = ["PhantomPatient", "phantom_study"]

DEFAULT_SEED = 1
_TUBE_MA = 320


def phantom_study(
    kind: str = "canine-thorax",
    *,
    scale: float = 1.0,
    patient: PhantomPatient | None = None,
    when: datetime | None = None,
    seed: int | None = None,
) -> list[Dataset]:
    """The instances of an exam, one of PROTOCOLS; each view is a series of its own, as in most veterinary exams.

    `scale` 1.0 gives 7.5 megapixels. Without a `seed` the UIDs are fresh; with one, UIDs and pixels are reproducible.
    """
    protocol = PROTOCOLS[kind]
    moment = when or datetime.now().astimezone()
    next_uid = new_uids(kind, seed)
    study = study_module(patient or protocol.patient, protocol.description, moment, next_uid())
    instances = []
    for number, view in enumerate(protocol.views, start=1):
        ds = deepcopy(study)  # Dataset.update would share the elements between the instances
        pixels = radiograph(view.picture, scale=scale, seed=DEFAULT_SEED if seed is None else seed)
        _add_series_and_image(ds, protocol, view, number, moment, next_uid)
        _add_exposure(ds, view)
        _add_positioning(ds, protocol, view)
        _add_detector(ds, view, pixels)
        _add_pixels(ds, pixels)
        instances.append(with_file_meta(ds))
    return instances


def new_uids(kind: str, seed: int | None) -> Callable[[], UID]:
    """A maker of UIDs: fresh ones, or those that follow from a seed."""
    made = 0

    def next_uid() -> UID:
        nonlocal made
        made += 1
        return generate_uid(entropy_srcs=None if seed is None else ["bucky-phantom", kind, str(seed), str(made)])

    return next_uid


def study_module(patient: PhantomPatient, description: str, moment: datetime, study_instance_uid: UID) -> Dataset:
    """Patient and study attributes, the same in each instance."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.update(patient_module(patient))
    ds.StudyInstanceUID, ds.StudyDescription = study_instance_uid, description
    ds.StudyDate, ds.StudyTime = moment.strftime("%Y%m%d"), moment.strftime("%H%M%S")
    ds.StudyID, ds.AccessionNumber, ds.ReferringPhysicianName = "1", moment.strftime("P%y%m%d%H%M%S"), ""
    return ds


def _add_series_and_image(
    ds: Dataset, protocol: Protocol, view: View, number: int, moment: datetime, next_uid: Callable[[], UID]
) -> None:
    """General Series, DX Series, Equipment, General Image, DX Image, SOP Common."""
    ds.SOPClassUID = DigitalXRayImageStorageForPresentation
    ds.SeriesInstanceUID, ds.SOPInstanceUID = next_uid(), next_uid()
    ds.Modality, ds.PresentationIntentType = "DX", "FOR PRESENTATION"
    ds.SeriesNumber, ds.InstanceNumber = number, 1
    ds.SeriesDescription = ds.ProtocolName = view.description
    ds.OperatorsName, ds.InstitutionName = "", ""
    if "PatientSpeciesDescription" in ds:
        ds.AnatomicalOrientationType = "QUADRUPED"
    ds.Manufacturer, ds.ManufacturerModelName = "Bucky", "Phantom X-ray unit"
    ds.DeviceSerialNumber, ds.SoftwareVersions, ds.StationName = "PHANTOM-1", __version__, "PHANTOM-DX"
    ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = moment.strftime("%Y%m%d")
    ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = moment.strftime("%H%M%S")
    ds.ImageType, ds.AcquisitionNumber = ["ORIGINAL", "PRIMARY", ""], number
    ds.BurnedInAnnotation, ds.LossyImageCompression = "NO", "00"
    ds.AcquisitionContextSequence = Sequence([])
    ds.BodyPartExamined = protocol.body_part


def _add_exposure(ds: Dataset, view: View) -> None:
    """X-Ray Generation, Grid, Filtration and Acquisition Dose."""
    ds.KVP, ds.XRayTubeCurrent = view.kvp, _TUBE_MA
    ds.ExposureTime = round(1000 * view.exposure_mas / _TUBE_MA)
    ds.Exposure, ds.ExposureInuAs = view.exposure_mas, 1000 * view.exposure_mas
    ds.FocalSpots, ds.AnodeTargetMaterial, ds.RectificationType = "1.2", "TUNGSTEN", "CONST POTENTIAL"
    ds.Grid, ds.FilterType = ["RECIPROCATING", "PARALLEL"], "NONE"
    ds.DistanceSourceToDetector, ds.BodyPartThickness = "1100", view.thickness_mm


def _add_positioning(ds: Dataset, protocol: Protocol, view: View) -> None:
    """DX Anatomy Imaged, DX Positioning, X-Ray Collimator."""
    ds.AnatomicRegionSequence = Sequence([code_item(protocol.region)])
    ds.ImageLaterality = "U"
    ds.ViewPosition, ds.PatientOrientation = view.position, list(view.orientation)
    ds.ViewCodeSequence = Sequence([code_item(view.code)])
    ds.ViewCodeSequence[0].ViewModifierCodeSequence = Sequence([])
    posture = code_item(view.posture[0])
    if view.posture[1:]:
        posture.PatientOrientationModifierCodeSequence = Sequence([code_item(code) for code in view.posture[1:]])
    ds.PatientOrientationCodeSequence = Sequence([posture])
    ds.PositionerType = "NONE"


def _add_detector(ds: Dataset, view: View, pixels: NDArray[np.uint16]) -> None:
    """DX Detector and X-Ray Collimator; spacing is that of the detector's plane, so no Pixel Spacing is given."""
    taken = VIEWS[view.picture]
    ds.DetectorType, ds.DetectorConfiguration, ds.DetectorID = "SCINTILLATOR", "AREA", "DETECTOR-1"
    ds.DetectorDescription, ds.DetectorConditionsNominalFlag = "CsI on a-Si", "YES"
    width_mm, height_mm = (10.0 * size for size in taken.size_cm)
    spacing = [f"{height_mm / pixels.shape[0]:.6g}", f"{width_mm / pixels.shape[1]:.6g}"]
    ds.ImagerPixelSpacing = ds.DetectorElementSpacing = ds.DetectorElementPhysicalSize = spacing
    ds.FieldOfViewShape, ds.FieldOfViewDimensions = "RECTANGLE", [round(height_mm), round(width_mm)]
    ds.FieldOfViewOrigin, ds.FieldOfViewRotation, ds.FieldOfViewHorizontalFlip = ["0", "0"], "0", "NO"
    top, right, bottom, left = (border * 10.0 for border in taken.border_cm)
    rows, columns = float(spacing[0]), float(spacing[1])
    ds.CollimatorShape = "RECTANGULAR"
    ds.CollimatorUpperHorizontalEdge, ds.CollimatorLowerHorizontalEdge = (
        round(top / rows),
        round((height_mm - bottom) / rows),
    )
    ds.CollimatorLeftVerticalEdge, ds.CollimatorRightVerticalEdge = (
        round(left / columns),
        round((width_mm - right) / columns),
    )


def _add_pixels(ds: Dataset, pixels: NDArray[np.uint16]) -> None:
    """Image Pixel, the intensity relationship and the way to the display: bones bright, the whole range shown."""
    add_image_pixels(ds, pixels)
    ds.PixelIntensityRelationship, ds.PixelIntensityRelationshipSign = "LOG", -1
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "0", "1", "US"
    ds.PresentationLUTShape = "IDENTITY"
    ds.WindowCenter, ds.WindowWidth, ds.WindowCenterWidthExplanation = "2048", "4096", "NORMAL"
    ds.VOILUTFunction = "LINEAR"


def add_image_pixels(ds: Dataset, pixels: NDArray[np.uint16]) -> None:
    """Image Pixel module: 12 bits stored in 16, unsigned, MONOCHROME2."""
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = pixels.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelData = pixels.astype("<u2").tobytes()
    ds["PixelData"].VR = "OW"


def with_file_meta(ds: Dataset) -> Dataset:
    """Give an instance its file meta information, Explicit VR Little Endian."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds
