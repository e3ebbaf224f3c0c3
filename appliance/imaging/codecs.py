"""The codecs, in the order in which each family tries them; all give raw samples and say in which colour space.

pydicom with GDCM and pyjpegls comes first, imagecodecs stands in. Only for DCT streams imagecodecs is first: it alone
takes the colour space from us instead of guessing it, and reads 12 bits under another header. JPEG XL is its alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import RLELossless

from appliance.dicom.record import text
from appliance.errors import CannotDisplay
from appliance.imaging.codestream import Codestream, Kind, read_codestream
from appliance.imaging.source import PixelSource, integer, number_of_frames

Pixels = NDArray[Any]


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
    """One compressed frame, once its own head agrees with the data set; raises CannotDisplay."""
    encoded = Encoded(data, header, _checked(data, header))
    for codec in _codecs(encoded):
        try:
            samples = codec(encoded)
        except Exception:  # noqa: S112 - hostile bytes raise anything; the next codec may do better, or none can
            continue
        if samples.pixels.shape[:2] == (header.Rows, header.Columns):
            return samples
    raise CannotDisplay(reason="its pixel data are damaged or in a form this box does not know")


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
        Kind.DCT: (_by_jpeg, _by_pydicom),
        Kind.LOSSLESS: (_by_pydicom, _by_jpeg, _by_ljpeg),
        Kind.JPEG_LS: (_by_pydicom, _by_jpeg_ls),
        Kind.JPEG_2000: (_by_pydicom, _by_jpeg_2000),
        Kind.JPEG_XL: (_by_jpeg_xl,),
    }[encoded.stream.kind]


def _by_pydicom(encoded: Encoded) -> Samples:
    options = pixel_options(encoded.header)
    if encoded.stream and encoded.stream.precision > options["bits_stored"]:
        options["bits_stored"] = min(encoded.stream.precision, options["bits_allocated"])
    decoder = get_decoder(encoded.header.file_meta.TransferSyntaxUID)
    pixels, facts = decoder.as_array(encapsulate([encoded.data], has_bot=False), index=0, raw=True, **options)
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
