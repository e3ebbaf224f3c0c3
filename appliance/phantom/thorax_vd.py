"""The same dog on its back: head above, its right side to the left of the picture. Plane 37.5 x 45 cm."""

import numpy as np

from appliance.phantom.bones import draw_front
from appliance.phantom.canvas import FAT, LUNG, WATER, Bone, Canvas, Field
from appliance.phantom.curves import Points, placed
from appliance.phantom.vessels import Branch, draw_bronchus, draw_tree

SIZE_CM = (37.5, 45.0)
_MIDDLE = 18.75
_FIRST_THORACIC, _THORACIC = 4, 13
_RIB = Bone(wall=0.09, cortex=0.42, core=0.10, grain=0.15)
_CARTILAGE = Bone(wall=0.06, cortex=0.14, core=0.10, grain=0.75)
_LONG = Bone(wall=0.22, cortex=0.42, core=0.06, grain=0.15)
_END = Bone(wall=0.10, cortex=0.34, core=0.13, grain=0.3)


def draw_vd(canvas: Canvas) -> None:
    """Draw the thorax seen from its belly's side."""
    _soft_tissue(canvas)
    _abdomen(canvas)
    _lungs(canvas)
    _sternum(canvas)
    _spine(canvas)
    for side in (-1.0, 1.0):
        _ribs(canvas, side)
        _forelimb(canvas, side)


def _both(half: list[tuple[float, float]]) -> Points:
    """A symmetrical outline from its right half, given as (distance from the middle, y) from above downwards."""
    right = np.array([(_MIDDLE + x, y) for x, y in half])
    left = np.array([(_MIDDLE - x, y) for x, y in reversed(half)])
    return np.vstack([right, left])


def _soft_tissue(canvas: Canvas) -> None:
    skin = _both(
        [
            (4.6, -5),
            (4.9, 1),
            (7.2, 5),
            (9.6, 8.5),
            (10.6, 13),
            (11.6, 19),
            (12.6, 26),
            (12.9, 33),
            (12.4, 40),
            (12, 50),
        ]
    )
    canvas.solid(skin, 18.0, FAT, rounding=10.0)
    muscle = _both(
        [
            (4.0, -5),
            (4.3, 1.5),
            (6.4, 5.5),
            (8.7, 9),
            (9.8, 13),
            (10.9, 19),
            (11.9, 26),
            (12.1, 33),
            (11.6, 40),
            (11, 50),
        ]
    )
    canvas.solid(muscle, 16.5, WATER - FAT, rounding=9.0)
    body = canvas.coverage(skin, 3.0)
    canvas.mottled(body, 1.6, 0.04)
    canvas.mottled(body, 0.5, 0.018)
    canvas.solid(_both([(2.6, -3), (3.0, 10), (3.2, 25), (3.4, 48)]), 4.0, 0.05, rounding=1.6)
    for side in (-1.0, 1.0):
        fold = _sided([(6.5, 9.5), (9.5, 8.0), (10.3, 14.5), (10.2, 20.0), (8.6, 23.0), (7.6, 15.0)], side)
        canvas.solid(fold, 2.2, 0.15, rounding=1.8)


def _sided(points: list[tuple[float, float]], side: float) -> Points:
    return np.array([(_MIDDLE + side * x, y) for x, y in points])


def _abdomen(canvas: Canvas) -> None:
    canvas.solid(_both([(6, 28), (10, 33), (10.6, 40), (10, 52)]), 6.5, 0.10, rounding=5.0)
    inside = canvas.coverage(_both([(5, 30), (9.6, 35), (9.8, 52)]), 2.0)
    with canvas.only_where(inside, soft_cm=0.06):
        canvas.solid(
            _sided([(2, 32.8), (5.6, 33.4), (8.4, 36), (8.0, 39.2), (5, 39.8), (1.4, 38.4)], 1.0),
            7.0,
            0.05,
            rounding=2.0,
        )
        canvas.solid(
            _sided([(4.6, 34.2), (7.0, 35.2), (7.3, 37.6), (5.4, 38.2), (3.6, 36.4)], 1.0), 4.2, -0.19, rounding=1.4
        )
        for x, y, turn in (
            (-5.2, 38.8, 0.5),
            (-2.0, 41.0, 0.1),
            (3.4, 42.2, -0.3),
            (-6.4, 42.4, -0.8),
            (6.4, 41.6, 1.2),
        ):
            steps = np.linspace(-1.0, 1.0, 4)
            loop = np.column_stack(
                [_MIDDLE + x + 2.8 * steps * np.cos(turn), y + 2.8 * steps * np.sin(turn) + 0.5 * steps**2]
            )
            canvas.tube(loop, (0.2, 0.85, 0.85, 0.2), 0.06)
            canvas.tube(loop, (0.1, 0.42, 0.25, 0.1), -0.15)
        canvas.mottled(inside, 0.9, 0.04)


