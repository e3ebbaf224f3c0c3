"""The grayscale pipeline against values worked out by hand from the equations of PS3.3 C.11."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from appliance.imaging.decode import decode_frame
from appliance.imaging.grayscale import Grayscale
from appliance.imaging.voi import LookupTable, Window
from tests.unit.test_imaging_files import BIG, LITTLE, header, native, phantom


def grey(stored: list[int], dtype: str = "uint16", choice: int = 0, bits: int = 12, **elements: Any) -> list[int]:
    """The 8-bit greys of a one-row image."""
    pixels = np.array([stored], dtype=dtype)
    ds = header(pixels, bits, **elements)
    return [int(v) for v in Grayscale.of(ds, pixels).render(pixels, choice)[0]]


def table(first: int, values: list[int] | bytes, bits: int, count: int | None = None, explanation: str = "") -> Dataset:
    """A LUT item, its data as words or as bytes."""
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [(len(values) if count is None else count), first & 0xFFFF, bits])
    item.add_new("LUTData", "OW" if isinstance(values, bytes) else "US", values)
    if explanation:
        item.LUTExplanation = explanation
    return item


def linear(x: float, c: float, w: float) -> int:
    """PS3.3 C.11.2.1.2.1, as printed there, to 0..255 and rounded."""
    if x <= c - 0.5 - (w - 1) / 2:
        return 0
    if x > c - 0.5 + (w - 1) / 2:
        return 255
    return math.floor(((x - (c - 0.5)) / (w - 1) + 0.5) * 255 + 0.5)


@pytest.mark.parametrize(("c", "w"), [(2048, 4096), (100, 50), (0, 100), (0, 1), (1500.5, 7), (50, 2), (0.5, 1)])
def test_linear_window_is_the_equation_of_the_standard(c: float, w: float) -> None:
    """C.11.2.1.2.1 holds for every value, the step of width 1 included."""
    stored = list(range(-300, 4096, 7)) + list(range(-10, 160))
    expected = [linear(x, c, w) for x in stored]
    assert grey(stored, "int16", bits=13, WindowCenter=str(c), WindowWidth=str(w)) == expected


def test_the_standards_own_examples_of_linear() -> None:
    """C.11.2.1.2.1: c=2048 w=4096 maps 0 to 0 and 4095 to full; c=0 w=100 ends at -50 and 49; c=0 w=1 steps at 0."""
    assert grey([0, 4095], WindowCenter="2048", WindowWidth="4096") == [0, 255]
    assert grey([-51, -50, 49, 50], "int16", WindowCenter="0", WindowWidth="100") == [0, 0, 255, 255]
    assert grey([-1, 0], "int16", WindowCenter="0", WindowWidth="1") == [0, 255]


def test_linear_exact_and_sigmoid() -> None:
    """C.11.2.1.3.2: half way at the centre, the ends at c -/+ w/2; C.11.2.1.3.1: 1 / (1 + exp(-4 (x - c) / w))."""
    window = {"WindowCenter": "2000", "WindowWidth": "1000"}
    exact = grey([1499, 1500, 1750, 2000, 2250, 2500], VOILUTFunction="LINEAR_EXACT", **window)
    assert exact == [0, 0, 64, 128, 191, 255]
    sigmoid = grey([0, 1500, 2000, 2500, 4095], VOILUTFunction="SIGMOID", **window)
    assert sigmoid == [0, 30, 128, 225, 255]  # 255 / (1 + e^2) = 30.4 and 255 / (1 + e^-2) = 224.6


def test_rescale_comes_before_the_window() -> None:
    """The window speaks of modality values (C.11.1.1.2): 1000 * 2 - 1024 = 976."""
    greys = grey([500, 1000], RescaleSlope="2", RescaleIntercept="-1024", WindowCenter="476.5", WindowWidth="1001")
    assert greys == [linear(-24, 476.5, 1001), linear(976, 476.5, 1001)] == [0, 255]


def test_modality_table_clamps_at_its_ends_and_stands_before_rescale() -> None:
    """C.11.1.1.1: values below the first mapped take the first entry, those above the last take the last."""
    lut = Sequence([table(10, [0, 100, 200, 300], 16)])
    greys = grey(
        [0, 10, 11, 12, 13, 99],
        ModalityLUTSequence=lut,
        RescaleSlope="9",
        WindowCenter="150",
        WindowWidth="300",
        VOILUTFunction="LINEAR_EXACT",
    )
    assert greys == [0, 0, 85, 170, 255, 255]


def test_first_mapped_value_of_a_table_is_signed_with_its_values() -> None:
    """0xFFFE is -2 for signed pixels, and for a VOI LUT after a rescale that goes below 0."""
    lut = Sequence([table(-2, [0, 51, 102, 153, 255], 8)])
    window = {"WindowCenter": "127.5", "WindowWidth": "255", "VOILUTFunction": "LINEAR_EXACT"}
    assert grey([-2, -1, 0, 2], "int16", ModalityLUTSequence=lut, **window) == [0, 51, 102, 255]
    assert grey([8, 9, 10, 12], VOILUTSequence=lut, RescaleIntercept="-10") == [0, 51, 102, 255]
    high = Sequence([table(0xFFFE, [0, 255], 8)])
    assert grey([0xFFFD, 0xFFFE, 0xFFFF], bits=16, VOILUTSequence=high) == [0, 0, 255]


@pytest.mark.parametrize(
    "item",
    [
        table(0, [0, 64, 128, 255], 8),
        table(0, bytes([0, 64, 128, 255]), 8),  # two entries to a word, as bytes
        table(0, b"".join(v.to_bytes(2, "little") for v in (0, 64, 128, 255)), 8, count=4),
        table(0, [0x4000, 0xFF80], 8, count=4),  # two entries to a word, as words
        table(0, [0, 64 * 257, 128 * 257, 65535], 16),
        table(0, [0, 1028, 2056, 4095], 12),
        table(0, [0, 1028, 2056, 4095], 10),  # more bits than it says
    ],
)
def test_voi_tables_in_every_packing(item: Dataset) -> None:
    """Entries of 8, 12 and 16 bits, packed or not, span black to white (C.11.2.1.1)."""
    assert grey([0, 1, 2, 3, 9], VOILUTSequence=Sequence([item])) == [0, 64, 128, 255, 255]


def test_a_table_of_65536_entries_says_0() -> None:
    """C.11.1.1: a number of entries of 0 means 65,536."""
    item = table(0, np.arange(65536, dtype="<u2").tobytes(), 16, count=0)
    assert grey([0, 32768, 65535], bits=16, VOILUTSequence=Sequence([item])) == [0, 128, 255]


def test_windows_stand_before_tables_and_all_can_be_chosen() -> None:
    """The first window is the default; the other windows, then the tables follow, each with its label."""
    pixels = np.array([[0, 3]], np.uint16)
    ds = header(pixels, 12, WindowCenter=["1.5", "2"], WindowWidth=["3", "4"])
    ds.WindowCenterWidthExplanation = ["BONE", "SOFT"]
    ds.VOILUTSequence = Sequence([table(0, [255, 0, 0, 0], 8, explanation="ODD")])
    pipeline = Grayscale.of(ds, pixels)
    assert [choice.label for choice in pipeline.voi] == ["BONE", "SOFT", "ODD"]
    assert [type(choice) for choice in pipeline.voi] == [Window, Window, LookupTable]
    assert pipeline.render(pixels, 2)[0].tolist() == [255, 0]


@pytest.mark.parametrize(
    ("elements", "invert"),
    [
        ({}, False),
        ({"PhotometricInterpretation": "MONOCHROME1"}, True),
        ({"PresentationLUTShape": "INVERSE"}, True),
        ({"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"}, True),
        ({"PresentationLUTShape": "IDENTITY"}, False),
    ],
)
def test_polarity_is_turned_once(elements: dict[str, str], invert: bool) -> None:
    """MONOCHROME1 and the shape INVERSE turn the picture, both together only once, as in DX (C.8.11.3.1.2)."""
    greys = grey([0, 4095], WindowCenter="2048", WindowWidth="4096", **elements)
    assert greys == ([255, 0] if invert else [0, 255])


@pytest.mark.parametrize(
    "elements",
    [
        {},
        {"WindowCenter": "10", "WindowWidth": "0"},
        {"WindowCenter": "10", "WindowWidth": "-5"},
        {"WindowCenter": "", "WindowWidth": ""},
        {"WindowCenter": "10"},
        {"VOILUTSequence": Sequence([Dataset()])},
        {"VOILUTSequence": Sequence([table(0, [1, 2], 99)])},
        {"ModalityLUTSequence": Sequence([table(0, [1, 2], 0)])},
        {"RescaleSlope": "0"},
    ],
)
def test_without_a_usable_window_the_pixels_give_one(elements: dict[str, Any]) -> None:
    """What is missing or cannot be used is replaced: the picture is neither black nor white nor an error."""
    pixels = phantom()
    pipeline = Grayscale.of(header(pixels, 12, **elements), pixels)
    assert [choice.label for choice in pipeline.voi] == ["Automatic"]
    shown = pipeline.render(pixels)
    assert shown.min() == 0
    assert shown.max() == 255
    assert 40 < shown.mean() < 200


def test_the_automatic_window_leaves_out_padding_and_outliers() -> None:
    """A padded border, a range of padding and a few dead pixels do not flatten the contrast."""
    pixels = np.full((200, 200), 60000, np.uint16)
    pixels[:, :80] = 59990
    pixels[40:160, 90:190] = np.linspace(1000, 2000, 100, dtype=np.uint16)
    pixels[100, 100] = 40000
    ds = header(pixels, 16, PixelPaddingValue=60000, PixelPaddingRangeLimit=59990)
    window = Grayscale.of(ds, pixels).voi[0]
    assert isinstance(window, Window)
    assert window.center == pytest.approx(1500, abs=15)
    assert window.width == pytest.approx(1000, abs=30)


def test_images_of_one_value_and_of_eight_bits_get_a_window_too() -> None:
    """A constant picture renders without a division by zero; a full 8-bit one is shown as it is."""
    flat = np.full((4, 4), 7, np.uint16)
    assert Grayscale.of(header(flat, 12, PixelPaddingValue=7), flat).render(flat).shape == (4, 4)
    ramp: NDArray[np.uint8] = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(Grayscale.of(header(ramp, 8), ramp).render(ramp), ramp)


@pytest.mark.parametrize("syntax", [LITTLE, BIG])
def test_tables_in_a_file_are_read_in_its_byte_order(tmp_path: Path, syntax: str) -> None:
    """LUT data of VR OW are bytes, whose order is that of the file."""
    values = np.array([0, 0x4000, 0x8000, 0xFFFF], dtype="<u2" if syntax == LITTLE else ">u2").tobytes()
    pixels = np.array([[0, 1, 2, 3]], np.uint16)
    path = native(tmp_path / "a.dcm", pixels, 12, syntax, VOILUTSequence=Sequence([table(0, values, 16, count=4)]))
    frame = decode_frame(path)
    pipeline = Grayscale.of(frame.header, frame.pixels)
    assert pipeline.render(frame.pixels)[0].tolist() == [0, 64, 128, 255]


def test_functional_groups_give_each_frame_its_own_pipeline(tmp_path: Path) -> None:
    """Enhanced multi-frame objects keep rescale and window in functional groups (C.7.6.16)."""

    def group(center: str) -> Dataset:
        voi, item = Dataset(), Dataset()
        voi.WindowCenter, voi.WindowWidth = center, "10"
        item.FrameVOILUTSequence = Sequence([voi])
        return item

    shared, transformation = Dataset(), Dataset()
    transformation.RescaleSlope, transformation.RescaleIntercept = "3", "1"
    shared.PixelValueTransformationSequence = Sequence([transformation])
    path = native(
        tmp_path / "a.dcm",
        np.stack([phantom(), phantom()]).reshape(-1, phantom().shape[1]),
        12,
        Rows=90,
        NumberOfFrames=2,
        SharedFunctionalGroupsSequence=Sequence([shared]),
        PerFrameFunctionalGroupsSequence=Sequence([group("100"), group("200")]),
    )
    for number, center in ((1, 100.0), (2, 200.0)):
        frame = decode_frame(path, number)
        pipeline = Grayscale.of(frame.header, frame.pixels)
        assert pipeline.modality_facts() == {"slope": 3.0, "intercept": 1.0}
        assert isinstance(pipeline.voi[0], Window)
        assert pipeline.voi[0].center == center
