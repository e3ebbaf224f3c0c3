"""One frame of a stored file as an array that the grayscale pipeline or a screen can take, whatever its form."""

import math
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut, convert_color_space
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from appliance.dicom.transfer_syntaxes import LOSSY
from appliance.errors import CannotDisplay
from appliance.imaging.codecs import Pixels, Samples, decode_encapsulated, decode_native, pixel_options
from appliance.imaging.source import MAX_SAMPLES, PixelSource, frame_header, integer, number_of_frames, open_pixels

__all__ = ["Frame", "Pixels", "decode_frame", "mask_high_bits", "number_of_frames"]

_NATIVE = frozenset({ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian})
_GRAYSCALE = ("MONOCHROME1", "MONOCHROME2")


@dataclass(frozen=True)
class Frame:
    """One frame: `pixels` is (rows, columns) of u/int8, u/int16 or float32, or (rows, columns, 3) uint8 RGB.

    `header` is the data set without its pixels, as this frame sees it; `unmasked` are the pixels with the bits that
    they do not use themselves, where there may be such bits.
    """

    pixels: Pixels
    header: Dataset
    unmasked: Pixels | None = None

    @property
    def is_colour(self) -> bool:
        """Whether the pixels are RGB."""
        return self.pixels.ndim == 3


def decode_frame(path: Path, frame: int = 1) -> Frame:
    """Decode one frame, counted from 1; raises CannotDisplay with the reason in plain words."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with open_pixels(path) as source:
                check_frame(source, frame)
                return _finished(decode_raw(source, frame - 1), frame_header(source.header, frame))
        except CannotDisplay:
            raise
        except OSError as error:
            raise CannotDisplay(reason="its file cannot be read") from error
        except (MemoryError, RecursionError) as error:
            raise CannotDisplay(reason="it is too big or too deeply nested") from error
        except Exception as error:  # hostile pixels raise anything from a codec; the file itself is unaffected
            raise CannotDisplay(reason="its pixel data are damaged or in a form this box does not know") from error


def check_frame(source: PixelSource, frame: int) -> None:
    """Refuse what is missing or absurd before anything of that size is allocated."""
    facts = pixel_options(source.header)
    rows, columns, samples = facts["rows"], facts["columns"], facts["samples_per_pixel"]
    if rows < 1 or columns < 1:
        raise CannotDisplay(reason="its number of rows and columns is missing")
    if rows * columns * max(1, samples) > MAX_SAMPLES:
        raise CannotDisplay(reason=f"it claims {columns} x {rows} pixels, more than this box can show")
    if samples not in (1, 3):
        raise CannotDisplay(reason=f"it has {samples} values per pixel, a form this box does not know")
    if not 1 <= frame <= number_of_frames(source.header):
        raise CannotDisplay(reason=f"it has no frame {frame}")
    if source.length is not None and source.native_bytes() < math.ceil(frame * frame_bytes(source)):
        raise CannotDisplay(reason="its pixel data are cut short")


def frame_bytes(source: PixelSource) -> float:
    """The size of one uncompressed frame; YBR_FULL_422 keeps two of three samples (PS3.3 C.7.6.3.1.2)."""
    facts = pixel_options(source.header)
    samples = 2 if facts["photometric_interpretation"] == "YBR_FULL_422" else facts["samples_per_pixel"]
    return float(facts["rows"] * facts["columns"] * samples * facts["bits_allocated"] / 8)


def decode_raw(source: PixelSource, index: int) -> Samples:
    """One frame, counted from 0, as its codec gives it; `check_frame` comes first. Raises CannotDisplay and others."""
    if (source.length is None) == (source.transfer_syntax_uid in _NATIVE):
        raise CannotDisplay(reason="its pixel data are not in the transfer syntax that it names")
    if source.length is not None:
        return decode_native(source, index)
    return decode_encapsulated(source.encapsulated_frame(index), source.header)


def _finished(samples: Samples, header: Dataset) -> Frame:
    """Grayscale without foreign bits, colour as 8-bit RGB."""
    pixels, photometric = samples.pixels, samples.photometric_interpretation
    if pixels.ndim == 3 and photometric not in _GRAYSCALE:
        return Frame(_rgb(pixels, photometric, header), header)
    if pixels.ndim == 3:  # three equal samples that call themselves grayscale
        pixels = pixels[..., 0]
    if photometric == "PALETTE COLOR":
        return Frame(_painted(own_bits(pixels, header), header), header)
    if pixels.dtype.kind not in "iu" or pixels.dtype.itemsize > 2:
        return _narrowed(pixels, header)
    return Frame(own_bits(pixels, header), header, pixels)


def own_bits(pixels: Pixels, header: Dataset) -> Pixels:
    """Integers as the data set's BitsStored and PixelRepresentation say; anything else unchanged."""
    if pixels.dtype.kind not in "iu":
        return pixels
    facts = pixel_options(header)
    signed, stored = facts["pixel_representation"] == 1, facts["bits_stored"]
    # Lossy coding may overshoot BitsStored; such values are clipped, for masking would turn white into black
    if is_lossy(header) and not signed and pixels.dtype.kind == "u" and stored < pixels.dtype.itemsize * 8:
        return np.asarray(np.minimum(pixels, pixels.dtype.type((1 << stored) - 1)))
    here = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    return mask_high_bits(here.view(f"{'i' if signed else 'u'}{pixels.dtype.itemsize}"), header)


