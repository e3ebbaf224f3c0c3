"""CT slices for measurements of throughput: CT Image Storage, 512 x 512, 0.5 MB each."""

from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from appliance.phantom.dataset import add_image_pixels, new_uids, study_module, with_file_meta
from appliance.phantom.patient import DOG, PhantomPatient

_SIZE, _SPACING_MM, _WATER_VALUE = 512, 0.6, 1024


def ct_slice(
    index: int, *, seed: int = 1, patient: PhantomPatient | None = None, when: datetime | None = None
) -> Dataset:
    """Slice `index` (from 1) of a phantom series; slices of one `seed` share study, series and frame of reference."""
    moment = when or datetime(2026, 1, 15, 9, 30)  # noqa: DTZ001 - DICOM times are local; fixed, so that slices agree
    study_uids, own_uids = new_uids("ct", seed), new_uids(f"ct-{index}", seed)
    ds = study_module(patient or DOG, "Thorax CT", moment, study_uids())
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, own_uids()
    ds.SeriesInstanceUID, ds.FrameOfReferenceUID = study_uids(), study_uids()
    ds.Modality, ds.SeriesNumber, ds.InstanceNumber, ds.PositionReferenceIndicator = "CT", 1, index, ""
    if "PatientSpeciesDescription" in ds:
        ds.AnatomicalOrientationType = "QUADRUPED"
    ds.Manufacturer, ds.BodyPartExamined, ds.AcquisitionNumber = "Bucky", "CHEST", 1
    ds.ImageType, ds.KVP = ["ORIGINAL", "PRIMARY", "AXIAL"], "120"
    ds.AcquisitionDate = ds.ContentDate = ds.SeriesDate = moment.strftime("%Y%m%d")
    ds.AcquisitionTime = ds.ContentTime = ds.SeriesTime = moment.strftime("%H%M%S")
    ds.PixelSpacing, ds.SliceThickness = [_SPACING_MM, _SPACING_MM], "1"
    half = round(_SPACING_MM * (_SIZE - 1) / 2, 3)
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [-half, -half, float(index)], [1, 0, 0, 0, 1, 0]
    ds.PatientPosition = "HFP"
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = str(-_WATER_VALUE), "1", "HU"
    ds.WindowCenter, ds.WindowWidth = ["40", "-500"], ["400", "1500"]
    add_image_pixels(ds, _section(index, seed))
    return with_file_meta(ds)


def _section(index: int, seed: int) -> NDArray[np.uint16]:
    """A trunk with lungs, heart and spine, whose size changes from slice to slice; values are HU + 1024."""
    y, x = np.mgrid[-1 : 1 : _SIZE * 1j, -1 : 1 : _SIZE * 1j].astype(np.float32)
    swell = np.float32(1.0 + 0.15 * np.sin(index / 9.0))
    values = np.zeros((_SIZE, _SIZE), dtype=np.float32)
    for cx, cy, rx, ry, value in (
        (0.0, 0.0, 0.74, 0.86, 940),
        (0.0, 0.0, 0.70, 0.82, 1075),
        (-0.34, 0.05, 0.28 * swell, 0.55, 190),
        (0.34, 0.05, 0.28 * swell, 0.55, 200),
        (0.08, 0.25, 0.27, 0.30 * swell, 1070),
        (0.0, -0.62, 0.10, 0.10, 1500),
        (0.0, -0.62, 0.04, 0.05, 1060),
    ):
        values[((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1.0] = value
    noise = np.random.default_rng((seed, index)).standard_normal(values.shape, dtype=np.float32)
    return np.clip(values + 14.0 * noise, 0, 4095).astype(np.uint16)


def ct_slices(count: int, *, seed: int = 1) -> list[Dataset]:
    """The first `count` slices of a series."""
    return [ct_slice(index, seed=seed) for index in range(1, count + 1)]
