"""The two kinds of VOI choices, and the tables behind VOI and modality LUTs (PS3.3 C.11.1, C.11.2)."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from appliance.dicom.record import text
from appliance.errors import BadInput

_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
_NAMED = {"linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}
_FAR = 1e12
_STEEPEST = 80.0  # exponent beyond which a sigmoid is flat in any arithmetic
Shown = NDArray[np.float64]


@dataclass(frozen=True)
class Window:
    """A VOI window (PS3.3 C.11.2.1.2); `function` is LINEAR, LINEAR_EXACT or SIGMOID."""

    function: str
    center: float
    width: float
    label: str

    def apply(self, values: Shown) -> Shown:
        """Modality values to 0..1."""
        if self.function == "SIGMOID":  # C.11.2.1.3.1
            steep = np.clip(-4.0 * (values - self.center) / self.width, -_STEEPEST, _STEEPEST)
            return np.asarray(1.0 / (1.0 + np.exp(steep)))
        if self.function == "LINEAR_EXACT":  # C.11.2.1.3.2
            return np.clip((values - self.center) / self.width + 0.5, 0.0, 1.0)
        if self.width <= 1:  # C.11.2.1.2.1: a step at c - 0.5
            return (values > self.center - 0.5).astype(np.float64)
        return np.clip((values - (self.center - 0.5)) / (self.width - 1) + 0.5, 0.0, 1.0)

    def facts(self) -> dict[str, Any]:
        """For the viewer."""
        return {"function": self.function, "center": self.center, "width": self.width, "label": self.label}


@dataclass(frozen=True)
class LookupTable:
    """A LUT (PS3.3 C.11.1.1, C.11.2.1.1): `values[0]` is for `first` and all below it; a VOI LUT's are 0..1."""

    first: int
    values: Shown
    label: str

    def apply(self, values: Shown) -> Shown:
        """The entry for each value; values outside the table take its ends."""
        index = np.floor(values + 0.5).astype(np.int64) - self.first
        return self.values[np.clip(index, 0, len(self.values) - 1)]

    def facts(self) -> dict[str, Any]:
        """For the viewer."""
        return {"first": self.first, "values": [round(float(v), 6) for v in self.values], "label": self.label}


def checked(window: Window) -> Window:
    """The window if it can be drawn; raises BadInput."""
    known = window.function in ("LINEAR", "LINEAR_EXACT", "SIGMOID")
    least = 1 if window.function == "LINEAR" else 1e-9
    if not (known and abs(window.center) < _FAR and least <= window.width < _FAR):
        raise BadInput(field="window", reason="center,width,function with a function of linear, linear-exact, sigmoid")
    return window


def window_of(said: str) -> Window | None:
    """A window as addresses name it (PS3.18 8.3.5.1.4): 'center,width,function'; None if empty. Raises BadInput."""
    if not said:
        return None
    try:
        center, width, function = said.split(",")
        window = Window(_NAMED[function.strip().lower()], float(center), float(width), "")
    except (KeyError, ValueError):
        window = Window("LINEAR", 0.0, 0.0, "")
    return checked(window)


def read_windows(header: Dataset) -> tuple[Window, ...]:
    """The usable windows in their order; LINEAR needs a width of at least 1, the others one above 0."""
    said = text(header, "VOILUTFunction")
    function = said if said in _FUNCTIONS else "LINEAR"
    labels = [str(label) for label in many(header, "WindowCenterWidthExplanation")]
    pairs = zip(many(header, "WindowCenter"), many(header, "WindowWidth"), strict=False)
    windows = []
    for number, (center, width) in enumerate(pairs):
        label = labels[number] if number < len(labels) else f"Window {number + 1}"
        try:
            window = Window(function, float(center), float(width), label)
        except (TypeError, ValueError):
            continue
        sound = math.isfinite(window.center) and math.isfinite(window.width) and window.width > 0
        if sound and (function != "LINEAR" or window.width >= 1):
            windows.append(window)
    return tuple(windows)


def read_voi_tables(header: Dataset, *, signed: bool) -> tuple[LookupTable, ...]:
    """The usable VOI LUTs in their order, entries as 0..1; `signed` if modality values go below 0."""
    tables = []
    for number, item in enumerate(header.get("VOILUTSequence") or []):
        label = text(item, "LUTExplanation") or f"Curve {number + 1}"
        try:
            table, bits = read_table(item, signed=signed, little_endian=_little_endian(header), label=label)
        except (AttributeError, IndexError, TypeError, ValueError):
            continue
        most = max(2**bits - 1, int(table.values.max()))  # some units understate the bits of their entries
        tables.append(LookupTable(table.first, table.values / most, label))
    return tuple(tables)


def read_modality_table(header: Dataset, *, signed: bool) -> LookupTable | None:
    """The modality LUT, if there is a usable one; `signed` if the stored values are."""
    items = header.get("ModalityLUTSequence") or []
    try:
        return read_table(items[0], signed=signed, little_endian=_little_endian(header), label="")[0]
    except (AttributeError, IndexError, TypeError, ValueError):
        return None


def read_table(item: Dataset, *, signed: bool, little_endian: bool, label: str) -> tuple[LookupTable, int]:
    """A LUT item's table and the bits of its entries; raises AttributeError, IndexError, TypeError, ValueError."""
    count, first, bits = (int(v) for v in item.LUTDescriptor)
    count = (count & 0xFFFF) or 2**16
    first = (first & 0xFFFF) - (0x10000 if signed and first & 0x8000 else 0)  # its VR, US or SS, is often wrong
    if not 1 <= bits <= 16:
        raise ValueError("a table of impossible depth")
    values = _entries(item, count, bits, little_endian)[:count]
    if not len(values):
        raise ValueError("an empty table")
    return LookupTable(first, values.astype(np.float64), label), bits


def _entries(item: Dataset, count: int, bits: int, little_endian: bool) -> NDArray[Any]:
    """LUT Data as numbers; 8-bit entries may come two to a word (PS3.3 C.11.1.1.1)."""
    data = item["LUTData"].value
    if not isinstance(data, bytes):
        words = np.asarray(many(item, "LUTData"), dtype=np.int64) & 0xFFFF
        packed = bits <= 8 and len(words) < count
        return np.stack([words & 0xFF, words >> 8], axis=-1).reshape(-1) if packed else words
    if bits <= 8 and len(data) < 2 * count:
        return np.frombuffer(data, np.uint8)
    return np.frombuffer(data[: len(data) // 2 * 2], "<u2" if little_endian else ">u2")


def many(header: Dataset, keyword: str) -> list[Any]:
    """The values of an element, however many."""
    value = header.get(keyword)
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, list | MultiValue) else [value]


def _little_endian(header: Dataset) -> bool:
    return header.original_encoding[1] is not False
