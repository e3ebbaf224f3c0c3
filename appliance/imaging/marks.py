"""What lies on a picture and is no pixel of it: overlays, shutters, padding, as one plane of flags."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pydicom.dataset import Dataset

from appliance.imaging.decode import Frame
from appliance.imaging.padding import padding_range
from appliance.imaging.source import integer
from appliance.imaging.voi import many

OVERLAY, SHUTTER, PADDING = 1, 2, 4
_OVERLAY_GROUPS = range(0x6000, 0x601F, 2)
Flags = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def marks(frame: Frame, number: int = 1) -> Flags | None:
    """(rows, columns) of OVERLAY, SHUTTER and PADDING for frame `number`, None where nothing is marked.

    References: overlays PS3.3 C.9.2, shutters C.7.6.11, padding C.7.5.1.1.2.
    """
    rows, columns = _size(frame)
    flags = np.zeros((rows, columns), np.uint8)
    for overlay in overlays(frame, number):
        flags[overlay] |= OVERLAY
    flags[shuttered(frame.header, rows, columns)] |= SHUTTER
    padding = padding_range(frame.header, frame.pixels)
    if padding:
        flags[(frame.pixels >= padding[0]) & (frame.pixels <= padding[1])] |= PADDING
    return flags if flags.any() else None


def overlays(frame: Frame, number: int) -> list[Mask]:
    """The overlay planes that apply to a frame, each as large as the picture; one that cannot be read is left out."""
    found = []
    for group in _OVERLAY_GROUPS:
        if (group, 0x0010) in frame.header:
            try:
                found.append(_overlay(frame, number, group))
            except (AttributeError, IndexError, KeyError, TypeError, ValueError):
                continue
    return found


def _size(frame: Frame) -> tuple[int, int]:
    return int(frame.pixels.shape[0]), int(frame.pixels.shape[1])


def _overlay(frame: Frame, number: int, group: int) -> Mask:
    if (group, 0x3000) not in frame.header:
        return _embedded(frame, group)
    own_rows, own_columns = (int(frame.header[group, element].value) for element in (0x0010, 0x0011))
    bits = _own_plane(frame.header, number, group, own_rows, own_columns)
    origin = _values(frame.header, group, 0x0050) or [1, 1]
    rows, columns = _size(frame)
    whole = np.zeros((rows, columns), np.bool_)
    top, left = int(origin[0]) - 1, int(origin[1]) - 1
    row, column = np.nonzero(bits)
    row, column = row + top, column + left
    seen = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    whole[row[seen], column[seen]] = True
    return whole


def _embedded(frame: Frame, group: int) -> Mask:
    """A plane in a bit of the pixels that they do not use themselves (retired, PS3.5 8.1.2)."""
    position = int(frame.header[group, 0x0102].value)
    high = integer(frame.header, "HighBit", 7)
    own = range(high - integer(frame.header, "BitsStored", 8) + 1, high + 1)
    allocated = int(frame.header[group, 0x0100].value)
    if frame.unmasked is None or position in own or allocated != 8 * frame.unmasked.dtype.itemsize:
        raise ValueError("no plane in the pixels")
    return np.asarray((frame.unmasked.astype(np.int64) >> position) & 1, np.bool_)


def _own_plane(header: Dataset, number: int, group: int, rows: int, columns: int) -> Mask:
    """The plane for one frame of Overlay Data, bits packed from the lowest (PS3.5 8.1.2, D)."""
    first = int((_values(header, group, 0x0051) or [1])[0])
    planes = int((_values(header, group, 0x0015) or [1])[0])
    at = number - first if planes > 1 else 0
    if not 0 <= at < planes:
        return np.zeros((rows, columns), np.bool_)
    element = header[group, 0x3000]
    data = np.frombuffer(element.value, np.uint8)
    if element.VR == "OW" and header.original_encoding[1] is False:
        data = data[: len(data) // 2 * 2].reshape(-1, 2)[:, ::-1].reshape(-1)
    first_bit, count = at * rows * columns, rows * columns
    bits = np.unpackbits(data[first_bit // 8 : (first_bit + count + 7) // 8], bitorder="little")
    plane = bits[first_bit % 8 : first_bit % 8 + count]
    return np.pad(plane, (0, count - len(plane))).reshape(rows, columns).astype(np.bool_)


def _values(header: Dataset, group: int, element: int) -> list[Any]:
    if (group, element) not in header:
        return []
    value = header[group, element].value
    return [] if value is None else [value] if isinstance(value, int | str) else list(value)


def shuttered(header: Dataset, rows: int, columns: int) -> Mask:
    """(rows, columns), true where a display shutter covers the picture; what is open must be so in every shape."""
    shapes: dict[str, Callable[[Dataset, int, int], Mask]] = {
        "RECTANGULAR": _rectangle,
        "CIRCULAR": _circle,
        "POLYGONAL": _polygon,
    }
    covered = np.zeros((rows, columns), np.bool_)
    for shape in many(header, "ShutterShape"):
        try:
            covered |= ~shapes[str(shape)](header, rows, columns)
        except (IndexError, KeyError, TypeError, ValueError):
            continue
    return covered


def _rectangle(header: Dataset, rows: int, columns: int) -> Mask:
    edges = [f"Shutter{side}Edge" for side in ("UpperHorizontal", "LowerHorizontal", "LeftVertical", "RightVertical")]
    upper, lower, left, right = (int(header[edge].value) for edge in edges)
    row, column = np.ogrid[1 : rows + 1, 1 : columns + 1]
    return np.asarray((row >= upper) & (row <= lower) & (column >= left) & (column <= right))


def _circle(header: Dataset, rows: int, columns: int) -> Mask:
    middle_row, middle_column = (float(v) for v in header["CenterOfCircularShutter"].value)
    radius = float(header["RadiusOfCircularShutter"].value)
    row, column = np.ogrid[1 : rows + 1, 1 : columns + 1]
    return np.asarray((row - middle_row) ** 2 + (column - middle_column) ** 2 <= radius**2)


def _polygon(header: Dataset, rows: int, columns: int) -> Mask:
    numbers = [int(v) for v in header["VerticesOfThePolygonalShutter"].value]
    corners = [(column - 1, row - 1) for row, column in zip(numbers[::2], numbers[1::2], strict=True)]
    image = Image.new("1", (columns, rows))
    ImageDraw.Draw(image).polygon(corners, fill=1, outline=1)
    return np.asarray(image)


def shutter_grey(header: Dataset) -> float:
    """What a shutter is drawn with, 0 (black, unless told otherwise) to 1 (Shutter Presentation Value, C.7.6.11)."""
    return min(1.0, max(0.0, integer(header, "ShutterPresentationValue", 0) / 0xFFFF))
