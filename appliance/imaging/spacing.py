"""Proportions of a pixel, and what a millimetre of a picture means; never guessed (PS3.3 10.7)."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydicom.dataset import Dataset

from appliance.dicom.record import text

_MOST = 20.0
_LEAST_MM, _MOST_MM = 1e-4, 20.0
_CROSS_SECTIONS = ("CT", "MR", "PT", "NM")
_CENTIMETRES = 3  # Physical Units X and Y Direction, PS3.3 C.8.5.5.1.15
_WORDS = {
    "patient": "calibrated at the patient",
    "estimated": "detector plane, less the unit’s estimated magnification",
    "detector": "in the detector plane: the patient is smaller",
    "film": "at the scanned film",
    "unsaid": "as the unit gave it, probably in the detector plane",
    "region": "calibrated by the ultrasound unit",
}


@dataclass(frozen=True)
class Spacing:
    """Millimetres by row and by column step; `basis` says where they hold, `words` tells it to people."""

    row_mm: float
    column_mm: float
    basis: Literal["patient", "estimated", "detector"]
    words: str


def pixel_aspect(header: Dataset) -> float:
    """Height of a pixel divided by its width: from spacing, else from the aspect ratio, else 1 (PS3.3 C.7.6.3.1.7)."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio"):
        try:
            vertical, horizontal = (float(v) for v in header[keyword].value)
            aspect = vertical / horizontal
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            continue
        if math.isfinite(aspect) and 1 / _MOST <= aspect <= _MOST:
            return aspect
    return 1.0


def scale(header: Dataset, number: int) -> dict[str, Any]:
    """`spacing` of frame `number` and ultrasound `regions`, for the page; empty where the file has none."""
    found: dict[str, Any] = {}
    if spacing := spacing_of(header, number):
        found["spacing"] = asdict(spacing)
    if regions := list(_regions(header)):
        found["regions"] = regions
    return found


def whole_scale(header: Dataset) -> Spacing | None:
    """The scale of a whole picture, for a bar on it: its spacing, else that of its only ultrasound region."""
    if spacing := spacing_of(header, 1):
        return spacing
    regions = list(_regions(header))
    if len(regions) != 1:
        return None
    return Spacing(regions[0]["row_mm"], regions[0]["column_mm"], "patient", _WORDS["region"])


def spacing_of(header: Dataset, number: int) -> Spacing | None:
    """PS3.3 10.7.1.3: Pixel Spacing that equals Imager Pixel Spacing, or that nobody calibrated, is the detector's."""
    at_pixels = _pair(header, "PixelSpacing") or _shared_pair(header, number)
    at_detector = _pair(header, "ImagerPixelSpacing")
    if at_pixels and text(header, "Modality") in _CROSS_SECTIONS:
        return Spacing(*at_pixels, "patient", _WORDS["patient"])
    calibrated = text(header, "PixelSpacingCalibrationType") or (at_detector and not _same(at_pixels, at_detector))
    if at_pixels and calibrated:
        return Spacing(*at_pixels, "patient", _WORDS["patient"])
    if at_detector:
        magnification = _number(header, "EstimatedRadiographicMagnificationFactor")
        if magnification and magnification > 1:
            row_mm, column_mm = (mm / magnification for mm in at_detector)
            return Spacing(row_mm, column_mm, "estimated", _WORDS["estimated"])
        return Spacing(*at_detector, "detector", _WORDS["detector"])
    if at_pixels:
        return Spacing(*at_pixels, "detector", _WORDS["unsaid"])
    scanned = _pair(header, "NominalScannedPixelSpacing")
    return Spacing(*scanned, "detector", _WORDS["film"]) if scanned else None


def _pair(header: Dataset, keyword: str) -> tuple[float, float] | None:
    """Millimetres between rows and between columns (PS3.3 10.7.1.1)."""
    try:
        rows, columns = (float(value) for value in header[keyword].value)
    except (KeyError, TypeError, ValueError):
        return None
    return (rows, columns) if all(_LEAST_MM <= value <= _MOST_MM for value in (rows, columns)) else None


def _same(one: tuple[float, float] | None, other: tuple[float, float]) -> bool:
    """Whether two spacings differ by no more than their decimals were rounded."""
    return one is not None and all(math.isclose(a, b, rel_tol=1e-4) for a, b in zip(one, other, strict=True))


def _shared_pair(header: Dataset, number: int) -> tuple[float, float] | None:
    """From the functional groups of an enhanced multi-frame image (PS3.3 C.7.6.16.2.1)."""
    for keyword, index in (("PerFrameFunctionalGroupsSequence", number - 1), ("SharedFunctionalGroupsSequence", 0)):
        try:
            measures = header[keyword].value[index].PixelMeasuresSequence[0]
        except (KeyError, AttributeError, IndexError, TypeError):
            continue
        if pair := _pair(measures, "PixelSpacing"):
            return pair
    return None


def _number(header: Dataset, keyword: str) -> float | None:
    try:
        value = float(header[keyword].value)
    except (KeyError, TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _regions(header: Dataset) -> Iterator[dict[str, float]]:
    """Regions whose both axes are centimetres, in image coordinates from the first pixel's corner."""
    for region in header.get("SequenceOfUltrasoundRegions") or []:
        try:
            units = (region.PhysicalUnitsXDirection, region.PhysicalUnitsYDirection)
            corners = [float(region[f"RegionLocation{name}"].value) for name in ("MinX0", "MinY0", "MaxX1", "MaxY1")]
            mm = [abs(float(region[f"PhysicalDelta{axis}"].value)) * 10 for axis in "XY"]
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
        if units == (_CENTIMETRES, _CENTIMETRES) and all(_LEAST_MM <= value <= _MOST_MM for value in mm):
            x0, y0, x1, y1 = corners
            yield {"x0": x0, "y0": y0, "x1": x1 + 1, "y1": y1 + 1, "column_mm": mm[0], "row_mm": mm[1]}
