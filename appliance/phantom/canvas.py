"""The plane of the detector: line integrals of attenuation through simple solids.

Lengths are in centimetres, x to the right and y down in the plane, the beam across it. A solid is known by its outline
in the plane and its depth along the beam; what is deposited is attenuation per cm times the chord through it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from appliance.phantom.curves import Points, closed_spline, spline

Field = NDArray[np.float32]
Window = tuple[slice, slice]

# Attenuation per cm at about 50 keV (the effective energy of a 75 kV beam behind a patient).
WATER, FAT, LUNG, CORTEX, SPONGIOSA = 0.22, 0.185, 0.055, 0.75, 0.37
_COARSE_SAMPLES = 90


@dataclass(frozen=True)
class Bone:
    """How a bone is built: cortex of `wall` cm around spongiosa, by their attenuation per cm beyond soft tissue."""

    wall: float = 0.12
    cortex: float = CORTEX - WATER
    core: float = SPONGIOSA - WATER
    grain: float = 0.25


class Canvas:
    """Attenuation over the detector, (rows, columns) float32 at `step_cm` a sample, and a grain for what is porous."""

    def __init__(self, width_cm: float, height_cm: float, step_cm: float, random: np.random.Generator) -> None:
        self.step_cm = step_cm
        shape = (max(8, round(height_cm / step_cm)), max(8, round(width_cm / step_cm)))
        self.xs = ((np.arange(shape[1]) + 0.5) * step_cm).astype(np.float32)
        self.ys = ((np.arange(shape[0]) + 0.5) * step_cm).astype(np.float32)
        self.total: Field = np.zeros(shape, dtype=np.float32)
        self.random = random
        self.grain = self._grain(0.06)

    def _grain(self, size_cm: float) -> Field:
        """Noise of variance 1 with structures of about `size_cm`."""
        pitch = max(1, int(size_cm / self.step_cm / 2.0))
        rows, columns = (max(8, size // pitch + 1) for size in self.total.shape)
        white = blur(self.random.standard_normal((rows, columns), dtype=np.float32), size_cm / self.step_cm / pitch)
        return resized(white / np.float32(white.std() or 1.0), *self.total.shape)

    def window(self, low: NDArray[np.float64], high: NDArray[np.float64], margin: float) -> Window:
        """The part of the plane within `margin` of a box from `low` to `high` (x, y)."""
        (left, top), (right, bottom) = low - margin, high + margin
        return self._span(top, bottom, len(self.ys)), self._span(left, right, len(self.xs))

    def _span(self, low: float, high: float, size: int) -> slice:
        first, last = (int(np.floor(edge / self.step_cm)) for edge in (low, high))
        return slice(min(size, max(0, first)), max(0, min(size, last + 2)))

    def solid(
        self,
        outline: ArrayLike,
        depth: float,
        mu: float,
        *,
        rounding: float = 1e3,
        smooth: bool = True,
    ) -> None:
        """Add a solid of `depth` cm within a closed outline, its edge rounded off over `rounding` cm (default: all)."""
        polygon = closed_spline(outline) if smooth else np.asarray(outline, dtype=float)
        where, inside = self._inside(polygon)
        self.total[where] += mu * _chord(inside, depth, rounding)

    def bone(self, outline: ArrayLike, depth: float, make: Bone, *, rounding: float = 1e3, smooth: bool = True) -> None:
        """Add a bone within a closed outline: a bright cortex where the beam grazes it, porous inside."""
        polygon = closed_spline(outline) if smooth else np.asarray(outline, dtype=float)
        where, inside = self._inside(polygon)
        self._add_bone(where, inside, depth, make, rounding)

    def shaft(self, points: ArrayLike, radius: ArrayLike, make: Bone, *, flatten: float = 1.0) -> None:
        """Add a long bone or rib along a curve; `radius` at each point, `flatten` its depth in widths."""
        where, inside, widest = self._along(points, radius)
        self._add_bone(where, inside, 2.0 * widest * flatten, make, widest)

    def tube(self, points: ArrayLike, radius: ArrayLike, mu: float, *, steps: int = 5) -> None:
        """Add a round tube along a curve (vessel, airway); a negative `mu` takes tissue away."""
        where, inside, widest = self._along(points, radius, steps)
        local = np.maximum(inside, 0.0)
        self.total[where] += mu * 2.0 * np.sqrt(local * np.maximum(2.0 * widest - local, 0.0))

    def ellipsoid(self, centre: tuple[float, float], radii: tuple[float, float], depth: float, mu: float) -> None:
        """Add an upright ellipsoid."""
        low, high = np.subtract(centre, radii), np.add(centre, radii)
        where = self.window(low, high, 0.0)
        u = (self.xs[where[1]] - centre[0]) / radii[0]
        v = (self.ys[where[0]] - centre[1]) / radii[1]
        self.total[where] += mu * depth * np.sqrt(np.clip(1.0 - u[None, :] ** 2 - v[:, None] ** 2, 0.0, None))

    def coverage(self, outline: ArrayLike, soft_cm: float) -> Field:
        """How much of each point lies within a closed outline, 0 to 1 over `soft_cm` from its edge inwards."""
        mask = np.zeros_like(self.total)
        where, inside = self._inside(closed_spline(outline))
        mask[where] = np.clip(inside / soft_cm, 0.0, 1.0)
        return mask

    @contextmanager
    def only_where(self, mask: Field, *, soft_cm: float = 0.0) -> Iterator[None]:
        """What is drawn meanwhile counts only as far as `mask` (0 to 1) lets it, blurred by `soft_cm` of motion."""
        kept, self.total = self.total, np.zeros_like(self.total)
        try:
            yield
        finally:
            self.total = kept + blur(self.total, soft_cm / self.step_cm) * mask

    def mottled(self, mask: Field, size_cm: float, strength: float) -> None:
        """Add uneven tissue with structures of about `size_cm` to a part of the plane."""
        self.total += np.float32(strength) * mask * self._grain(size_cm)

    def _add_bone(self, where: Window, inside: Field, depth: float, make: Bone, rounding: float) -> None:
        if not inside.size:
            return
        outer = _chord(inside, depth, rounding)
        core_depth = max(0.0, depth - 2.0 * make.wall)
        inner = _chord(inside - make.wall, core_depth, max(1e-3, min(rounding, float(inside.max())) - make.wall))
        inner = np.minimum(inner, outer)
        self.total[where] += make.cortex * (outer - inner) + make.core * inner * (1.0 + make.grain * self.grain[where])

    def _inside(self, polygon: Points) -> tuple[Window, Field]:
        """Distance inside a polygon (negative outside), measured on a thinned grid where the polygon is large."""
        where = self.window(polygon.min(axis=0), polygon.max(axis=0), 2 * self.step_cm)
        ys, xs = self.ys[where[0]], self.xs[where[1]]
        if not len(ys) or not len(xs):
            return where, np.zeros((len(ys), len(xs)), dtype=np.float32)
        thin = max(1, min(len(ys), len(xs)) // _COARSE_SAMPLES)
        coarse_y, coarse_x = (np.linspace(a[0], a[-1], max(2, len(a) // thin), dtype=np.float32) for a in (ys, xs))
        distance = polygon_distance(polygon, coarse_x, coarse_y)
        return where, distance if thin == 1 and distance.shape == (len(ys), len(xs)) else enlarged(
            distance, len(ys), len(xs)
        )

    def _along(self, points: ArrayLike, radius: ArrayLike, steps: int = 5) -> tuple[Window, Field, float]:
        """Distance inside a tube along a smooth curve, whose radius is interpolated between the points given."""
        curve = spline(points, steps)
        radii = np.atleast_1d(np.asarray(radius, dtype=float))
        along = np.linspace(0.0, 1.0, len(curve))
        thickness = np.interp(along, np.linspace(0.0, 1.0, len(radii)), radii)
        widest = float(thickness.max())
        where = self.window(curve.min(axis=0), curve.max(axis=0), widest + self.step_cm)
        inside = np.full((where[0].stop - where[0].start, where[1].stop - where[1].start), -1e3, dtype=np.float32)
        for start, end, r in zip(curve[:-1], curve[1:], (thickness[:-1] + thickness[1:]) / 2.0, strict=True):
            self._closer(inside, where, start, end, float(r))
        return where, np.minimum(inside, widest), widest

    def _closer(
        self, inside: Field, where: Window, start: NDArray[np.float64], end: NDArray[np.float64], radius: float
    ) -> None:
        part = self.window(np.minimum(start, end), np.maximum(start, end), radius + self.step_cm)
        dx = self.xs[part[1]][None, :] - np.float32(start[0])
        dy = self.ys[part[0]][:, None] - np.float32(start[1])
        ux, uy = (float(v) for v in end - start)
        share = np.clip((dx * ux + dy * uy) / max(ux * ux + uy * uy, 1e-9), 0.0, 1.0)
        near = radius - np.hypot(dx - share * ux, dy - share * uy)
        local = inside[
            part[0].start - where[0].start : part[0].stop - where[0].start,
            part[1].start - where[1].start : part[1].stop - where[1].start,
        ]
        np.maximum(local, near, out=local)


def _chord(inside: Field, depth: float, rounding: float) -> Field:
    """The way through a solid at a point `inside` cm from its outline."""
    radius = max(1e-3, min(rounding, float(inside.max(initial=1e-3))))
    share = np.clip(inside / radius, 0.0, 1.0)
    return np.asarray(depth * np.sqrt(share * (2.0 - share)), dtype=np.float32)


def polygon_distance(polygon: Points, xs: Field, ys: Field) -> Field:
    """Distance from the polygon's edge at each (y, x), positive inside."""
    x, y = xs[None, :], ys[:, None]
    nearest = np.full((len(ys), len(xs)), np.float32(1e9))
    odd = np.zeros(nearest.shape, dtype=bool)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        ux, uy = np.float32(x1 - x0), np.float32(y1 - y0)
        dx, dy = x - np.float32(x0), y - np.float32(y0)
        share = np.clip((dx * ux + dy * uy) / max(float(ux * ux + uy * uy), 1e-9), 0.0, 1.0)
        np.minimum(nearest, (dx - share * ux) ** 2 + (dy - share * uy) ** 2, out=nearest)
        if uy:
            odd ^= ((y > y0) != (y > y1)) & (dx < dy * (ux / uy))
    return np.asarray(np.where(odd, 1.0, -1.0) * np.sqrt(nearest), dtype=np.float32)