_LUNG_RIGHT = [
    (1.2, 9.4),
    (3.0, 7.4),
    (5.0, 8.2),
    (6.8, 12.0),
    (8.2, 17.0),
    (9.4, 23.0),
    (10.2, 29.0),
    (10.4, 34.0),
    (9.9, 36.2),
]
_LUNG_RIGHT += [(8.8, 33.6), (6.6, 30.6), (3.8, 29.0), (1.4, 29.6), (0.6, 25.0), (0.8, 16.0)]
_HEART = [
    (16.6, 16.2),
    (19.4, 15.4),
    (21.8, 16.8),
    (23.4, 20.4),
    (23.6, 24.4),
    (22.0, 27.6),
    (19.6, 28.2),
    (17.0, 26.6),
]
_HEART += [(14.9, 23.4), (14.4, 19.4)]


def _lungs(canvas: Canvas) -> None:
    mask, deep = np.zeros_like(canvas.total), np.zeros_like(canvas.total)
    for side in (-1.0, 1.0):
        lung = _sided([(x * (1.0 if side < 0 else 0.98), y + (0.0 if side < 0 else 0.5)) for x, y in _LUNG_RIGHT], side)
        canvas.solid(lung, 13.0, LUNG - WATER, rounding=3.6)
        mask = np.maximum(mask, canvas.coverage(lung, 0.5))
        deep = np.maximum(deep, canvas.coverage(lung, 2.6))
    heart = canvas.coverage(_HEART, 1.5)
    with canvas.only_where(np.asarray(mask * (1.0 - 0.6 * heart))):
        canvas.mottled(mask, 0.10, 0.016)
        canvas.mottled(mask, 0.40, 0.034)
        canvas.mottled(mask, 1.2, 0.05)
        for side in (-1.0, 1.0):
            _lung_vessels(canvas, side)
    with canvas.only_where(_filled(deep), soft_cm=0.11):
        canvas.solid(_HEART, 9.5, (WATER - LUNG) * 0.93, rounding=3.4)
        canvas.tube([(16.4, 22), (16.2, 25), (16.0, 28.5), (16.2, 32)], (0.3, 0.95, 0.9, 0.95), (WATER - LUNG) * 0.95)
        aorta = [(18.0, 17.5), (19.6, 14.2), (20.9, 16.0), (20.9, 20.0), (20.4, 25), (20.0, 32)]
        canvas.tube(aorta, (0.3, 1.15, 1.1, 1.0, 0.95, 0.9), (WATER - LUNG) * 0.7)
        canvas.solid(
            _both([(1.7, 4), (1.9, 9), (1.8, 14), (2.2, 20), (1.5, 30), (1.4, 36)]),
            6.0,
            (WATER - LUNG) * 0.75,
            rounding=1.3,
        )
        dome = [
            (10.5, 37),
            (8.5, 32.2),
            (5.4, 29.4),
            (2.0, 28.0),
            (-2.0, 27.6),
            (-5.4, 28.8),
            (-8.5, 31.8),
            (-10.5, 36.6),
            (0, 42),
        ]
        canvas.solid(_sided(dome, 1.0), 5.4, WATER - LUNG, rounding=2.4)
    _airways(canvas)


def _filled(inside: Field) -> Field:
    """How deep the lung is, as a share: no organ can take more than what there is."""
    return np.asarray(np.sqrt(inside * (2.0 - inside)), dtype=np.float32)


def _lung_vessels(canvas: Canvas, side: float) -> None:
    trunks: tuple[tuple[float, ...], ...] = (
        (1.9, 20.4, 0.98, 13.5, 0.54, 0.12),
        (1.9, 21.2, 1.22, 13.0, 0.52, 0.08),
        (2.2, 19.6, 0.55, 9.5, 0.46, 0.20),
    )
    trunks += (
        (2.0, 18.0, -0.95, 9.5, 0.44, -0.10),
        (1.6, 17.4, -1.25, 8.0, 0.38, 0.05),
        (2.4, 19.0, 0.10, 7.5, 0.42, 0.15),
    )
    trunks += ((2.4, 18.6, -0.45, 7.0, 0.38, 0.1), (1.6, 21.8, 1.42, 10.0, 0.4, 0.02))
    for x, y, angle, length, radius, bend in trunks:
        turned = angle if side > 0 else np.pi - angle
        draw_tree(canvas, Branch(_MIDDLE + side * x, y, float(turned), length, radius), bend=side * bend)


