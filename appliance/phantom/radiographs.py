"""Radiographs as line integrals of attenuation through a simple anatomy.

Lengths are in centimetres, with x to the right, y down and z along the beam; an image is -log of what passes,
digitised to 12 bits, bright where bone is (MONOCHROME2 for presentation).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
MAX_VALUE = 4095
PIXEL_CM = 0.0143  # 43 cm over 3000 pixels
_WATER, _BONE, _LUNG = 0.20, 0.55, 0.05  # attenuation per cm at a veterinary kV


@dataclass
class Canvas:
    """The plane of the detector, drawn at a reduced size and enlarged at the end."""

    width_cm: float
    height_cm: float
    step_cm: float
    total: Field = field(init=False)
    x: Field = field(init=False)
    y: Field = field(init=False)

    def __post_init__(self) -> None:
        columns, rows = round(self.width_cm / self.step_cm), round(self.height_cm / self.step_cm)
        xs = (np.arange(columns, dtype=np.float32) + 0.5) * self.step_cm
        ys = (np.arange(rows, dtype=np.float32) + 0.5) * self.step_cm
        self.x, self.y = np.meshgrid(xs, ys)
        self.total = np.zeros_like(self.x)

    def ellipsoid(
        self, cx: float, cy: float, rx: float, ry: float, depth: float, mu: float, *, angle: float = 0.0
    ) -> None:
        """Add an ellipsoid of `depth` cm along the beam at its centre; a negative `mu` takes tissue away."""
        cos, sin = np.cos(angle), np.sin(angle)
        dx, dy = self.x - cx, self.y - cy
        u = (dx * cos + dy * sin) / rx
        v = (-dx * sin + dy * cos) / ry
        self.total += mu * depth * np.sqrt(np.clip(1.0 - u * u - v * v, 0.0, None))

    def tube(self, points: NDArray[np.float64], radius: float, mu: float, *, hollow: float = 0.0) -> None:
        """Add a tube along a polyline, e.g. a rib; `hollow` is the share of the radius without cortex."""
        distance = np.full_like(self.x, np.inf)
        for (x0, y0), (x1, y1) in pairwise(points):
            self._closest(distance, (x0, y0), (x1, y1))
        self.total += mu * _chord(distance, radius)
        if hollow:
            self.total -= 0.7 * mu * _chord(distance, radius * hollow)

    def _closest(self, distance: Field, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Lower `distance` to that of a segment, in the part of the plane near it only."""
        margin = 1.2
        (x0, y0), (x1, y1) = start, end
        columns = self._span(min(x0, x1) - margin, max(x0, x1) + margin, self.total.shape[1])
        rows = self._span(min(y0, y1) - margin, max(y0, y1) + margin, self.total.shape[0])
        x, y = self.x[rows, columns], self.y[rows, columns]
        length = (x1 - x0) ** 2 + (y1 - y0) ** 2 or 1e-9
        along = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length, 0.0, 1.0)
        near = np.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0))
        np.minimum(distance[rows, columns], near, out=distance[rows, columns])

    def _span(self, low: float, high: float, size: int) -> slice:
        return slice(max(0, int(low / self.step_cm)), min(size, max(0, int(high / self.step_cm) + 1)))

    def vertebra(self, cx: float, cy: float, length: float, height: float, angle: float, mu: float = _BONE) -> None:
        """Add a vertebral body with denser end plates and a spinous process above it."""
        along = np.array([np.cos(angle), np.sin(angle)])
        across = np.array([np.sin(angle), -np.cos(angle)])
        centre = np.array([cx, cy])
        self.ellipsoid(cx, cy, length * 0.52, height * 0.55, 2.0, mu * 0.55, angle=angle)
        for side in (-0.46, 0.46):
            plate = centre + along * length * side
            ends = np.array([plate - across * height * 0.45, plate + across * height * 0.45])
            self.tube(ends, 0.13, mu * 1.3)
        process = np.array([centre + across * height * 0.5, centre + across * height * 1.7 + along * length * 0.35])
        self.tube(process, 0.22, mu * 1.1, hollow=0.5)
        arch = np.array(
            [
                centre + across * height * 0.75 - along * length * 0.5,
                centre + across * height * 0.75 + along * length * 0.5,
            ]
        )
        self.tube(arch, 0.16, mu)


def _chord(distance: Field, radius: float) -> Field:
    return np.asarray(2.0 * np.sqrt(np.clip(radius**2 - distance**2, 0.0, None)), dtype=np.float32)


