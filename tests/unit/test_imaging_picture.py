"""Colour, previews, and what the page's viewer is told."""

import dataclasses
import io
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.pixels.processing import convert_color_space
from pydicom.sequence import Sequence

from appliance.imaging.decode import decode_frame
from appliance.imaging.picture import facts, make_packet, packet
from appliance.imaging.preview import derive, make_preview, make_thumbnail
from tests.packets import read_packet
from tests.unit.test_imaging_files import BIG, LITTLE, compressed, header, native, phantom, rle, write
from tests.unit.test_imaging_grayscale import table


def stripes() -> NDArray[np.uint8]:
    """Broad stripes of red, green, blue, white and grey, (80, 64, 3)."""
    colours = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [90, 90, 90]]
    return np.repeat(np.array(colours, np.uint8), 16, axis=0)[:, None, :].repeat(64, axis=1)


def image(webp: bytes) -> NDArray[Any]:
    """A WebP picture as an array."""
    return np.asarray(Image.open(io.BytesIO(webp)).convert("RGB")).astype(int)


def test_uncompressed_colour_in_every_form(tmp_path: Path) -> None:
    """RGB by pixel and by plane, YBR_FULL, RLE and 16-bit RGB all come out as the same RGB."""
    rgb = stripes()
    path = tmp_path / "a.dcm"
    assert np.array_equal(decode_frame(native(path, rgb, 8)).pixels, rgb)
    planes = write(path, header(rgb, 8, PlanarConfiguration=1), np.moveaxis(rgb, 2, 0).tobytes())
    assert np.array_equal(decode_frame(planes).pixels, rgb)
    ybr = native(path, convert_color_space(rgb, "RGB", "YBR_FULL"), 8, PhotometricInterpretation="YBR_FULL")
    assert np.abs(decode_frame(ybr).pixels.astype(int) - rgb).max() <= 2
    assert np.array_equal(decode_frame(compressed(path, rgb, 8, "5", rle(rgb))).pixels, rgb)
    assert np.array_equal(decode_frame(native(path, rgb.astype(np.uint16) * 257, 16)).pixels, rgb)


@pytest.mark.parametrize("said", ["RGB", "YBR_FULL_422", "YBR_FULL"])
@pytest.mark.parametrize("stored", ["RGB", "YCBCR"])
def test_jpeg_colour_is_right_whatever_the_header_says(tmp_path: Path, said: str, stored: str) -> None:
    """Adobe's flag or JFIF in the stream outweighs a wrong PhotometricInterpretation."""
    data = imagecodecs.jpeg8_encode(stripes(), level=98, colorspace="RGB", outcolorspace=stored)
    path = compressed(tmp_path / "a.dcm", stripes(), 8, "4.50", bytes(data), PhotometricInterpretation=said)
    inside = slice(8, None, 16)  # the middle of each stripe, where subsampling does not reach
    assert np.abs(decode_frame(path).pixels[inside].astype(int) - stripes()[inside]).max() <= 6


def test_jpeg_colour_without_any_sign_follows_the_header(tmp_path: Path) -> None:
    """A stream with neither marker, nor subsampling, nor telling identifiers is what the data set says."""
    data = bytes(
        imagecodecs.jpeg8_encode(stripes(), level=98, colorspace="RGB", outcolorspace="YCBCR", subsampling="444")
    )
    length = int.from_bytes(data[4:6], "big")
    assert data[2:4] == b"\xff\xe0"
    bare = data[:2] + data[4 + length :]  # without its JFIF segment
    ybr = compressed(tmp_path / "a.dcm", stripes(), 8, "4.50", bare, PhotometricInterpretation="YBR_FULL")
    assert np.abs(decode_frame(ybr).pixels.astype(int) - stripes()).max() <= 6
    rgb = compressed(tmp_path / "b.dcm", stripes(), 8, "4.50", bare, PhotometricInterpretation="RGB")
    wrong = decode_frame(rgb).pixels.astype(int)
    assert np.abs(wrong - convert_color_space(stripes(), "RGB", "YBR_FULL")).max() <= 6


@pytest.mark.parametrize("syntax", ["4.80", "4.90", "4.201", "4.110"])
def test_lossless_colour_codecs(tmp_path: Path, syntax: str) -> None:
    """Colour by JPEG-LS, JPEG 2000 (reversible transform), HTJ2K and JPEG XL is bit-identical."""
    rgb = stripes()
    encode = {
        "4.80": lambda: imagecodecs.jpegls_encode(rgb),
        "4.90": lambda: imagecodecs.jpeg2k_encode(rgb, codecformat="j2k", reversible=True, level=0, mct=True),
        "4.201": lambda: imagecodecs.htj2k_encode(rgb),
        "4.110": lambda: imagecodecs.jpegxl_encode(rgb, lossless=True),
    }[syntax]
    said = "YBR_RCT" if syntax in ("4.90", "4.201") else "RGB"
    path = compressed(tmp_path / "a.dcm", rgb, 8, syntax, bytes(encode()), PhotometricInterpretation=said)
    assert np.array_equal(decode_frame(path).pixels, rgb)


