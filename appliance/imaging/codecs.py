"""The codecs, in the order in which each family tries them; all give raw samples and say in which colour space.

GDCM, by way of pydicom, comes first, then what else pydicom has (pyjpegls), then imagecodecs. Only for DCT streams
imagecodecs is first: it alone takes the colour space from us instead of guessing it, and reads 12 bits under another
header. JPEG XL is its alone.
"""

import importlib
import struct
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders import gdcm as gdcm_plugin
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import RLELossless

from appliance.dicom.record import text
from appliance.errors import CannotDisplay
from appliance.imaging.codestream import Codestream, Kind, read_codestream
from appliance.imaging.source import PixelSource, integer, number_of_frames

Pixels = NDArray[Any]
_LOADING = threading.Lock()


@dataclass(frozen=True)
class Samples:
    """Raw samples, (rows, columns) or (rows, columns, 3), and the photometric interpretation that they are in."""

    pixels: Pixels
    photometric_interpretation: str


@dataclass(frozen=True)
class Encoded:
    """One compressed frame on its way to a codec."""

    data: bytes
    header: Dataset
    stream: Codestream | None

    @property
    def photometric_interpretation(self) -> str:
        """What the stream says, else the data set."""
        return (self.stream and self.stream.colour) or text(self.header, "PhotometricInterpretation") or "MONOCHROME2"


Codec = Callable[[Encoded], Samples]
_REFUSALS = (
    *(ArithmeticError, AttributeError, EOFError, LookupError, MemoryError),
    *(OSError, RuntimeError, TypeError, ValueError, struct.error),
)
"""How codecs refuse a stream: pydicom with all of these, imagecodecs and GDCM with RuntimeError and ValueError."""


def pixel_options(header: Dataset) -> dict[str, Any]:
    """The Image Pixel module as pydicom's decoders want it, with what is missing or absurd made good."""
    allocated = integer(header, "BitsAllocated", 8)
    stored = integer(header, "BitsStored", allocated)
    return {
        "rows": integer(header, "Rows", 0),
        "columns": integer(header, "Columns", 0),
        "samples_per_pixel": integer(header, "SamplesPerPixel", 1),
        "bits_allocated": allocated,
        "bits_stored": stored if 0 < stored <= allocated else allocated,
        "pixel_representation": 1 if integer(header, "PixelRepresentation", 0) == 1 else 0,
        "photometric_interpretation": text(header, "PhotometricInterpretation") or "MONOCHROME2",
        "planar_configuration": 1 if integer(header, "PlanarConfiguration", 0) == 1 else 0,
        "number_of_frames": 1,
    }


def decode_native(source: PixelSource, index: int) -> Samples:
    """One uncompressed frame, counted from 0, without reading the others; its bits are not yet masked."""
    if pixel_options(source.header)["bits_allocated"] == 1:
        return _decode_bits(source, index)
    source.file.seek(source.offset)
    options = pixel_options(source.header) | {
        "number_of_frames": number_of_frames(source.header),
        "pixel_keyword": source.keyword,
        "pixel_vr": source.vr,
        "correct_unused_bits": False,
        "allow_excess_frames": False,
    }
    decoder = get_decoder(source.transfer_syntax_uid)
    pixels, facts = decoder.as_array(source.file, index=index, raw=True, **options)
    return Samples(pixels, str(facts["photometric_interpretation"]))