def _airways(canvas: Canvas) -> None:
    course = [(18.0, -1), (17.9, 5), (17.7, 10), (17.9, 14.5), (18.4, 17.6)]
    canvas.tube(course, (0.98, 0.97, 0.95, 0.92, 0.75), -WATER * 0.62)
    for side, lean in ((-1.0, 0.42), (1.0, 0.50)):
        angle = np.pi / 2 - side * lean
        draw_bronchus(canvas, Branch(18.5 + 0.2 * side, 17.3, float(angle), 5.0, 0.62))


def _levels() -> list[tuple[float, float]]:
    """Centre y and height of each vertebra from the neck down."""
    heights = [2.75] * _FIRST_THORACIC + [2.05 + 0.02 * n for n in range(_THORACIC)] + [2.7] * 5
    top, levels = -4.2, []
    for height in heights:
        levels.append((top + height / 2, height))
        top += height
    return levels


def _spine(canvas: Canvas) -> None:
    for n, (y, height) in enumerate(_levels()):
        thoracic = _FIRST_THORACIC <= n < _FIRST_THORACIC + _THORACIC
        wings = 0.55 if thoracic else 1.2
        width = 1.75 if thoracic else 2.1
        draw_front(canvas, (_MIDDLE, y), width, height - 0.24, spinous=2.2 if thoracic else 1.4, wings=wings)


def _sternum(canvas: Canvas) -> None:
    for n in range(8):
        y = 8.0 + 2.55 * n
        outline = [(-0.55, -0.95), (0.55, -0.95), (0.42, 0.0), (0.6, 0.95), (-0.6, 0.95), (-0.42, 0.0)]
        canvas.bone(placed(outline, (_MIDDLE + 0.35, y), 0.0), 1.1, _END, rounding=0.4)


def _ribs(canvas: Canvas, side: float) -> None:
    levels = _levels()[_FIRST_THORACIC : _FIRST_THORACIC + _THORACIC]
    for n, (y, height) in enumerate(levels):
        reach = 4.0 + 6.7 * np.sin(np.pi / 2 * min(1.0, (n + 0.6) / 9.0)) + (0.06 * side)
        head = y - 0.42 * height
        drop = 1.4 + 0.42 * n
        course = [
            (0.95, head),
            (1.7, head - 0.35),
            (0.45 * reach + 0.8, head - 0.35 + 0.03 * n),
            (0.82 * reach + 0.2, head + 0.30 * drop),
        ]
        course += [(reach, head + 1.15 * drop), (0.985 * reach, head + 1.9 * drop)]
        if n < 12:
            course += [(0.86 * reach, head + 2.65 * drop), (0.70 * reach, head + 3.05 * drop)]
        radii = (0.20, 0.28, 0.30, 0.31, 0.33, 0.33, 0.34, 0.2)[: len(course)]
        canvas.shaft(_sided(course, side), radii, _RIB, flatten=0.85)
        if n < 9:
            end = course[-1]
            tip = (0.8, max(8.5 + 2.4 * n, end[1] - 4.2) if n > 2 else end[1] + 0.8)
            canvas.shaft(
                _sided([end, (0.5 * end[0] + 0.3, 0.5 * (end[1] + tip[1]) + 0.9), tip], side),
                (0.3, 0.33, 0.25),
                _CARTILAGE,
            )


def _forelimb(canvas: Canvas, side: float) -> None:
    blade = [(9.2, 15.2), (9.9, 14.2), (9.6, 10.0), (9.0, 5.8), (7.9, 5.6), (7.6, 8.0), (8.2, 12.0)]
    canvas.bone(_sided(blade, side), 0.7, _RIB, rounding=0.3)
    canvas.shaft(_sided([(9.2, 13.6), (8.9, 9.6), (8.4, 6.0)], side), (0.12, 0.22, 0.26), _RIB, flatten=1.3)
    canvas.solid(
        _sided([(6.6, -3), (11.6, -3), (11.8, 3), (10.8, 9), (8.4, 9), (6.6, 4)], side), 5.0, 0.16, rounding=2.0
    )
    canvas.bone(
        _sided([(7.2, 4.2), (8.6, 3.2), (9.8, 4.0), (9.8, 5.6), (8.4, 6.2), (7.2, 5.6)], side), 2.6, _END, rounding=0.9
    )
    canvas.shaft(_sided([(8.6, 4.6), (9.1, 1.6), (9.5, -1.5), (9.8, -4)], side), (1.2, 0.9, 0.8, 0.8), _LONG)
