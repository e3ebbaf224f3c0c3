"""From stored values to what is shown: modality LUT, VOI LUT, polarity (PS3.3 C.11, PS3.4 N.2)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.pixels.processing import apply_modality_lut

from appliance.dicom.record import text
from appliance.imaging.decode import Pixels

_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
_EDGE_PERCENT = 0.5  # darkest and brightest share that the automatic window leaves out
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
            return 1.0 / (1.0 + np.exp(np.clip(-4.0 * (values - self.center) / self.width, -700, 700)))
        if self.function == "LINEAR_EXACT":  # C.11.2.1.3.2
            return np.clip((values - self.center) / self.width + 0.5, 0.0, 1.0)
        if self.width <= 1:  # C.11.2.1.2.1: a step at c - 0.5
            return (values > self.center - 0.5).astype(np.float64)
        return np.clip((values - (self.center - 0.5)) / (self.width - 1) + 0.5, 0.0, 1.0)

    def facts(self) -> dict[str, Any]:
        """For the viewer."""
        return {"function": self.function, "center": self.center, "width": self.width, "label": self.label}


@dataclass(frozen=True)
class Table:
    """A VOI LUT (PS3.3 C.11.2.1.1): `values` in 0..1, the first for modality value `first`."""

    first: int
    values: NDArray[np.float64]
    label: str

    def apply(self, values: Shown) -> Shown:
        """Modality values to 0..1; values outside the table take its ends."""
        index = np.clip(np.rint(values).astype(np.int64) - self.first, 0, len(self.values) - 1)
        return self.values[index]

    def facts(self) -> dict[str, Any]:
        """For the viewer."""
        return {"first": self.first, "values": [round(float(v), 6) for v in self.values], "label": self.label}


@dataclass(frozen=True)
class Grayscale:
    """The pipeline of one image; `voi` holds the choices, the first is the default."""

    header: Dataset
    voi: tuple[Window | Table, ...]
    invert: bool

    @classmethod
    def of(cls, header: Dataset, pixels: Pixels) -> "Grayscale":
        """Read the pipeline from the data set; without a usable VOI, a window from the pixels themselves."""
        choices: list[Window | Table] = [*_windows(header), *_tables(header)]
        pipeline = cls(header, tuple(choices), _inverted(header))
        return pipeline if choices else cls(header, (pipeline.window_from(pixels),), pipeline.invert)

    def modality(self, pixels: Pixels) -> Shown:
        """Stored values to modality values."""
        try:
            return np.asarray(apply_modality_lut(pixels, self.header), dtype=np.float64)
        except Exception:  # an unusable modality LUT counts as none
            return pixels.astype(np.float64)

    def modality_facts(self) -> dict[str, Any]:
        """Slope and intercept, or the table, for the viewer."""
        if self.header.get("ModalityLUTSequence"):
            item = self.header.ModalityLUTSequence[0]
            first, values = _descriptor(item, self.header)
            return {"first": first, "values": [int(v) for v in values]}
        return {
            "slope": _number(self.header, "RescaleSlope", 1.0),
            "intercept": _number(self.header, "RescaleIntercept", 0.0),
        }

    def window_from(self, pixels: Pixels) -> Window:
        """A window over all but the extreme values; padding does not count."""
        sample = pixels[:: max(1, pixels.shape[0] // 512), :: max(1, pixels.shape[1] // 512)]
        padding = self.header.get("PixelPaddingValue")
        if padding is not None and (sample != padding).any():
            sample = sample[sample != padding]
        low, high = np.percentile(self.modality(sample), [_EDGE_PERCENT, 100 - _EDGE_PERCENT])
        width = max(1.0, float(high - low))
        return Window("LINEAR_EXACT", float(low) + width / 2, width, "Automatic")

    def render(self, pixels: Pixels, choice: int = 0) -> NDArray[np.uint8]:
        """Stored values (rows, columns) to 8-bit grey values for a screen."""
        shown = self.voi[choice].apply(self.modality(pixels))
        return np.rint((1.0 - shown if self.invert else shown) * 255.0).astype(np.uint8)


def _inverted(header: Dataset) -> bool:
    """MONOCHROME1, or PresentationLUTShape INVERSE where it does not merely restate MONOCHROME1."""
    if text(header, "PhotometricInterpretation") == "MONOCHROME1":
        return True
    return text(header, "PresentationLUTShape") == "INVERSE"


def _number(header: Dataset, keyword: str, otherwise: float) -> float:
    try:
        return float(header[keyword].value)
    except (KeyError, TypeError, ValueError):
        return otherwise


def _many(header: Dataset, keyword: str) -> list[Any]:
    value = header.get(keyword)
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, list | MultiValue) else [value]


def _windows(header: Dataset) -> list[Window]:
    function = text(header, "VOILUTFunction") or "LINEAR"
    labels = [str(label) for label in _many(header, "WindowCenterWidthExplanation")]
    windows = []
    for number, (center, width) in enumerate(
        zip(_many(header, "WindowCenter"), _many(header, "WindowWidth"), strict=False)
    ):
        try:
            window = Window(
                function if function in _FUNCTIONS else "LINEAR",
                float(center),
                float(width),
                labels[number] if number < len(labels) else f"Window {number + 1}",
            )
        except (TypeError, ValueError):
            continue
        if window.width >= 1 or (window.width > 0 and window.function != "LINEAR"):
            windows.append(window)
    return windows


def _tables(header: Dataset) -> list[Table]:
    tables = []
    for number, item in enumerate(header.get("VOILUTSequence") or []):
        try:
            first, values = _descriptor(item, header)
            depth = min(16, int(item.LUTDescriptor[2]))
        except (AttributeError, IndexError, TypeError, ValueError):
            continue
        label = text(item, "LUTExplanation") or f"Curve {number + 1}"
        tables.append(Table(first, np.clip(values / (2**depth - 1), 0.0, 1.0), label))
    return tables


def _descriptor(item: Dataset, header: Dataset) -> tuple[int, NDArray[np.float64]]:
    """First mapped value and entries of a LUT item (PS3.3 C.11.1.1.1)."""
    count, first, bits = (int(v) for v in item.LUTDescriptor)
    data = item["LUTData"].value
    if isinstance(data, bytes):
        values = np.frombuffer(data, dtype=np.uint16 if bits > 8 or len(data) >= 2 * count else np.uint8)
    else:
        values = np.asarray(_many(item, "LUTData"), dtype=np.int64) & 0xFFFF
    if header.get("PixelRepresentation") == 1 and first >= 2**15:
        first -= 2**16
    entries = count or 2**16
    if len(values) < 1:
        raise ValueError("an empty table")
    return first, values[:entries].astype(np.float64)