@pytest.mark.parametrize(("bits", "factor"), [(8, 1), (16, 257), (16, 1)])
def test_palettes_of_8_and_16_bits(tmp_path: Path, bits: int, factor: int) -> None:
    """Palette entries of 8 bits, of 16, and of 16 that use only 8, are painted alike (C.7.6.3.1.5)."""
    colours = np.array([[0, 255, 10], [20, 0, 200], [255, 90, 30]], np.uint8)
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4) % 3
    elements: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name, column in zip(("Red", "Green", "Blue"), colours.T, strict=True):
        elements[f"{name}PaletteColorLookupTableDescriptor"] = [3, 0, bits]
        entries = column.astype("<u2") * factor if bits == 16 else np.append(column, np.uint8(0))
        elements[f"{name}PaletteColorLookupTableData"] = entries.tobytes()
    frame = decode_frame(native(tmp_path / "a.dcm", pixels, 8, **elements))
    assert np.array_equal(frame.pixels, colours[pixels])


@pytest.mark.parametrize("syntax", [LITTLE, BIG])
@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16"])
def test_facts_and_pixels_agree(tmp_path: Path, syntax: str, dtype: str) -> None:
    """A packet's pixels are as its facts say, and the facts are plain JSON."""
    bits = 8 * np.dtype(dtype).itemsize
    pixels = (phantom(bits=bits).astype(np.int64) - (2 ** (bits - 1) if dtype.startswith("i") else 0)).astype(dtype)
    path = native(tmp_path / "a.dcm", pixels, bits, syntax, WindowCenter="9", WindowWidth="50", PixelSpacing=["2", "1"])
    head, parts = read_packet(make_packet(path, 1))
    del head["parts"]
    assert head == {
        "rows": 90,
        "columns": 70,
        "frames": 1,
        "frame": 1,
        "spacing": {
            "row_mm": 2.0,
            "column_mm": 1.0,
            "basis": "detector",
            "words": "as the unit gave it, probably in the detector plane",
        },
        "pixel_format": {"uint8": "u8", "int8": "i8", "uint16": "u16", "int16": "i16"}[dtype],
        "photometric_interpretation": "MONOCHROME2",
        "frame_time_ms": None,
        "pixel_aspect": 2.0,
        "shutter_grey": 0.0,
        "modality_lut": {"slope": 1.0, "intercept": 0.0},
        "voi": [{"function": "LINEAR", "center": 9.0, "width": 50.0, "label": "Window 1"}],
        "invert": False,
    }
    assert parts.keys() == {"pixels"}
    assert np.array_equal(parts["pixels"], pixels)


def test_facts_of_tables_and_of_colour(tmp_path: Path) -> None:
    """LUTs are given with their first value and entries, VOI entries as 0..1; colour has neither LUT nor window."""
    elements = {
        "ModalityLUTSequence": Sequence([table(5, [10, 20, 30], 16)]),
        "VOILUTSequence": Sequence([table(10, [0, 51, 255], 8, explanation="HARD")]),
        "PhotometricInterpretation": "MONOCHROME1",
    }
    said = facts(decode_frame(native(tmp_path / "a.dcm", phantom(), 12, **elements)))
    assert said["modality_lut"] == {"first": 5, "values": [10.0, 20.0, 30.0]}
    assert said["voi"] == [{"first": 10, "values": [0.0, 0.2, 1.0], "label": "HARD"}]
    assert said["invert"] is True
    assert said["photometric_interpretation"] == "MONOCHROME1"
    colour, parts = read_packet(make_packet(native(tmp_path / "b.dcm", stripes(), 8), 1))
    assert colour["pixel_format"] == "rgb8"
    assert colour["photometric_interpretation"] == "RGB"
    assert not {"modality_lut", "voi"} & colour.keys()
    assert np.array_equal(parts["pixels"], stripes())


def test_a_large_picture_comes_in_strips_that_make_it_up(tmp_path: Path) -> None:
    """Strips of an even number of rows but the last, each for itself; together they are the picture."""
    pixels = phantom(1301, 900)
    head, parts = read_packet(make_packet(native(tmp_path / "a.dcm", pixels, 12), 1))
    rows = [part["rows"] for part in head["parts"]]
    assert len(rows) > 2
    assert sum(rows) == 1301
    assert all(count % 2 == 0 for count in rows[:-1])
    assert np.array_equal(parts["pixels"], pixels)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (700, 1501)])
