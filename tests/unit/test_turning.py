"""Overlays turn with their picture."""

import numpy as np
import pytest
from pydicom.dataset import Dataset

from appliance.dicom.repair import TURNS, Rules
from appliance.errors import CannotDisplay
from appliance.imaging.turning import turn_overlays, turned

ROWS, COLUMNS = 7, 11


def _drawn(ds: Dataset) -> np.ndarray:
    """The overlay on a plane of the picture's size, as a viewer lays it."""
    plane = np.zeros((ds.Rows, ds.Columns), np.uint8)
    height, width = ds[0x6000, 0x0010].value, ds[0x6000, 0x0011].value
    bits = np.unpackbits(np.frombuffer(ds[0x6000, 0x3000].value, np.uint8), bitorder="little")
    top, left = (value - 1 for value in ds[0x6000, 0x0050].value)
    plane[top : top + height, left : left + width] = bits[: height * width].reshape(height, width)
    return plane


def _picture(height: int, width: int, top: int, left: int) -> Dataset:
    bits = np.random.default_rng(7).integers(0, 2, (height, width), np.uint8)
    ds = Dataset()
    ds.Rows, ds.Columns = ROWS, COLUMNS
    ds.add_new((0x6000, 0x0010), "US", height)
    ds.add_new((0x6000, 0x0011), "US", width)
    ds.add_new((0x6000, 0x0050), "SS", [top + 1, left + 1])
    ds.add_new((0x6000, 0x3000), "OW", np.packbits(bits.ravel(), bitorder="little").tobytes())
    return ds


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("place", [(ROWS, COLUMNS, 0, 0), (3, 5, 2, 4)])
def test_an_overlay_stays_where_it_was(place: tuple[int, int, int, int], turn: int, mirror: bool) -> None:
    """Full size or a part of it, each turn, mirrored or not."""
    ds, rules = _picture(*place), Rules(turn=turn, mirror=mirror)
    wanted = turned(_drawn(ds), rules)
    if turn in (90, 270):
        ds.Rows, ds.Columns = ds.Columns, ds.Rows
    turn_overlays(ds, rules)
    assert np.array_equal(_drawn(ds), wanted)
    assert len(ds[0x6000, 0x3000].value) % 2 == 0


def test_an_overlay_that_is_cut_short_says_so() -> None:
    """Nothing is made up."""
    ds = _picture(ROWS, COLUMNS, 0, 0)
    ds[0x6000, 0x3000].value = b"\x01\x00"
    with pytest.raises(CannotDisplay, match="cut short"):
        turn_overlays(ds, Rules(turn=180))
