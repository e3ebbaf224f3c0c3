"""Files that the imaging tests write themselves, in every transfer syntax, and what becomes of each."""

import io
import math
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import SecondaryCaptureImageStorage, generate_uid

from appliance.imaging.decode import decode_frame

Pixels = NDArray[Any]
ROOT = "1.2.840.10008.1.2"
LITTLE, BIG, IMPLICIT, RLE = f"{ROOT}.1", f"{ROOT}.2", ROOT, f"{ROOT}.5"

JPEG_XL = (f"{ROOT}.4.110", f"{ROOT}.4.111", f"{ROOT}.4.112")
PYDICOM_KNOWS = f"{ROOT}.4.201"  # as long as those, which pydicom does not write


def phantom(rows: int = 90, columns: int = 70, bits: int = 12) -> Pixels:
    """A smooth hill with a sharp bar in it, (rows, columns) uint16 that uses the whole range of `bits`."""
    y, x = np.mgrid[0:rows, 0:columns]
    hill = np.sin(math.pi * y / rows) * np.sin(math.pi * x / columns)
    hill[rows // 3 : rows // 3 + 4, columns // 4 : columns // 2] = 1.0
    return np.rint(hill / hill.max() * (2**bits - 1)).astype(np.uint16)


def header(pixels: Pixels, bits: int, **elements: Any) -> Dataset:
    """The Image Pixel module for one frame, plus `elements`."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = SecondaryCaptureImageStorage, generate_uid()
    ds.Rows, ds.Columns = pixels.shape[:2]
    ds.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
    ds.PhotometricInterpretation = "RGB" if pixels.ndim == 3 else "MONOCHROME2"
    if pixels.ndim == 3:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = pixels.dtype.itemsize * 8, bits, bits - 1
    ds.PixelRepresentation = int(pixels.dtype.kind == "i")
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    return ds


def write(path: Path, ds: Dataset, data: bytes | list[bytes], syntax: str = LITTLE) -> Path:
    """A stored file: native bytes in the syntax's byte order, or a list of compressed frames."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = PYDICOM_KNOWS if syntax in JPEG_XL else syntax
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    ds.PixelData = data if isinstance(data, bytes) else encapsulate(data, has_bot=False)
    ds["PixelData"].VR = "OW" if isinstance(data, bytes) and ds.BitsAllocated > 8 else "OB"
    ds["PixelData"].is_undefined_length = not isinstance(data, bytes)
    ds.preamble = b"\0" * 128
    buffer = io.BytesIO()
    dcmwrite(buffer, ds, implicit_vr=syntax == IMPLICIT, little_endian=syntax != BIG)
    content = buffer.getvalue()
    path.write_bytes(content.replace(PYDICOM_KNOWS.encode(), syntax.encode(), 1) if syntax in JPEG_XL else content)
    return path


def native(path: Path, pixels: Pixels, bits: int, syntax: str = LITTLE, **elements: Any) -> Path:
    """An uncompressed file."""
    order = ">" if syntax == BIG else "<"
    data = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    return write(path, header(pixels, bits, **elements), data + b"\0" * (len(data) % 2), syntax)


def compressed(path: Path, pixels: Pixels, bits: int, syntax: str, data: bytes, **elements: Any) -> Path:
    """A file of one compressed frame."""
    return write(path, header(pixels, bits, **elements), [data + b"\0" * (len(data) % 2)], f"{ROOT}.{syntax}")


def rle(pixels: Pixels) -> bytes:
    """A frame as RLE Lossless."""
    ds = header(pixels, pixels.dtype.itemsize * 8)
    ds.PixelData = pixels.tobytes()
    facts = {
        "rows": ds.Rows,
        "columns": ds.Columns,
        "number_of_frames": 1,
        "samples_per_pixel": ds.SamplesPerPixel,
        "bits_allocated": ds.BitsAllocated,
        "bits_stored": ds.BitsStored,
        "pixel_representation": ds.PixelRepresentation,
        "photometric_interpretation": ds.PhotometricInterpretation,
        "planar_configuration": 0,
    }
    return bytes(get_encoder(RLE).encode(pixels, index=None, **facts))


def lossless_jpeg(pixels: Pixels) -> bytes:
    """A frame as JPEG lossless, first-order prediction."""
    return bytes(imagecodecs.jpeg8_encode(pixels, lossless=True, predictor=1))


def jpeg_12(pixels: Pixels) -> bytes:
    """A frame as 12-bit JPEG."""
    return bytes(imagecodecs.jpeg_encode(pixels, level=98, bitspersample=12))


LOSSLESS = {
    "5": rle,
    "4.57": lossless_jpeg,
    "4.70": lossless_jpeg,
    "4.80": imagecodecs.jpegls_encode,
    "4.90": lambda pixels: imagecodecs.jpeg2k_encode(pixels, codecformat="j2k", reversible=True, level=0),
    "4.201": imagecodecs.htj2k_encode,
    "4.202": imagecodecs.htj2k_encode,
    "4.203": imagecodecs.htj2k_encode,
    "4.110": lambda pixels: imagecodecs.jpegxl_encode(pixels, lossless=True),
    "4.112": lambda pixels: imagecodecs.jpegxl_encode(pixels, lossless=True),
}
LOSSY = {
    "4.51": (jpeg_12, 40),
    "4.53": (jpeg_12, 40),
    "4.81": (lambda pixels: imagecodecs.jpegls_encode(pixels, level=3), 3),
    "4.91": (lambda pixels: imagecodecs.jpeg2k_encode(pixels, codecformat="j2k", reversible=False, level=100), 40),
}


@pytest.mark.parametrize("syntax", [LITTLE, BIG, IMPLICIT])
@pytest.mark.parametrize("signed", [False, True])
def test_uncompressed_pixels_come_out_as_they_went_in(tmp_path: Path, syntax: str, signed: bool) -> None:
    """In either byte order, with and without VR, signed and unsigned."""
    pixels = phantom().astype(np.int16) - 2048 if signed else phantom()
    frame = decode_frame(native(tmp_path / "a.dcm", pixels, 12, syntax))
    assert frame.pixels.dtype == pixels.dtype
    assert np.array_equal(frame.pixels, pixels)


@pytest.mark.parametrize("syntax", sorted(LOSSLESS))
def test_lossless_syntaxes_are_bit_identical(tmp_path: Path, syntax: str) -> None:
    """Every lossless transfer syntax gives the pixels that were encoded."""
    pixels = phantom(bits=16 if syntax in ("5", "4.110", "4.112") else 12)
    bits = int(pixels.max()).bit_length()
    frame = decode_frame(compressed(tmp_path / "a.dcm", pixels, bits, syntax, LOSSLESS[syntax](pixels)))
    assert np.array_equal(frame.pixels, pixels)


@pytest.mark.parametrize("syntax", sorted(LOSSY))
def test_lossy_syntaxes_are_close(tmp_path: Path, syntax: str) -> None:
    """Every lossy transfer syntax gives nearly the pixels that were encoded, white staying white."""
    pixels = phantom()
    encode, tolerance = LOSSY[syntax]
    frame = decode_frame(compressed(tmp_path / "a.dcm", pixels, 12, syntax, encode(pixels)))
    assert np.abs(frame.pixels.astype(int) - pixels).max() <= tolerance


def test_what_lossy_coding_overshoots_is_clipped(tmp_path: Path) -> None:
    """A 12-bit JPEG stream under a 10-bit header: a value above 1023 stays white and never turns black."""
    pixels = np.full((32, 32), 1100, np.uint16)
    frame = decode_frame(compressed(tmp_path / "a.dcm", pixels, 10, "4.51", jpeg_12(pixels)))
    assert np.unique(frame.pixels).tolist() == [1023]


@pytest.mark.parametrize("syntax", ["4.80", "4.90"])
def test_signed_pixels_in_streams_without_sign(tmp_path: Path, syntax: str) -> None:
    """JPEG-LS knows no sign, and some J2K encoders leave it out: the data set's PixelRepresentation decides."""
    pixels = phantom().astype(np.int16) - 2048
    unsigned = pixels.view(np.uint16) & 0xFFF
    frame = decode_frame(compressed(tmp_path / "a.dcm", pixels, 12, syntax, LOSSLESS[syntax](unsigned)))
    assert np.array_equal(frame.pixels, pixels)


@pytest.mark.parametrize("high_bit", [11, 13, 15])
@pytest.mark.parametrize("signed", [False, True])
def test_bits_outside_the_value_are_dropped(tmp_path: Path, high_bit: int, signed: bool) -> None:
    """Overlay or dirt above HighBit and below the lowest bit never reaches the picture (PS3.5 8.1.1)."""
    value = phantom()
    shift = high_bit - 11
    dirt = ~np.uint16(0xFFF << shift & 0xFFFF)
    stored = (value << shift) | dirt
    pixels = stored.view(np.int16) if signed else stored
    frame = decode_frame(native(tmp_path / "a.dcm", pixels, 12, HighBit=high_bit))
    expected = (value.astype(int) ^ 0x800) - 0x800 if signed else value
    assert np.array_equal(frame.pixels, expected)


def test_one_bit_pixels_are_unpacked(tmp_path: Path) -> None:
    """Frames of one bit per pixel, the second of which starts within a byte."""
    bits = (np.arange(2 * 5 * 3).reshape(2, 5, 3) * 7 % 3 == 0).astype(np.uint8)
    ds = header(bits[0], 1, BitsAllocated=1, NumberOfFrames=2)
    path = write(tmp_path / "a.dcm", ds, np.packbits(bits.reshape(-1), bitorder="little").tobytes())
    assert np.array_equal(decode_frame(path, 1).pixels, bits[0])
    assert np.array_equal(decode_frame(path, 2).pixels, bits[1])


def test_each_frame_is_its_own(tmp_path: Path) -> None:
    """Frames of an uncompressed and of a compressed multi-frame object come out by their number."""
    frames = [phantom() // n for n in (1, 2, 3)]
    ds = header(frames[0], 12, NumberOfFrames=3)
    plain = write(tmp_path / "a.dcm", ds, b"".join(f.tobytes() for f in frames))
    packed = write(tmp_path / "b.dcm", ds, [imagecodecs.jpegls_encode(f) for f in frames], f"{ROOT}.4.80")
    for number, pixels in enumerate(frames, start=1):
        assert np.array_equal(decode_frame(plain, number).pixels, pixels)
        assert np.array_equal(decode_frame(packed, number).pixels, pixels)


def test_wide_and_real_numbers_keep_their_modality_values(tmp_path: Path) -> None:
    """32-bit integers beyond 16 bits, and real numbers, stay what they are in floating point."""
    pixels = phantom().astype(np.uint32) * 100_000
    frame = decode_frame(native(tmp_path / "a.dcm", pixels, 32, RescaleSlope="2", RescaleIntercept="5"))
    assert frame.pixels.dtype == np.float32
    assert np.allclose(frame.pixels, pixels, rtol=1e-7)
