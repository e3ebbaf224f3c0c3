"""Bones that occur more than once: vertebrae from the side and from the front, each in a frame of its own.

In the frame of a vertebra seen from the side x runs caudally and y ventrally, in lengths of the body; seen from the
front x runs to the side and y caudally.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from appliance.phantom.canvas import Bone, Canvas
from appliance.phantom.curves import placed

BODY = Bone(wall=0.07, cortex=0.42, core=0.17, grain=0.22)
PLATE = Bone(wall=0.02, cortex=0.26, core=0.22, grain=0.0)
BLADE = Bone(wall=0.10, cortex=0.36, core=0.26, grain=0.15)


@dataclass(frozen=True)
class Vertebra:
    """A vertebra from the side: centre of its body (cm), direction of its axis, length and height of the body (cm)."""

    x: float
    y: float
    angle: float
    length: float
    height: float
    depth: float = 2.2


def draw_body(canvas: Canvas, v: Vertebra) -> None:
    """Draw the body with its end plates and waist."""
    ends = [(-0.48, -0.44), (-0.40, -0.5), (0.0, -0.44), (0.40, -0.5), (0.48, -0.44)]
    low = [(0.5, 0.0), (0.49, 0.42), (0.42, 0.5), (0.0, 0.38), (-0.42, 0.5), (-0.49, 0.42), (-0.5, 0.0)]
    canvas.bone(placed(ends + low, (v.x, v.y), v.angle, (v.length, v.height)), v.depth, BODY, rounding=0.30 * v.height)
    for side in (-0.455, 0.455):
        plate = placed([(side, -0.42), (side, 0.42)], (v.x, v.y), v.angle, (v.length, v.height))
        canvas.shaft(plate, 0.085, PLATE, flatten=0.72 * v.depth / 0.17)


def draw_arch(canvas: Canvas, v: Vertebra) -> None:
    """Draw pedicles, lamina and the articular processes that overlap the neighbours'."""
    size = (v.length, v.height)
    pedicle = [(-0.34, -0.40), (0.10, -0.40), (0.02, -0.95), (-0.30, -0.95)]
    canvas.bone(placed(pedicle, (v.x, v.y), v.angle, size), 0.9, BLADE, rounding=0.25)
    lamina = [(-0.62, -0.82), (-0.45, -0.80), (-0.2, -0.92), (0.2, -0.95), (0.62, -0.78), (0.74, -0.86), (0.55, -1.06)]
    lamina += [(0.25, -1.22), (-0.25, -1.26), (-0.5, -1.12)]
    canvas.bone(placed(lamina, (v.x, v.y), v.angle, size), 1.3, BLADE, rounding=0.35)


def draw_spinous(canvas: Canvas, v: Vertebra, length: float, lean: float, *, width: float = 0.95) -> None:
    """Draw the spinous process: `length` cm, leaning caudally by `lean` radians from upright."""
    w = width / 2.0
    shape = [(-w, 0.0), (-0.66 * w, -0.5 * length), (-0.62 * w, -0.96 * length), (0.0, -1.03 * length)]
    shape += [(0.66 * w, -0.95 * length), (0.50 * w, -0.5 * length), (w * 0.9, 0.0)]
    root = placed([(0.02, -1.08)], (v.x, v.y), v.angle, (v.length, v.height))[0]
    canvas.bone(placed(shape, root, v.angle + lean), 0.62, BLADE, rounding=0.3)


def draw_front(canvas: Canvas, at: ArrayLike, width: float, height: float, *, spinous: float, wings: float) -> None:
    """Draw a vertebra from the front: body, pedicles, spinous process end on, transverse processes of `wings` cm."""
    body = [(-0.5, -0.46), (-0.25, -0.5), (0.25, -0.5), (0.5, -0.46), (0.42, 0.0)]
    body += [(0.5, 0.46), (0.25, 0.5), (-0.25, 0.5), (-0.5, 0.46), (-0.42, 0.0)]
    canvas.bone(placed(body, at, 0.0, (width, height)), 2.2, BODY, rounding=0.35 * width)
    for end in (-0.455, 0.455):
        canvas.shaft(placed([(-0.42, end), (0.42, end)], at, 0.0, (width, height)), 0.08, PLATE, flatten=8.0)
    for side in (-1.0, 1.0):
        wing = [(0.3 * width, -0.30 * height), (0.5 * width + wings, -0.24 * height)]
        wing += [(0.5 * width + wings, 0.0), (0.3 * width, 0.12 * height)]
        canvas.bone(placed(wing, at, 0.0, (side, 1.0)), 0.7, BLADE, rounding=0.2)
        facet = np.array([(0.30, -0.62), (0.48, -0.40), (0.42, 0.1), (0.26, 0.05)])
        canvas.bone(placed(facet, at, 0.0, (side * width, height)), 0.9, BLADE, rounding=0.2)
    if spinous:
        drop = [(0.0, -0.40), (0.09, 0.1), (0.13, 0.34), (0.0, 0.5), (-0.13, 0.34), (-0.09, 0.1)]
        canvas.bone(placed(drop, at, 0.0, (width, height)), spinous, BLADE, rounding=0.15)