def test_a_packet_loses_no_bit(tmp_path: Path, shape: tuple[int, int], dtype: str) -> None:
    """Noise of every bit, and steps from the least value to the greatest, in strips of one row and of many."""
    bits = 8 * np.dtype(dtype).itemsize
    noise = np.random.default_rng(bits).integers(0, 2**bits, shape, np.uint64).astype(f"uint{bits}")
    noise[::2] |= np.arange(shape[1], dtype=noise.dtype) % 2 * noise.dtype.type(2**bits - 1)
    if dtype == "float32":
        noise &= 0xBFFFFFFF  # neither too great nor no number
    frame = decode_frame(native(tmp_path / "a.dcm", phantom(*shape), 12), 1)
    _, parts = read_packet(packet(dataclasses.replace(frame, pixels=noise.view(dtype)), 1))
    assert parts["pixels"].tobytes() == noise.tobytes()


def test_preview_and_thumbnail_are_the_rendered_picture_made_small(tmp_path: Path) -> None:
    """Both are WebP of the right sides, and their greys are those of the full rendering, averaged."""
    pixels = phantom(2400, 1800)
    path = native(tmp_path / "a.dcm", pixels, 12, WindowCenter="2048", WindowWidth="4096")
    derived = derive(path)
    for webp, side in ((derived.preview, 1000), (derived.thumbnail, 320), (make_preview(path, 1, 500), 500)):
        shown = image(webp)
        assert webp[8:12] == b"WEBP"
        assert shown.shape[:2] == (side, side * 3 // 4)
        expected = Image.fromarray((pixels >> 4).astype(np.uint8)).resize((side * 3 // 4, side), Image.Resampling.BOX)
        assert np.abs(shown[..., 0] - np.asarray(expected).astype(int)).mean() < 2.0
    assert np.abs(image(make_thumbnail(path)) - image(derived.thumbnail)).mean() < 2.0


def test_reduction_happens_before_the_window(tmp_path: Path) -> None:
    """A fine pattern of black and white around the centre of a narrow window is grey when small, as seen from afar."""
    pixels = np.indices((2400, 2400)).sum(axis=0).astype(np.uint16) % 2 * 4000
    path = native(tmp_path / "a.dcm", pixels, 12, WindowCenter="2000.5", WindowWidth="101")
    assert np.abs(image(derive(path).preview) - 128).max() <= 6


@pytest.mark.parametrize("inverted", [False, True])
def test_previews_keep_the_polarity(tmp_path: Path, inverted: bool) -> None:
    """MONOCHROME1 previews are turned."""
    said = "MONOCHROME1" if inverted else "MONOCHROME2"
    path = native(tmp_path / "a.dcm", phantom(), 12, PhotometricInterpretation=said)
    corner = image(derive(path).preview)[0, 0, 0]
    assert corner > 240 if inverted else corner < 15


@pytest.mark.parametrize(
    ("elements", "shape"),
    [
        ({"PixelSpacing": ["2", "1"]}, (180, 70)),
        ({"PixelSpacing": ["1", "2"]}, (90, 140)),
        ({"ImagerPixelSpacing": ["0.1", "0.1"]}, (90, 70)),
        ({"PixelAspectRatio": ["4", "3"]}, (120, 70)),
        ({"PixelSpacing": ["1000", "1"]}, (90, 70)),
        ({"PixelSpacing": ["0", "0"]}, (90, 70)),
    ],
)
def test_previews_have_square_pixels(tmp_path: Path, elements: dict[str, Any], shape: tuple[int, int]) -> None:
    """Unequal spacing or an aspect ratio stretches the shorter side; absurd ones are not believed."""
    path = native(tmp_path / "a.dcm", phantom(), 12, **elements)
    assert image(derive(path).preview).shape[:2] == shape


@pytest.mark.parametrize("shape", [(1, 5000), (5000, 1), (1, 1), (3, 2), (2500, 3)])
def test_previews_of_odd_shapes(tmp_path: Path, shape: tuple[int, int]) -> None:
    """Pictures of one row, one column or one pixel have previews too."""
    path = native(tmp_path / "a.dcm", phantom(*shape, bits=12) if min(shape) > 2 else np.ones(shape, np.uint16), 12)
    assert max(image(derive(path).preview).shape) <= 1000


def test_the_middle_frame_stands_for_a_cine() -> None:
    """The thumbnail is of the middle frame, the preview of the first, at which a viewer opens."""
    found = get_testdata_file("rtdose.dcm", download=False)
    assert isinstance(found, str)
    path = Path(found)
    derived = derive(path)
    assert derived.preview == make_preview(path, 1)
    assert np.array_equal(image(derived.thumbnail), image(make_preview(path, 8, 320)))
