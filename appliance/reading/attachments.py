"""What staff attach to a case, as DICOM objects of the study: a PDF (PS3.3 A.45.1), a photograph (PS3.3 A.32.4)."""

import io

from PIL import Image, ImageOps, UnidentifiedImageError
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import (
    EncapsulatedPDFStorage,
    ExplicitVRLittleEndian,
    VLPhotographicImageStorage,
    generate_uid,
)

from appliance.clock import now
from appliance.errors import BadInput
from appliance.reading.report import same_study

MAX_BYTES = 25 * 2**20  # of one file
MAX_SIDE = 4096  # pixels; a larger photograph is scaled down
_MAX_PIXELS = 120_000_000  # a file that claims more is not opened
_NUMBER = 9020


def attachment(content: bytes, name: str, study: Dataset) -> Dataset:
    """A PDF, JPEG or PNG that belongs to the study of `study` (an image header); raises BadInput."""
    if not content or len(content) > MAX_BYTES:
        raise BadInput(field="Attachment", reason=f"a file of up to {MAX_BYTES // 2**20} MB")
    label = "".join(c for c in name if c.isprintable() and c not in "\\/")[:48] or "Attachment"
    if content.startswith(b"%PDF-"):
        return pdf_in_study(content, study, title=label, description=f"Attachment: {label}"[:64], number=_NUMBER)
    return photo_in_study(content, study, label)


def pdf_in_study(pdf: bytes, study: Dataset, *, title: str, description: str, number: int) -> Dataset:
    """A PDF wrapped in an object of the study, in a series of its own."""
    ds = _in_study(study, EncapsulatedPDFStorage, "DOC", number, description)
    ds.ConversionType = "WSD"
    ds.BurnedInAnnotation = "YES"
    ds.AcquisitionDateTime = ""
    ds.DocumentTitle = title
    ds.ConceptNameCodeSequence = DicomSequence([])
    ds.VerificationFlag = "UNVERIFIED"
    ds.MIMETypeOfEncapsulatedDocument = "application/pdf"
    ds.EncapsulatedDocumentLength = len(pdf)
    ds.EncapsulatedDocument = pdf + b"\x00" * (len(pdf) % 2)
    return ds


def photo_in_study(content: bytes, study: Dataset, label: str) -> Dataset:
    """A photograph as VL Photographic Image, upright, in colour, without what the camera noted (place, owner)."""
    pixels = _upright(content)
    ds = _in_study(study, VLPhotographicImageStorage, "XC", _NUMBER + 1, f"Photograph: {label}"[:64])
    moment = now().astimezone()
    ds.AcquisitionDateTime = moment.strftime("%Y%m%d%H%M%S")
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.AcquisitionContextSequence = DicomSequence([])
    ds.LossyImageCompression = "01" if content.startswith(b"\xff\xd8") else "00"
    if ds.LossyImageCompression == "01":
        ds.LossyImageCompressionRatio, ds.LossyImageCompressionMethod = "10", "ISO_10918_1"
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
    ds.Rows, ds.Columns = pixels.height, pixels.width
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    raw = pixels.tobytes()
    ds.PixelData = raw + b"\x00" * (len(raw) % 2)
    ds["PixelData"].VR = "OB"
    return ds


def _upright(content: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as opened:
            if opened.width * opened.height > _MAX_PIXELS:
                raise BadInput(field="Attachment", reason="this photograph is too large")
            turned = ImageOps.exif_transpose(opened).convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise BadInput(field="Attachment", reason="a PDF, or a photograph as JPEG or PNG") from None
    turned.thumbnail((MAX_SIDE, MAX_SIDE))
    return turned


def _in_study(study: Dataset, sop_class: str, modality: str, number: int, description: str) -> Dataset:
    ds = same_study(study)
    moment = now().astimezone()
    ds.SOPClassUID, ds.SOPInstanceUID, ds.SeriesInstanceUID = sop_class, generate_uid(), generate_uid()
    ds.Modality, ds.SeriesNumber, ds.SeriesDescription, ds.InstanceNumber = modality, number, description, 1
    ds.Manufacturer = "Bucky"
    ds.ContentDate, ds.ContentTime = moment.strftime("%Y%m%d"), moment.strftime("%H%M%S")
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds
