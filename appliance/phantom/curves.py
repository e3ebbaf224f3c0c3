"""Smooth curves through given points, in centimetres."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]


def spline(points: ArrayLike, steps: int = 5) -> Points:
    """A Catmull-Rom curve through an open chain of points (n, 2); two points make a straight line."""
    p = np.asarray(points, dtype=float)
    if len(p) == 2:
        return p
    padded = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    return np.vstack([_pieces(padded, steps), p[-1]])


def closed_spline(points: ArrayLike, steps: int = 4) -> Points:
    """A Catmull-Rom curve through a ring of points (n, 2), as a polygon."""
    p = np.asarray(points, dtype=float)
    return _pieces(np.vstack([p[-1], p, p[:2]]), steps)


def _pieces(p: Points, steps: int) -> Points:
    t = np.linspace(0.0, 1.0, steps, endpoint=False)[None, :, None]
    a, b, c, d = (p[k : len(p) - 3 + k, None, :] for k in range(4))
    curve = b + 0.5 * t * ((c - a) + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return np.asarray(curve.reshape(-1, 2))


def placed(shape: ArrayLike, at: ArrayLike, angle: float, scale: ArrayLike = (1.0, 1.0)) -> Points:
    """A shape drawn about the origin, scaled, turned by `angle` radians (x towards y) and moved to `at`."""
    s = np.asarray(shape, dtype=float) * np.asarray(scale, dtype=float)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.asarray(s @ np.array([[cos, sin], [-sin, cos]]) + np.asarray(at, dtype=float))


def at_share(curve: Points, share: float) -> tuple[float, float]:
    """The point at a share (0 to 1) of a dense curve's length."""
    steps = np.hypot(*np.diff(curve, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)]) / steps.sum()
    return float(np.interp(share, along, curve[:, 0])), float(np.interp(share, along, curve[:, 1]))
