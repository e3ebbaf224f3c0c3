"""One frame of a stored file as an array, whatever its transfer syntax.

Codecs, in turn: pydicom with GDCM, pyjpegls and OpenJPEG; then imagecodecs for what those lack (JPEG XL, 12-bit
streams under a 10-bit header, the retired JPEG processes).
"""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.processing import apply_color_lut, convert_color_space
from pydicom.pixels.utils import pixel_array
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from appliance.dicom.record import text
from appliance.errors import CannotDisplay

MAX_PIXELS = 120_000_000  # of one frame; larger ones are refused before anything is allocated
_UNCOMPRESSED = frozenset(str(uid) for uid in (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian))
_VIDEO = "1.2.840.10008.1.2.4.10"
_JPEG_XL = "1.2.840.10008.1.2.4.11"
_MONOCHROME = ("MONOCHROME1", "MONOCHROME2")

Pixels = NDArray[Any]


@dataclass(frozen=True)
class Frame:
    """One frame: `pixels` is (rows, columns) integer grayscale or (rows, columns, 3) uint8 RGB."""

    pixels: Pixels
    header: Dataset

    @property
    def is_colour(self) -> bool:
        """Whether the pixels are RGB."""
        return self.pixels.ndim == 3


def decode_frame(path: Path, frame: int = 1) -> Frame:
    """Decode one frame, counted from 1; raises CannotDisplay with the reason in plain words."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ds = dcmread(path, defer_size=1 << 16)
            _check_sizes(ds, path, frame)
            pixels = _decode(ds, frame - 1)
            return Frame(_normal(pixels, ds), ds)
        except CannotDisplay:
            raise
        except (MemoryError, RecursionError) as error:
            raise CannotDisplay(reason="it is too big or too deeply nested") from error
        except Exception as error:  # hostile pixels raise anything from a codec; the file itself is unaffected
            raise CannotDisplay(reason="its pixel data are damaged or in a form this box does not know") from error


def number_of_frames(ds: Dataset) -> int:
    """The declared number of frames, at least 1."""
    try:
        return max(1, int(text(ds, "NumberOfFrames") or 1))
    except ValueError:
        return 1


def _check_sizes(ds: Dataset, path: Path, frame: int) -> None:
    rows, columns = int(ds.get("Rows") or 0), int(ds.get("Columns") or 0)
    if "PixelData" not in ds and "FloatPixelData" not in ds:
        raise CannotDisplay(reason="it has no pixels")
    if not rows or not columns:
        raise CannotDisplay(reason="its number of rows and columns is missing")
    if rows * columns > MAX_PIXELS:
        raise CannotDisplay(reason=f"it claims {columns} x {rows} pixels")
    if not 1 <= frame <= number_of_frames(ds):
        raise CannotDisplay(reason=f"it has no frame {frame}")
    syntax = str(ds.file_meta.TransferSyntaxUID)
    if syntax.startswith(_VIDEO):
        raise CannotDisplay(reason="it is a video; it is kept and sent, but this page does not play it")
    if syntax in _UNCOMPRESSED and path.stat().st_size < _frame_bytes(ds):
        raise CannotDisplay(reason="its pixel data are cut short")


def _frame_bytes(ds: Dataset) -> int:
    """The least size of one uncompressed frame; YBR_FULL_422 keeps two of three samples (PS3.3 C.7.6.3.1.2)."""
    samples = 2 if text(ds, "PhotometricInterpretation") == "YBR_FULL_422" else int(ds.get("SamplesPerPixel") or 1)
    return int(ds.Rows) * int(ds.Columns) * samples * int(ds.get("BitsAllocated") or 8) // 8


def _decode(ds: Dataset, index: int) -> Pixels:
    syntax = str(ds.file_meta.TransferSyntaxUID)
    if not syntax.startswith(_JPEG_XL):
        try:
            return np.asarray(pixel_array(ds, index=index, raw=True))
        except Exception:  # the next codec may do better; if none does, decode_frame says so
            if syntax in _UNCOMPRESSED:
                raise
    return _decode_by_imagecodecs(ds, index)


def _decode_by_imagecodecs(ds: Dataset, index: int) -> Pixels:
    import imagecodecs

    data = get_frame(ds.PixelData, index, number_of_frames=number_of_frames(ds))
    syntax = str(ds.file_meta.TransferSyntaxUID)
    if syntax.startswith(_JPEG_XL):
        pixels = imagecodecs.jpegxl_decode(data)
    elif syntax.startswith(("1.2.840.10008.1.2.4.9", "1.2.840.10008.1.2.4.20")):
        pixels = imagecodecs.jpeg2k_decode(data)
    elif syntax.startswith("1.2.840.10008.1.2.4.8"):
        pixels = imagecodecs.jpegls_decode(data)
    else:
        pixels = imagecodecs.jpeg_decode(data)
    pixels = np.squeeze(np.asarray(pixels))
    if pixels.shape[:2] != (ds.Rows, ds.Columns):
        raise CannotDisplay(reason="its pixel data have another size than its header says")
    if syntax.startswith(_JPEG_XL) and pixels.ndim == 3:
        ds.PhotometricInterpretation = "RGB"  # the codec has converted it
    return pixels


def _normal(pixels: Pixels, ds: Dataset) -> Pixels:
    """Grayscale as integers without foreign bits, colour as 8-bit RGB."""
    photometric = str(ds.get("PhotometricInterpretation") or "MONOCHROME2").strip()
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.ndim == 2 and photometric == "PALETTE COLOR":
        return _to_8_bit(apply_color_lut(pixels, ds), 16 if _palette_depth(ds) > 8 else 8)
    if pixels.ndim == 2:
        return mask_high_bits(pixels, ds) if pixels.dtype.kind in "iu" else pixels
    if photometric.startswith("YBR_FULL"):
        pixels = convert_color_space(_to_8_bit(pixels, _stored_bits(ds)), photometric, "RGB")
    if photometric in _MONOCHROME and np.array_equal(pixels[..., 0], pixels[..., 1]):
        return pixels[..., 0]
    return _to_8_bit(pixels, _stored_bits(ds))


def mask_high_bits(pixels: Pixels, ds: Dataset) -> Pixels:
    """Keep the bits up to HighBit only, sign-extended for signed pixels (PS3.5 8.1.1)."""
    allocated = pixels.dtype.itemsize * 8
    stored = _stored_bits(ds)
    if stored >= allocated:
        return pixels
    signed = pixels.dtype.kind == "i"
    shift = max(0, int(ds.get("HighBit", stored - 1)) - stored + 1)
    bits = pixels.view(f"u{pixels.dtype.itemsize}") >> shift << (allocated - stored)
    return np.asarray((bits.view(pixels.dtype) if signed else bits) >> (allocated - stored))


def _stored_bits(ds: Dataset) -> int:
    return int(ds.get("BitsStored") or ds.get("BitsAllocated") or 8)


def _palette_depth(ds: Dataset) -> int:
    return int(ds.RedPaletteColorLookupTableDescriptor[2])


def _to_8_bit(pixels: Pixels, bits: int) -> Pixels:
    if pixels.dtype == np.uint8:
        return pixels
    return (pixels >> max(0, bits - 8)).clip(0, 255).astype(np.uint8)