def is_lossy(header: Dataset) -> bool:
    """Whether the transfer syntax may be a lossy one."""
    return str(header.file_meta.TransferSyntaxUID) in LOSSY


def mask_high_bits(pixels: Pixels, header: Dataset) -> Pixels:
    """Only the BitsStored bits that end at HighBit, sign-extended for signed pixels (PS3.5 8.1.1)."""
    allocated = pixels.dtype.itemsize * 8
    stored = integer(header, "BitsStored", allocated)
    room = allocated - stored
    if not 0 < room < allocated:
        return pixels
    below = min(max(integer(header, "HighBit", stored - 1) - (stored - 1), 0), room)
    bits = pixels.view(f"u{pixels.dtype.itemsize}") >> below << room
    return np.asarray(bits.view(pixels.dtype) >> room)


def _narrowed(pixels: Pixels, header: Dataset) -> Frame:
    """Wider or real numbers: integers in 16 bits if they fit, else all in 32-bit floating point."""
    values = own_bits(pixels, header)
    low, high = np.nanmin(values), np.nanmax(values)
    if not (np.isfinite(low) and np.isfinite(high)):
        raise CannotDisplay(reason="its pixel data hold values that are not numbers")
    for kind in (np.uint16, np.int16):
        if values.dtype.kind in "iu" and np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return Frame(values.astype(kind), header)
    return Frame(np.nan_to_num(values.astype(np.float32), nan=float(low)), header)


def _painted(pixels: Pixels, header: Dataset) -> Pixels:
    """Palette indices as RGB (PS3.3 C.7.6.3.1.5)."""
    if "RedPaletteColorLookupTableDescriptor" not in header:
        raise CannotDisplay(reason="its palette is missing")
    count, _, bits = (int(v) for v in header.RedPaletteColorLookupTableDescriptor)
    for colour in ("Red", "Green", "Blue"):
        entries = header.get(f"{colour}PaletteColorLookupTableData")
        if bits == 8 and entries is not None and len(entries) == count + 1:  # pydicom takes padding for an entry
            setattr(header, f"{colour}PaletteColorLookupTableData", entries[:count])
    return _as_8_bit(apply_color_lut(pixels, header), bits)


def _rgb(pixels: Pixels, photometric: str, header: Dataset) -> Pixels:
    pixels = _as_8_bit(pixels, pixel_options(header)["bits_stored"])
    if photometric in ("YBR_FULL", "YBR_FULL_422"):
        return np.asarray(convert_color_space(pixels, photometric, "RGB"))
    if photometric == "RGB":
        return pixels
    raise CannotDisplay(reason="its colours are in a form this box does not know")


def _as_8_bit(pixels: Pixels, bits: int) -> Pixels:
    """The upper eight of `bits` bits; tables that claim 16 but use 8 are taken for what they hold."""
    if pixels.dtype == np.uint8:
        return pixels
    if bits == 16 and pixels.size and pixels.max() <= 255:
        bits = 8
    return (pixels.astype(np.int64) >> max(0, bits - 8)).clip(0, 255).astype(np.uint8)
