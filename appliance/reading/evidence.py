"""What new objects need of the images that they are about."""

import warnings
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from appliance.dicom.record import element
from appliance.reading.report import same_study

_IMAGE = (
    "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "NumberOfFrames", "RescaleSlope", "RescaleIntercept", "RescaleType", "ModalityLUTSequence",
)  # fmt: skip


def read_header(path: Path) -> Dataset:
    """A stored file without its pixels; what is wrong in it is not complained about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dcmread(path, stop_before_pixels=True)


def complete(header: Dataset) -> Dataset:
    """An image header with everything that a reference to it needs; the rest may be missing in poor headers."""
    ds = same_study(header)
    ds.SOPClassUID = header.get("SOPClassUID") or header.file_meta.MediaStorageSOPClassUID
    ds.SOPInstanceUID = header.get("SOPInstanceUID") or header.file_meta.MediaStorageSOPInstanceUID
    ds.SeriesInstanceUID = header.get("SeriesInstanceUID") or generate_uid()
    for keyword in _IMAGE:
        if (found := element(header, keyword)) is not None:
            ds[keyword] = found
    return ds