def _decode_bits(source: PixelSource, index: int) -> Samples:
    """One frame of one-bit pixels, which may start within a byte (PS3.5 8.2); pydicom reads a byte too few then."""
    facts = pixel_options(source.header)
    shape = facts["rows"], facts["columns"]
    first, count = index * shape[0] * shape[1], shape[0] * shape[1]
    source.file.seek(source.offset + first // 8)
    packed = np.frombuffer(source.file.read((first % 8 + count + 7) // 8), np.uint8)
    bits = np.unpackbits(packed, bitorder="little")[first % 8 : first % 8 + count]
    return Samples(bits.reshape(shape), facts["photometric_interpretation"])


def decode_encapsulated(data: bytes, header: Dataset) -> Samples:
    """One compressed frame, once its own head agrees with the data set.

    Raises CannotDisplay; its notes say how each codec refused, for whoever looks into the file.
    """
    encoded = Encoded(data, header, _checked(data, header))
    refusal = CannotDisplay(reason="its pixel data are damaged or in a form this box does not know")
    for codec in _codecs(encoded):
        try:
            samples = codec(encoded)
        except _REFUSALS as error:
            refusal.add_note(f"{codec.__name__}: {type(error).__name__}")
            continue
        if samples.pixels.shape[:2] == (header.Rows, header.Columns):
            return samples
        refusal.add_note(f"{codec.__name__}: another size")
    raise refusal


def _checked(data: bytes, header: Dataset) -> Codestream | None:
    """Refuse before a codec allocates what a hostile stream claims; RLE alone has no head of its own."""
    if header.file_meta.TransferSyntaxUID == RLELossless:
        return None
    stream = read_codestream(data)
    if stream is None:
        raise CannotDisplay(reason="its pixel data are damaged or in a form this box does not know")
    if (stream.rows, stream.columns) != (header.Rows, header.Columns) or stream.samples > 4:
        raise CannotDisplay(reason="its pixel data have another size than its header says")
    if not stream.whole:
        raise CannotDisplay(reason="its pixel data are cut short")
    return stream


def _codecs(encoded: Encoded) -> tuple[Codec, ...]:
    if encoded.stream is None:
        return (_by_pydicom,)
    return {
        Kind.DCT: (_by_jpeg, _by_gdcm, _by_pydicom),
        Kind.LOSSLESS: (_by_gdcm, _by_jpeg, _by_ljpeg),
        Kind.JPEG_LS: (_by_gdcm, _by_pydicom, _by_jpeg_ls),
        Kind.JPEG_2000: (_by_gdcm, _by_pydicom, _by_jpeg_2000),
        Kind.JPEG_XL: (_by_jpeg_xl,),
    }[encoded.stream.kind]


def _by_gdcm(encoded: Encoded) -> Samples:
    with _LOADING:
        _load_gdcm()
    return _by_pydicom(encoded, plugin="gdcm")


@cache
def _load_gdcm() -> None:
    """Bring GDCM in where the process started without it: its wrapper takes 17 MiB of memory."""
    if sys.modules.get("gdcm", gdcm_plugin) is not None:
        return
    del sys.modules["gdcm"]
    importlib.reload(gdcm_plugin)
    for transfer_syntax_uid in gdcm_plugin.DECODER_DEPENDENCIES:
        decoder = get_decoder(transfer_syntax_uid)
        decoder.remove_plugin("gdcm")
        decoder.add_plugin("gdcm", (gdcm_plugin.__name__, "_decode_frame"))


def _by_pydicom(encoded: Encoded, *, plugin: str = "") -> Samples:
    options = pixel_options(encoded.header)
    if encoded.stream and encoded.stream.precision > options["bits_stored"]:
        options["bits_stored"] = min(encoded.stream.precision, options["bits_allocated"])
    decoder = get_decoder(encoded.header.file_meta.TransferSyntaxUID)
    pixels, facts = decoder.as_array(
        encapsulate([encoded.data], has_bot=False), index=0, raw=True, decoding_plugin=plugin, **options
    )
    return Samples(pixels, (encoded.stream and encoded.stream.colour) or str(facts["photometric_interpretation"]))


def _by_jpeg(encoded: Encoded) -> Samples:
    assert encoded.stream is not None  # noqa: S101 - tells the type checker what _codecs has made sure of
    depth = encoded.stream.precision
    if encoded.stream.samples == 3 and encoded.stream.kind is Kind.DCT:
        stored = "YCBCR" if encoded.photometric_interpretation.startswith("YBR") else "RGB"
        pixels = imagecodecs.jpeg_decode(encoded.data, colorspace=stored, outcolorspace="RGB", bitspersample=depth)
        return Samples(pixels, "RGB")
    return Samples(imagecodecs.jpeg_decode(encoded.data, bitspersample=depth), encoded.photometric_interpretation)


def _by_ljpeg(encoded: Encoded) -> Samples:
    return Samples(imagecodecs.ljpeg_decode(encoded.data), encoded.photometric_interpretation)


def _by_jpeg_ls(encoded: Encoded) -> Samples:
    return Samples(imagecodecs.jpegls_decode(encoded.data), encoded.photometric_interpretation)


def _by_jpeg_2000(encoded: Encoded) -> Samples:
    said = encoded.photometric_interpretation
    return Samples(imagecodecs.jpeg2k_decode(encoded.data), "RGB" if said in ("YBR_RCT", "YBR_ICT") else said)


def _by_jpeg_xl(encoded: Encoded) -> Samples:
    pixels = np.squeeze(imagecodecs.jpegxl_decode(encoded.data))
    return Samples(pixels, "RGB" if pixels.ndim == 3 else encoded.photometric_interpretation)