def _curve(*points: tuple[float, float], steps: int = 14) -> NDArray[np.float64]:
    """A smooth curve through three points (a quadratic Bezier with the middle point as handle)."""
    t = np.linspace(0.0, 1.0, steps)[:, None]
    a, b, c = (np.array(point) for point in points)
    return np.asarray((1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c)


def canine_thorax_lateral(canvas: Canvas, *, mirrored: bool) -> None:
    """A dog lying on its side: spine above, sternum below, head to the left."""
    w, h = canvas.width_cm, canvas.height_cm
    canvas.ellipsoid(w * 0.50, h * 0.50, w * 0.62, h * 0.40, 13.0, _WATER)
    canvas.ellipsoid(w * 0.86, h * 0.52, w * 0.34, h * 0.36, 6.0, _WATER)  # abdomen
    canvas.ellipsoid(w * 0.47, h * 0.47, w * 0.30, h * 0.245, 11.0, -_WATER + _LUNG, angle=0.10)
    canvas.ellipsoid(w * 0.60, h * 0.44, w * 0.20, h * 0.20, 4.0, -_WATER + _LUNG, angle=0.35)
    heart_x = w * (0.455 if mirrored else 0.445)
    canvas.ellipsoid(heart_x, h * 0.555, w * 0.105, h * 0.155, 7.5, _WATER * 0.95, angle=-0.35 if mirrored else -0.5)
    canvas.ellipsoid(w * 0.80, h * 0.60, w * 0.16, h * 0.20, 9.0, _WATER * 0.8, angle=0.2)  # liver
    canvas.ellipsoid(w * 0.88, h * 0.44, w * 0.07, h * 0.10, 5.0, -_WATER * 0.8)  # gas in the stomach
    canvas.tube(_curve((w * 0.10, h * 0.30), (w * 0.26, h * 0.36), (w * 0.45, h * 0.425)), 0.75, -_WATER * 1.1)
    for offset in (-0.035, 0.02, 0.06):
        end = (w * 0.70, h * (0.46 + offset * 2))
        canvas.tube(_curve((w * 0.48, h * 0.44), (w * 0.57, h * (0.43 + offset)), end), 0.28, _WATER * 0.7)
    _lateral_skeleton(canvas, shift=0.012 if mirrored else -0.012)


def _lateral_skeleton(canvas: Canvas, *, shift: float) -> None:
    w, h = canvas.width_cm, canvas.height_cm
    spine = [(w * (0.03 + 0.062 * n), h * (0.235 + 0.028 * np.cos(n * 0.42 + 0.6))) for n in range(16)]
    for (x0, y0), (x1, y1) in pairwise(spine):
        angle = float(np.arctan2(y1 - y0, x1 - x0))
        canvas.vertebra((x0 + x1) / 2, (y0 + y1) / 2, 0.82 * float(np.hypot(x1 - x0, y1 - y0)), 1.55, angle)
    for n in range(13):
        x, y = spine[min(15, n + 2)]
        lean = w * (0.02 + 0.010 * n)
        for side in (-1, 1):
            bottom = (x + lean + side * 0.5 + shift * w * side, h * (0.735 - 0.012 * max(0, n - 7)))
            canvas.tube(_curve((x, y), (x + lean * 1.9 + side * 0.6, h * 0.50), bottom), 0.27, _BONE * 0.62, hollow=0.6)
    for n in range(8):
        x = w * (0.20 + 0.055 * n)
        canvas.ellipsoid(x, h * (0.765 + 0.006 * n), w * 0.022, 0.42, 1.6, _BONE * 0.8)
    canvas.tube(_curve((w * 0.16, h * 0.31), (w * 0.12, h * 0.45), (w * 0.19, h * 0.60)), 0.9, _BONE * 0.42, hollow=0.7)
    canvas.tube(
        _curve((w * 0.19, h * 0.60), (w * 0.14, h * 0.74), (w * 0.07, h * 0.86)), 0.95, _BONE * 0.5, hollow=0.62
    )


def canine_thorax_ventrodorsal(canvas: Canvas) -> None:
    """A dog on its back: head above, its right side to the left of the picture."""
    w, h = canvas.width_cm, canvas.height_cm
    canvas.ellipsoid(w * 0.5, h * 0.52, w * 0.42, h * 0.62, 14.0, _WATER)
    canvas.ellipsoid(w * 0.5, h * 0.92, w * 0.38, h * 0.30, 6.0, _WATER)
    for side in (-1, 1):
        centre = w * (0.5 + 0.165 * side)
        canvas.ellipsoid(centre, h * 0.44, w * 0.145, h * 0.29, 11.0, -_WATER + _LUNG, angle=0.06 * side)
    canvas.ellipsoid(w * 0.525, h * 0.46, w * 0.115, h * 0.145, 8.0, _WATER * 0.8, angle=0.25)
    canvas.ellipsoid(w * 0.47, h * 0.76, w * 0.24, h * 0.11, 8.0, _WATER * 0.7)
    canvas.ellipsoid(w * 0.66, h * 0.80, w * 0.08, h * 0.06, 5.0, -_WATER * 0.8)
    canvas.tube(_curve((w * 0.505, h * 0.05), (w * 0.512, h * 0.2), (w * 0.505, h * 0.34)), 0.65, -_WATER * 0.9)
    for n in range(17):
        y = h * (0.03 + 0.058 * n)
        canvas.ellipsoid(w * 0.5, y, 0.95, h * 0.024, 2.4, _BONE * 0.6)
        canvas.tube(np.array([[w * 0.5 - 1.8, y], [w * 0.5 + 1.8, y]]), 0.22, _BONE * 0.7, hollow=0.5)
        canvas.tube(np.array([[w * 0.5, y - 0.7], [w * 0.5, y + 0.7]]), 0.2, _BONE)
    for n in range(13):
        y = h * (0.13 + 0.052 * n)
        reach = w * (0.19 + 0.16 * np.sin(np.pi * min(1.0, (n + 3) / 13)))
        for side in (-1, 1):
            tip = (w * 0.5 + side * reach * 0.93, y + h * 0.13)
            handle = (w * 0.5 + side * reach * 1.15, y - h * 0.01)
            canvas.tube(_curve((w * 0.5 + side * 1.2, y), handle, tip), 0.26, _BONE * 0.62, hollow=0.6)
    for side in (-1, 1):
        shoulder = (w * (0.5 + 0.36 * side), h * 0.10)
        canvas.tube(
            _curve(shoulder, (w * (0.5 + 0.27 * side), h * 0.16), (w * (0.5 + 0.22 * side), h * 0.27)),
            0.95,
            _BONE * 0.4,
            hollow=0.7,
        )


def cervical_spine_lateral(canvas: Canvas) -> None:
    """A person's neck from the side, looking to the left."""
    w, h = canvas.width_cm, canvas.height_cm
    canvas.ellipsoid(w * 0.52, h * 0.62, w * 0.27, h * 0.62, 11.0, _WATER)
    canvas.ellipsoid(w * 0.50, h * 0.08, w * 0.42, h * 0.30, 15.0, _WATER)
    canvas.ellipsoid(w * 0.60, h * 1.02, w * 0.52, h * 0.24, 16.0, _WATER)
    canvas.tube(_curve((w * 0.385, h * 0.30), (w * 0.375, h * 0.55), (w * 0.45, h * 0.90)), 0.85, -_WATER)
    canvas.tube(
        _curve((w * 0.93, h * 0.02), (w * 0.80, h * 0.26), (w * 0.57, h * 0.185)), 0.45, _BONE * 0.9, hollow=0.5
    )
    canvas.tube(_curve((w * 0.13, h * 0.26), (w * 0.30, h * 0.36), (w * 0.42, h * 0.10)), 0.85, _BONE * 0.6, hollow=0.6)
    canvas.ellipsoid(w * 0.35, h * 0.395, w * 0.05, 0.3, 1.5, _BONE * 0.7, angle=0.3)
    for n in range(8):
        lordosis = 0.030 * np.sin(np.pi * n / 7.0)
        cx, cy = w * (0.535 - lordosis + 0.010 * n), h * (0.235 + 0.083 * n)
        tilt = float(np.pi / 2 + 0.28 * np.cos(np.pi * n / 7.0))
        canvas.ellipsoid(cx, cy, h * 0.033, 0.85 + 0.04 * n, 2.2, _BONE * 0.62, angle=tilt)
        for side in (-0.031, 0.031):
            ends = np.array([[cx - 0.85, cy + h * side], [cx + 0.85, cy + h * side + 0.15]])
            canvas.tube(ends, 0.13, _BONE * 1.1)
        canvas.tube(np.array([[cx + 1.0, cy], [cx + 1.7, cy + 0.35]]), 0.55, _BONE * 0.55, hollow=0.5)
        spinous = 2.1 + (1.3 if n in (1, 6, 7) else 0.0)
        canvas.tube(np.array([[cx + 1.7, cy + 0.3], [cx + 1.7 + spinous, cy + 1.0]]), 0.34, _BONE * 0.75, hollow=0.5)
    canvas.tube(np.array([[w * 0.525, h * 0.232], [w * 0.53, h * 0.165]]), 0.42, _BONE * 0.7)


Anatomy = Callable[[Canvas], None]
VIEWS: dict[str, tuple[Anatomy, str]] = {
    "RL": (lambda canvas: canine_thorax_lateral(canvas, mirrored=False), "R"),
    "LL": (lambda canvas: canine_thorax_lateral(canvas, mirrored=True), "L"),
    "VD": (canine_thorax_ventrodorsal, "R"),
    "CERVICAL": (cervical_spine_lateral, "L"),
}


def radiograph(view: str, *, rows: int = 3000, columns: int = 2500, seed: int = 1) -> NDArray[np.uint16]:
    """A radiograph (rows, columns) of 12 bits; `view` is one of VIEWS."""
    anatomy, marker = VIEWS[view]
    coarse = max(1, min(rows, columns) // 700)
    canvas = Canvas(columns / rows * 43.0, 43.0, 43.0 / rows * coarse)
    anatomy(canvas)
    smooth = _enlarged(_blurred(np.clip(canvas.total, 0.0, None)), rows, columns)
    random = np.random.default_rng(seed)
    texture = _enlarged(
        random.normal(0.0, 0.012, (rows // 12 + 1, columns // 12 + 1)).astype(np.float32), rows, columns
    )
    grain = np.tile(random.normal(0.0, 0.010, (512, 512)).astype(np.float32), (rows // 512 + 1, columns // 512 + 1))
    dose = smooth + (texture + grain[:rows, :columns]) * (0.4 + np.sqrt(np.clip(smooth, 0.0, 4.0)) * 0.5)
    values = (180.0 + 3500.0 * (1.0 - np.exp(-np.clip(dose, 0.0, None) / 1.75))).astype(np.float32)
    _collimate(values)
    _burn_marker(values, marker)
    return np.clip(values, 0, MAX_VALUE).astype(np.uint16)


def _enlarged(plane: Field, rows: int, columns: int) -> Field:
    """Bilinear enlargement to (rows, columns)."""
    at_rows = np.linspace(0, plane.shape[0] - 1, rows, dtype=np.float32)
    at_columns = np.linspace(0, plane.shape[1] - 1, columns, dtype=np.float32)
    r, c = at_rows.astype(np.intp), at_columns.astype(np.intp)
    r1, c1 = np.minimum(r + 1, plane.shape[0] - 1), np.minimum(c + 1, plane.shape[1] - 1)
    fr, fc = (at_rows - r)[:, None], (at_columns - c)[None, :]
    wide = plane[:, c] * (1 - fc) + plane[:, c1] * fc
    return np.asarray(wide[r] * (1 - fr) + wide[r1] * fr, dtype=np.float32)


def _blurred(plane: Field) -> Field:
    """The focal spot's blur, and a little scatter over a wide area."""
    sharp = (plane + np.roll(plane, 1, 0) + np.roll(plane, -1, 0) + np.roll(plane, 1, 1) + np.roll(plane, -1, 1)) / 5.0
    small = sharp[::16, ::16]
    for _ in range(3):
        small = (
            small + np.roll(small, 1, 0) + np.roll(small, -1, 0) + np.roll(small, 1, 1) + np.roll(small, -1, 1)
        ) / 5.0
    return np.asarray(0.93 * sharp + 0.07 * _enlarged(small, *sharp.shape), dtype=np.float32)


def _collimate(values: Field) -> None:
    """The border that the shutters of the tube leave dark."""
    rows, columns = values.shape
    top, side = rows // 40, columns // 34
    values[:top] = values[-top:] = values[:, :side] = values[:, -side:] = 60.0


_LETTERS = {
    "R": ("####.", "#...#", "#...#", "####.", "#.#..", "#..#.", "#...#"),
    "L": ("#....", "#....", "#....", "#....", "#....", "#....", "#####"),
}


def _burn_marker(values: Field, letter: str) -> None:
    """The lead marker that tells the side."""
    block = max(1, values.shape[0] // 130)
    mask = np.array([[mark == "#" for mark in line] for line in _LETTERS[letter]])
    big = np.kron(mask, np.ones((block, block), dtype=bool))
    r, c = values.shape[0] // 14, values.shape[1] // 14
    values[r : r + big.shape[0], c : c + big.shape[1]][big] = MAX_VALUE
