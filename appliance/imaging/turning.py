"""Pixels and overlays turned and mirrored together, by the rules of an odd unit."""

import numpy as np
from pydicom.dataset import Dataset

from appliance.dicom.repair import Rules
from appliance.errors import CannotDisplay
from appliance.imaging.codecs import Pixels

OVERLAY_GROUPS = range(0x6000, 0x6020, 2)  # PS3.5 7.6
_ROWS, _COLUMNS, _FRAMES, _ORIGIN, _DATA = 0x0010, 0x0011, 0x0015, 0x0050, 0x3000


def turned(pixels: Pixels, rules: Rules) -> Pixels:
    """Rows and columns after a turn clockwise and a mirroring."""
    pixels = np.rot90(pixels, -rules.turn // 90)
    return np.fliplr(pixels) if rules.mirror else pixels


def turn_overlays(ds: Dataset, rules: Rules) -> None:
    """Turn every overlay (PS3.3 C.9.2) of a picture whose header was turned already; raises CannotDisplay."""
    rows, columns = (ds.Columns, ds.Rows) if rules.turn in (90, 270) else (ds.Rows, ds.Columns)
    for group in OVERLAY_GROUPS:
        if (group, _ROWS) in ds and (group, _COLUMNS) in ds:
            _turn_overlay(ds, group, rules, int(rows), int(columns))


def _turn_overlay(ds: Dataset, group: int, rules: Rules, rows: int, columns: int) -> None:
    height, width = int(ds[group, _ROWS].value), int(ds[group, _COLUMNS].value)
    origin = ds[group, _ORIGIN].value if (group, _ORIGIN) in ds else None
    top, left = (int(origin[0]) - 1, int(origin[1]) - 1) if origin is not None and len(origin) == 2 else (0, 0)
    if (group, _DATA) in ds:  # else its bits are in the pixels and turn with them
        frames = int(ds[group, _FRAMES].value or 1) if (group, _FRAMES) in ds else 1
        ds[group, _DATA].value = _turned_bits(ds[group, _DATA].value, (frames, height, width), rules)
    for _ in range(rules.turn // 90):
        top, left, height, width, rows, columns = left, rows - top - height, width, height, columns, rows
    if rules.mirror:
        left = columns - left - width
    ds[group, _ROWS].value, ds[group, _COLUMNS].value = height, width
    if (group, _ORIGIN) in ds:
        ds[group, _ORIGIN].value = [top + 1, left + 1]


def _turned_bits(packed: bytes, shape: tuple[int, int, int], rules: Rules) -> bytes:
    """One bit a pixel, the first in the lowest bit (PS3.5 8.1.2), padded to an even length."""
    frames, height, width = shape
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little")
    if bits.size < frames * height * width:
        raise CannotDisplay(reason="its overlay is cut short")
    planes = bits[: frames * height * width].reshape(shape)
    made = np.packbits(np.concatenate([turned(plane, rules).ravel() for plane in planes]), bitorder="little").tobytes()
    return made + b"\x00" * (len(made) % 2)