def enlarged(plane: Field, rows: int, columns: int) -> Field:
    """Bilinear enlargement to (rows, columns) with the corners kept."""
    r, fr = _between(plane.shape[0], rows)
    c, fc = _between(plane.shape[1], columns)
    wide = plane[:, c] * (1 - fc) + plane[:, c + 1] * fc
    return np.asarray(wide[r] * (1 - fr[:, None]) + wide[r + 1] * fr[:, None], dtype=np.float32)


def _between(size: int, wanted: int) -> tuple[NDArray[np.intp], Field]:
    at = np.linspace(0, size - 1, wanted, dtype=np.float32)
    low = np.minimum(at.astype(np.intp), size - 2)
    return low, at - low


def resized(plane: Field, rows: int, columns: int) -> Field:
    """Bicubic resampling to (rows, columns)."""
    if plane.shape == (rows, columns):
        return plane
    image = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    return np.array(image.resize((columns, rows), Image.Resampling.BICUBIC), dtype=np.float32)


def blur(plane: Field, sigma: float) -> Field:
    """Gaussian blur by `sigma` samples, the edges mirrored; a wide one is done on a thinned plane."""
    thin = int(min(sigma / 3.0, min(plane.shape) / 16.0))
    if thin > 1:
        rows, columns = plane.shape
        return resized(blur(resized(plane, -(-rows // thin), -(-columns // thin)), sigma / thin), rows, columns)
    if sigma < 0.2:
        return plane
    for axis in (0, 1):
        plane = _blurred_along(plane, sigma, axis)
    return plane


def _blurred_along(plane: Field, sigma: float, axis: int) -> Field:
    reach = min(int(np.ceil(3 * sigma)), plane.shape[axis] - 1)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights /= weights.sum()
    padding = [(0, 0), (0, 0)]
    padding[axis] = (reach, reach)
    padded = np.pad(plane, padding, mode="reflect")
    size, result = plane.shape[axis], np.zeros_like(plane)
    for start, weight in enumerate(weights.astype(np.float32)):
        part = padded[start : start + size] if axis == 0 else padded[:, start : start + size]
        result += weight * part
    return result
