"""A picture of known geometry, and for each measuring tool the points to place and the values that must come out.

Coordinates are millimetres from the picture's upper left corner, x to the right, y down; the values follow from how
the figures are made, not from the formulas of the page.
"""

from dataclasses import dataclass
from math import atan2, cos, degrees, hypot, pi, radians, sin, sqrt

import numpy as np
from pydicom.dataset import Dataset

from tests.pictures import small_study

WIDTH_MM, HEIGHT_MM = 200.0, 180.0
SQUARE, TALL = (0.25, 0.25), (0.4, 0.2)
"""Row and column spacing in mm."""
VERTEBRA_MM = 24.0
Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Case:
    """What to place with a tool and what it must say."""

    points: Points
    values: dict[str, float]
    done: bool = False
    """Whether a person has to say that it ends."""


def phantom(spacing: tuple[float, float] | None) -> Dataset:
    """A radiograph whose value is ten times the distance from the left edge in mm; without spacing 0.25 mm unsaid."""
    (ds,) = small_study("cervical-spine")
    row_mm, column_mm = spacing or SQUARE
    ds.Rows, ds.Columns = round(HEIGHT_MM / row_mm), round(WIDTH_MM / column_mm)
    ramp = np.round((np.arange(ds.Columns) + 0.5) * column_mm * 10)
    ds.PixelData = np.tile(ramp, (ds.Rows, 1)).astype("<u2").tobytes()
    ds.WindowCenter, ds.WindowWidth = "1000", "2000"
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "PixelAspectRatio", "PixelSpacingCalibrationType"):
        if keyword in ds:
            del ds[keyword]
    if spacing:
        ds.PixelSpacing = list(spacing)
        ds.PixelSpacingCalibrationType = "FIDUCIAL"
    return ds


def _from(point: tuple[float, float], angle: float, length: float) -> tuple[float, float]:
    """A point at an angle in degrees, clockwise from the right, and a distance in mm."""
    return point[0] + length * cos(radians(angle)), point[1] + length * sin(radians(angle))


def _bar(centre: tuple[float, float], angle: float, half: float) -> Points:
    return [_from(centre, angle + 180, half), _from(centre, angle, half)]


def _spine(count: int) -> Points:
    return [_from((22, 24), 8, VERTEBRA_MM * number) for number in range(count + 1)]


def _mirrored(points: Points) -> Points:
    return [(WIDTH_MM - x, y) for x, y in points]


def _norberg() -> Case:
    left, right, radius = (60.0, 96.0), (140.0, 102.0), 20.0
    line = degrees(atan2(right[1] - left[1], right[0] - left[0]))
    rims = [_from(left, a, radius) for a in (190, 310, 60)] + [_from(right, a, radius) for a in (230, 350, 120)]
    edges = [_from(left, line - 108, 34), _from(right, line + 180 + 97, 34)]
    return Case(rims + edges, {"norberg-left": 108, "norberg-right": 97})


def _plateau() -> Case:
    top, talus = (100.0, 36.0), (116.0, 165.0)
    axis = degrees(atan2(talus[1] - top[1], talus[0] - top[0]))
    return Case([top, talus, *_bar((102, 40), axis - 90 + 24, 38)], {"tpa": 24})


CASES = {
    "length": Case([(20, 30), (170, 110)], {"length": 170}),
    "angle": Case([(180, 150), (40, 150), _from((40, 150), -37, 130)], {"angle": 37}),
    "cobb": Case([*_bar((100, 40), 12, 60), *reversed(_bar((90, 140), -23, 60))], {"cobb": 35}),
    "ellipse": Case(
        [(40, 50), (140, 120)], {"area": pi * 50 * 35, "mean": 900, "deviation": 250, "minimum": 400, "maximum": 1400}
    ),
    "rectangle": Case([(40, 50), (140, 120)], {"area": 7000, "mean": 900, "deviation": 1000 / sqrt(12)}),
    "probe": Case([(77.1, 60)], {"pixel": 771}),
    "vhs": Case(
        [(60, 60), _from((60, 60), 50, 132), (48, 120), _from((48, 120), -20, 102), *_spine(6)],
        {"vhs": 9.75, "vhs-long": 5.5, "vhs-short": 4.25},
    ),
    "vlas": Case([(70, 80), _from((70, 80), 30, 2.2 * VERTEBRA_MM), *_spine(3)], {"vlas": 2.2}),
    "norberg": _norberg(),
    "tpa": _plateau(),
    "ctr": Case(
        [(20, 100), (180, 100), (20 + 0.3 * 160, 70), (20 + 0.85 * 160, 130)],
        {"ctr": 0.55},
    ),
    "cervical-cobb": Case([*_bar((100, 40), 15, 55), *_bar((105, 140), -12, 55)], {"cervical-cobb": 27}),
    "lumbar-cobb": Case([*_bar((100, 40), -10, 55), *_bar((105, 140), 8, 55)], {"lumbar-cobb": -18}),
    "cervical-tangent": Case(
        [(20, 90), (120, 20), _from((120, 20), 90 + 17, 50), (118, 115), _from((118, 115), 90 - 17, 50)],
        {"cervical-tangent": 34},
    ),
    "lumbar-tangent": Case(
        _mirrored([(20, 90), (120, 15), _from((120, 15), 90 + 22, 55), (112, 110), _from((112, 110), 90 - 18, 55)]),
        {"lumbar-tangent": 40},
    ),
    "george": Case(
        [(30, 90), (110, 20), (110, 60), (100, 66), (100, 106), (115, 112), (115, 152)],
        {"george-step": 15, "george-share": 37.5},
        done=True,
    ),
    "atlas-plane": Case([(100, 20), (40, 80), (160, 110)], {"atlas-plane": degrees(atan2(30, 120))}),
    "pelvic-level": Case([(100, 20), (40, 100), (160, 60)], {"pelvic-level": 40, "tilt": degrees(atan2(40, 120))}),
    "leg-length": Case([(100, 20), (40, 100), (160, 140)], {"leg-length": -40, "tilt": -degrees(atan2(40, 120))}),
    "hallux-valgus": Case([*_bar((100, 125), -100, 40), *_bar((100, 45), -72, 32)], {"hallux-valgus": 28}),
    "intermetatarsal": Case([*_bar((70, 100), -97, 60), *_bar((120, 100), -86, 60)], {"intermetatarsal": 11}),
}
"""By the tool's id. Angles are in degrees; a step of George's line stands on a back wall of 40 mm."""
ANGLES = {"angle", "cobb", "norberg-left", "norberg-right", "tpa", "cervical-cobb", "lumbar-cobb", "cervical-tangent"}
ANGLES |= {"lumbar-tangent", "atlas-plane", "tilt", "hallux-valgus", "intermetatarsal"}
assert hypot(150, 80) == CASES["length"].values["length"]
