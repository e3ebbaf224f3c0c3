"""Overlays, shutters and padding: PS3.3 C.9.2, C.7.6.11, C.7.5.1.1.2."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.imaging.decode import decode_frame
from appliance.imaging.marks import OVERLAY, PADDING, SHUTTER, marks, shutter_grey
from appliance.imaging.picture import make_packet
from appliance.imaging.preview import render
from tests.packets import read_packet
from tests.unit.test_imaging_files import BIG, LITTLE, header, native, write

ROWS, COLUMNS = 6, 8


def flags(path: Path, number: int = 1) -> NDArray[np.uint8]:
    """The plane of a stored picture, zeros where there is none."""
    found = marks(decode_frame(path, number), number)
    return np.zeros((ROWS, COLUMNS), np.uint8) if found is None else found


def picture() -> NDArray[np.uint16]:
    """Values that count up from 0."""
    return np.arange(ROWS * COLUMNS, dtype=np.uint16).reshape(ROWS, COLUMNS)


def overlay(ds: Any, plane: NDArray[np.bool_], *, group: int = 0x6000, origin: tuple[int, int] = (1, 1)) -> None:
    """Add an overlay plane to a header; `plane` is (rows, columns) or (frames, rows, columns)."""
    rows, columns = plane.shape[-2:]
    bits = np.packbits(plane.reshape(-1), bitorder="little").tobytes()
    ds.add_new((group, 0x0010), "US", rows)
    ds.add_new((group, 0x0011), "US", columns)
    ds.add_new((group, 0x0040), "CS", "G")
    ds.add_new((group, 0x0050), "SS", list(origin))
    ds.add_new((group, 0x0100), "US", 1)
    ds.add_new((group, 0x0102), "US", 0)
    if plane.ndim == 3:
        ds.add_new((group, 0x0015), "IS", len(plane))
        ds.add_new((group, 0x0051), "US", 1)
    ds.add_new((group, 0x3000), "OW", bits + b"\0" * (len(bits) % 2))


@pytest.mark.parametrize("origin", [(1, 1), (3, 4), (0, -1), (7, 9)])
def test_an_overlay_lies_where_its_origin_says(tmp_path: Path, origin: tuple[int, int]) -> None:
    """A cross of 3 x 3, also half or wholly off the picture."""
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool)
    ds = header(picture(), 12)
    overlay(ds, cross, origin=origin)
    expected = np.zeros((ROWS + 20, COLUMNS + 20), bool)
    expected[origin[0] + 9 : origin[0] + 12, origin[1] + 9 : origin[1] + 12] = cross
    shown = flags(write(tmp_path / "a.dcm", ds, picture().tobytes()))
    assert np.array_equal(shown == OVERLAY, expected[10:-10, 10:-10])


def test_two_overlays_are_both_drawn_and_a_damaged_one_is_left_out(tmp_path: Path) -> None:
    """Groups 6000 and 6002; a third without size does not hide them."""
    ds = header(picture(), 12)
    for group, row in ((0x6000, 0), (0x6002, 5)):
        plane = np.zeros((ROWS, COLUMNS), bool)
        plane[row] = True
        overlay(ds, plane, group=group)
    ds.add_new((0x6004, 0x0010), "US", ROWS)
    shown = flags(write(tmp_path / "a.dcm", ds, picture().tobytes()))
    assert (shown[[0, 5]] == OVERLAY).all()
    assert not shown[1:5].any()


def test_each_frame_has_its_own_overlay_frame(tmp_path: Path) -> None:
    """Number of Frames in Overlay; planes need not start at a byte."""
    planes = np.zeros((2, 3, 3), bool)
    planes[0, 0, 0] = planes[1, 2, 2] = True
    ds = header(picture(), 12, NumberOfFrames=2)
    overlay(ds, planes)
    path = write(tmp_path / "a.dcm", ds, picture().tobytes() * 2)
    assert np.argwhere(flags(path, 1)).tolist() == [[0, 0]]
    assert np.argwhere(flags(path, 2)).tolist() == [[2, 2]]


@pytest.mark.parametrize("syntax", [LITTLE, BIG])
def test_an_overlay_in_the_high_bits_of_the_pixels(tmp_path: Path, syntax: str) -> None:
    """Bit 14 of 16 where 12 are stored is an overlay and no part of the value."""
    pixels = picture()
    pixels[2, 3] |= 1 << 14
    path = native(tmp_path / "a.dcm", pixels, 12, syntax)
    assert not flags(path).any()
    ds = header(pixels, 12)
    for element, value in ((0x0010, ROWS), (0x0011, COLUMNS), (0x0100, 16), (0x0102, 14)):
        ds.add_new((0x6000, element), "US", value)
    path = write(tmp_path / "b.dcm", ds, pixels.tobytes())
    assert np.argwhere(flags(path) == OVERLAY).tolist() == [[2, 3]]
    assert np.array_equal(decode_frame(path).pixels, picture())


def test_shutters_cover_what_no_shape_leaves_open(tmp_path: Path) -> None:
    """A rectangle and a circle together; the edges themselves are open."""
    elements = {
        "ShutterShape": ["RECTANGULAR", "CIRCULAR"],
        "ShutterLeftVerticalEdge": 2,
        "ShutterRightVerticalEdge": 7,
        "ShutterUpperHorizontalEdge": 2,
        "ShutterLowerHorizontalEdge": 5,
        "CenterOfCircularShutter": [3, 4],
        "RadiusOfCircularShutter": 2,
        "ShutterPresentationValue": 0xFFFF,
    }
    path = native(tmp_path / "a.dcm", picture(), 12, **elements)
    row, column = np.mgrid[1 : ROWS + 1, 1 : COLUMNS + 1]
    is_open = (row >= 2) & (row <= 5) & (column >= 2) & (column <= 7) & (np.hypot(row - 3, column - 4) <= 2)
    assert np.array_equal(flags(path) == SHUTTER, ~is_open)
    assert shutter_grey(decode_frame(path).header) == 1.0


def test_a_polygonal_shutter(tmp_path: Path) -> None:
    """A triangle, given row by column from 1."""
    corners = [1, 1, 6, 1, 6, 6]
    path = native(tmp_path / "a.dcm", picture(), 12, ShutterShape="POLYGONAL", VerticesOfThePolygonalShutter=corners)
    row, column = np.mgrid[0:ROWS, 0:COLUMNS]
    assert np.array_equal(flags(path) == SHUTTER, column > row)


@pytest.mark.parametrize(("value", "limit", "expected"), [(0, None, 1), (40, 47, 8), (47, 40, 8), (100, None, 0)])
def test_padding_is_a_value_or_a_range(tmp_path: Path, value: int, limit: int | None, expected: int) -> None:
    """Both ends count, in either order."""
    elements = {"PixelPaddingValue": value} | ({} if limit is None else {"PixelPaddingRangeLimit": limit})
    assert (flags(native(tmp_path / "a.dcm", picture(), 12, **elements)) == PADDING).sum() == expected


def test_marks_travel_in_the_packet(tmp_path: Path) -> None:
    """The plane comes back as it was; a picture without marks has no such part."""
    plain = read_packet(make_packet(native(tmp_path / "a.dcm", picture(), 12), 1))
    assert plain[1].keys() == {"pixels"}
    head, parts = read_packet(make_packet(native(tmp_path / "b.dcm", picture(), 12, PixelPaddingValue=9), 1))
    assert np.argwhere(parts["marks"]).tolist() == [[1, 1]]
    assert np.array_equal(parts["pixels"], picture())
    assert (head["rows"], head["columns"]) == (ROWS, COLUMNS)


@pytest.mark.parametrize("shape", [(40, 60), (40, 60, 3)], ids=["grey", "colour"])
def test_a_preview_is_covered_too_and_the_frame_is_not_changed(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """What a shutter hides, such as a name in the picture, is in no list."""
    shutter = {
        "ShutterShape": "RECTANGULAR",
        "ShutterPresentationValue": 0,
        "ShutterLeftVerticalEdge": 11,
        "ShutterRightVerticalEdge": 60,
        "ShutterUpperHorizontalEdge": 1,
        "ShutterLowerHorizontalEdge": 40,
    }
    pixels = np.full(shape, 200, np.uint8)
    frame = decode_frame(native(tmp_path / "a.dcm", pixels, 8, **shutter, WindowCenter=128, WindowWidth=256))
    shown = np.asarray(render(frame, 1000))
    assert not shown[:, :9].any() and (shown[:, 11:] == 200).all()
    assert np.array_equal(frame.pixels, pixels)
