"""From stored values to what is shown: modality LUT, VOI LUT, polarity (PS3.3 C.7.6.3.1, C.11; PS3.4 N.2).

Of windows and VOI LUTs, which the standard gives as alternatives, the windows come first and so the first window is the
default: dcm4che does the same (its `preferWindow` is true unless told otherwise), and a mouse can move a window only.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from appliance.dicom.record import text
from appliance.imaging.decode import Pixels
from appliance.imaging.padding import padding_range
from appliance.imaging.source import integer
from appliance.imaging.voi import LookupTable, Shown, Window, many, read_modality_table, read_voi_tables, read_windows

_EDGE_PERCENT = 0.5  # darkest and brightest share that the automatic window leaves out
_SAMPLED = 512  # rows and columns that the automatic window looks at


@dataclass(frozen=True)
class Rescale:
    """The linear modality transformation (PS3.3 C.11.1.1.2)."""

    slope: float = 1.0
    intercept: float = 0.0

    def apply(self, values: Shown) -> Shown:
        """Stored values to modality values."""
        return values * self.slope + self.intercept

    def facts(self) -> dict[str, Any]:
        """For the viewer."""
        return {"slope": self.slope, "intercept": self.intercept}


@dataclass(frozen=True)
class Grayscale:
    """The pipeline of one image; `voi` holds the choices, windows before LUTs, the first is the default."""

    modality: Rescale | LookupTable
    voi: tuple[Window | LookupTable, ...]
    invert: bool

    @classmethod
    def of(cls, header: Dataset, pixels: Pixels) -> "Grayscale":
        """Read the pipeline; without a usable VOI, a window is found from the pixels, (rows, columns) stored values."""
        modality = _modality(header, pixels)
        below_zero = bool((modality.apply(_extremes(pixels)) < 0).any())
        choices: tuple[Window | LookupTable, ...] = read_windows(header)
        choices += read_voi_tables(header, signed=below_zero)
        return cls(modality, choices or (_window_from(header, pixels, modality),), _inverted(header))

    def render(self, pixels: Pixels, choice: int = 0) -> NDArray[np.uint8]:
        """Stored values (rows, columns) to 8-bit grey values for a screen; integers by a table of all there can be."""
        if pixels.dtype.kind == "f":
            return self._grey(pixels.astype(np.float64), choice)
        low, high = (int(v) for v in _extremes(pixels))
        return self._grey(np.arange(low, high + 1, dtype=np.float64), choice)[pixels.astype(np.int32) - low]

    def _grey(self, values: Shown, choice: int) -> NDArray[np.uint8]:
        shown = self.voi[choice].apply(self.modality.apply(values))
        return np.floor((1.0 - shown if self.invert else shown) * 255.0 + 0.5).astype(np.uint8)

    def modality_facts(self) -> dict[str, Any]:
        """Slope and intercept, or first and values, for the viewer."""
        facts = self.modality.facts()
        facts.pop("label", None)
        return facts


def _extremes(pixels: Pixels) -> Shown:
    return np.array([pixels.min(), pixels.max()], dtype=np.float64)


def _modality(header: Dataset, pixels: Pixels) -> Rescale | LookupTable:
    """A modality LUT stands before a rescale, as in dcmtk; what is unusable counts as none."""
    table = read_modality_table(header, signed=pixels.dtype.kind == "i")
    if table is not None:
        return table
    slope, intercept = _number(header, "RescaleSlope", 1.0), _number(header, "RescaleIntercept", 0.0)
    return Rescale(slope, intercept) if slope else Rescale()


def _number(header: Dataset, keyword: str, otherwise: float) -> float:
    try:
        number = float(many(header, keyword)[0])
    except (IndexError, TypeError, ValueError):
        return otherwise
    return number if np.isfinite(number) else otherwise


def _inverted(header: Dataset) -> bool:
    """MONOCHROME1, or the presentation LUT shape INVERSE; a DX image says both and means one (PS3.3 C.8.11.3.1.2)."""
    if text(header, "PhotometricInterpretation") == "MONOCHROME1":
        return True
    return text(header, "PresentationLUTShape") == "INVERSE"


def _window_from(header: Dataset, pixels: Pixels, modality: Rescale | LookupTable) -> Window:
    """A window over all but the extreme values; 8-bit pixels that fill half their range are shown over all of it."""
    sample = pixels[:: max(1, pixels.shape[0] // _SAMPLED), :: max(1, pixels.shape[1] // _SAMPLED)]
    sample = _without_padding(sample.reshape(-1), padding_range(header, pixels))
    low, high = np.percentile(modality.apply(sample.astype(np.float64)), [_EDGE_PERCENT, 100 - _EDGE_PERCENT])
    bits = min(integer(header, "BitsStored", 16), pixels.dtype.itemsize * 8)
    if pixels.dtype == np.uint8 and modality == Rescale() and 2 * (high - low) >= 2**bits - 1:
        low, high = 0.0, 2.0**bits - 1
    width = max(float(high - low), 1e-6 if high > low else 1.0)
    return Window("LINEAR_EXACT", float(low) + width / 2, width, "Automatic")


def _without_padding(sample: Pixels, padding: tuple[int, int] | None) -> Pixels:
    """Leave out padding, unless nothing else is there."""
    if padding is None:
        return sample
    kept = sample[(sample < padding[0]) | (sample > padding[1])]
    return kept if kept.size else sample
