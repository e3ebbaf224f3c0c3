"""A dog of about 30 kg lying on its side, seen from above: head to the left, spine up. Plane 45 x 37.5 cm."""

import numpy as np

from appliance.phantom.bones import Vertebra, draw_arch, draw_body, draw_spinous
from appliance.phantom.canvas import FAT, LUNG, WATER, Bone, Canvas
from appliance.phantom.curves import Points, at_share, placed, spline
from appliance.phantom.vessels import Branch, draw_bronchus, draw_tree

SIZE_CM = (45.0, 37.5)
_SKIN: list[tuple[float, float]] = [
    (-6, 5.5),
    (0, 4.6),
    (6, 3.6),
    (11, 2.9),
    (18, 3.5),
    (27, 3.9),
    (36, 3.8),
    (46, 3.6),
    (52, 8),
    (52, 22),
]
_SKIN += [(47, 29.2), (40, 31.2), (33, 32.7), (26, 33.9), (19, 33.8), (13.5, 32.4), (9, 30.2), (6, 27.0), (0, 21.5)]
_SKIN += [(-6, 20.5)]
_SPINE = [(-2.5, 8.2), (0.8, 9.8), (4.2, 11.2), (7.2, 11.7), (9.8, 11.3), (14, 9.9), (19, 8.9), (25, 8.4), (31, 8.5)]
_SPINE += [(37, 9.0), (43, 9.5), (49, 9.7)]
_LUNG = [
    (9.0, 17.6),
    (9.9, 14.6),
    (13, 12.2),
    (17, 10.8),
    (22, 10.0),
    (28, 9.8),
    (34, 10.1),
    (37.0, 10.6),
    (37.2, 11.4),
]
_LUNG += [(34.6, 13.8), (31.6, 17.0), (29.4, 20.6), (28.2, 24.6), (27.6, 28.2), (26.4, 30.0), (22, 29.8), (17, 29.0)]
_LUNG += [(12.6, 27.2), (10.0, 24.4), (8.8, 21.0)]
_RIB_LEAN = (0.4, 1.1, 2.0, 2.8, 3.5, 4.2, 4.8, 5.3, 5.7, 6.0, 6.0, 5.6, 4.6)
_RIB_END = (23.0, 24.6, 25.8, 26.7, 27.3, 27.5, 27.3, 26.8, 25.8, 24.4, 22.6, 20.2, 16.8)
_CERVICAL, _THORACIC, _LUMBAR = 4, 13, 5
_RIB = Bone(wall=0.09, cortex=0.42, core=0.10, grain=0.15)
_CARTILAGE = Bone(wall=0.06, cortex=0.16, core=0.12, grain=0.75)
_LONG = Bone(wall=0.22, core=0.06, grain=0.15)
_HEAD_OF_BONE = Bone(wall=0.10, core=0.13, grain=0.3)


def draw_lateral(canvas: Canvas, *, left: bool) -> None:
    """Draw the thorax in right recumbency, or left: crura, heart, gas and limbs differ as they do in life."""
    _soft_tissue(canvas)
    _abdomen(canvas, left=left)
    _lungs(canvas, left=left)
    _spine(canvas)
    for side in (0.0, 1.0):
        _ribs(canvas, side)
        _forelimb(canvas, side)
    _sternum(canvas)


def _soft_tissue(canvas: Canvas) -> None:
    canvas.solid(_SKIN, 16.5, FAT, rounding=9.0)
    inner = placed(_SKIN, (1.0, 0.62), 0.0, (0.955, 0.957))
    canvas.solid(inner, 15.0, WATER - FAT, rounding=8.0)
    body = canvas.coverage(_SKIN, 3.0)
    canvas.mottled(body, 1.6, 0.035)
    canvas.mottled(body, 0.5, 0.016)
    epaxial = [(6, 5.2), (16, 5.0), (30, 5.2), (46, 5.2), (46, 9), (30, 8.6), (16, 9.0), (8, 11.0)]
    canvas.solid(epaxial, 5.0, WATER - FAT, rounding=1.2)


def _abdomen(canvas: Canvas, *, left: bool) -> None:
    canvas.solid(
        [(28, 26), (31, 17), (37, 9), (46, 7), (52, 9), (52, 27), (44, 30), (34, 31.5)], 7.0, 0.10, rounding=5.0
    )
    liver = [(36.5, 12), (33.5, 15.5), (30.5, 19.5), (28.8, 24.5), (28.2, 28.6), (30.5, 30.9), (36, 30.6), (38.6, 29.8)]
    canvas.solid([*liver, (37.4, 26), (36.8, 19)], 8.0, 0.05, rounding=3.0)
    inside = canvas.coverage([(31, 16), (36, 11.5), (46, 11.5), (47, 28), (40, 30.3), (31, 30.4)], 2.0)
    with canvas.only_where(inside):
        stomach = placed(_BLOB, (38.6, 17.2), 0.25, (2.6, 5.6))
        canvas.solid(stomach, 7.5, 0.045, rounding=2.0)
        gas = placed(_BLOB, (39.0, 26.2) if left else (38.2, 13.9), 0.9, (1.7, 2.6))
        canvas.solid(gas, 4.6, -0.9 * WATER, rounding=1.6)
        for x, y, turn, gas_radius in _LOOPS:
            loop = placed([(-3.2, 0.5), (-1.4, -0.3), (0.8, 0.3), (3.2, -0.6)], (x, y), turn)
            canvas.tube(loop, (0.2, 0.85, 0.9, 0.85, 0.2), 0.06)
            canvas.tube(loop, (0.1, gas_radius, 0.6 * gas_radius, gas_radius, 0.1), -0.15)
        canvas.solid(placed(_BLOB, (43.6, 13.0), 1.4, (1.9, 3.3)), 3.6, 0.07, rounding=1.5)  # kidney
        canvas.mottled(canvas.coverage(placed(_BLOB, (45.5, 16.5), 1.5, (1.3, 3.0)), 0.8), 0.28, 0.14)  # colon
        canvas.mottled(inside, 0.9, 0.035)


_LOOPS: tuple[tuple[float, float, float, float], ...] = (
    (42.9, 21.4, 0.3, 0.45),
    (43.4, 23.4, 0.1, 0.15),
    (42.6, 25.5, -0.15, 0.50),
    (43.8, 27.2, 0.15, 0.2),
)
_LOOPS += ((45.2, 19.4, 1.1, 0.3), (41.8, 28.6, -0.1, 0.35), (41.4, 23.0, 1.3, 0.2))
_BLOB = [(0.0, -1.0), (0.62, -0.8), (1.0, -0.2), (0.9, 0.5), (0.4, 1.0), (-0.3, 0.96), (-0.88, 0.5), (-1.0, -0.3)]


def _lungs(canvas: Canvas, *, left: bool) -> None:
    mask = canvas.coverage(_LUNG, 0.45)
    canvas.solid(_LUNG, 12.6, LUNG - WATER, rounding=3.8)
    with canvas.only_where(mask):
        canvas.mottled(mask, 0.10, 0.016)
        canvas.mottled(mask, 0.40, 0.032)
        canvas.mottled(mask, 1.2, 0.05)
        _diaphragm(canvas, left=left)
    with canvas.only_where(mask, soft_cm=0.11):
        _heart(canvas, left=left)
        _great_vessels(canvas)
    with canvas.only_where(np.asarray(mask * (1.0 - 0.65 * canvas.coverage(_heart_outline(left=left), 1.5)))):
        _lung_vessels(canvas)
    _trachea(canvas)


def _diaphragm(canvas: Canvas, *, left: bool) -> None:
    """The other crus and the dome that bulges into the dependent lung."""
    if left:
        dome = [(36, 13.6), (33.0, 14.6), (29.6, 17.6), (27.2, 21.2), (26.6, 25.4), (27.8, 29), (32, 30), (36, 22)]
    else:
        dome = [(37, 10.8), (33.6, 12.6), (30.2, 16.0), (27.6, 20.2), (26.6, 24.4), (27.0, 28.4), (30, 31), (36, 22)]
    canvas.solid(dome, 5.2, WATER - LUNG, rounding=1.8)


def _heart_outline(*, left: bool) -> Points:
    egg = [(-0.30, -1.0), (0.30, -1.02), (0.80, -0.62), (0.94, 0.0), (0.78, 0.56), (0.36, 0.95), (-0.10, 1.02)]
    egg += [(-0.60, 0.72), (-0.92, 0.16), (-0.84, -0.50)]
    if left:
        return placed(egg, (18.7, 22.6), -0.36, (4.45, 5.55))
    return placed(egg, (18.4, 22.9), -0.46, (4.15, 6.05))


def _heart(canvas: Canvas, *, left: bool) -> None:
    canvas.solid(_heart_outline(left=left), 8.6, (WATER - LUNG) * 0.93, rounding=3.2)
    mediastinum = [(8.0, 15.8), (13, 16.2), (17.2, 17.2), (18.0, 20.6), (15.0, 21.4), (12.4, 20.6), (8.0, 20.4)]
    canvas.solid(mediastinum, 2.8, WATER - LUNG, rounding=2.0)
    ventral = [(9.2, 24.2), (14, 26.8), (20, 28.6), (26.4, 29.2), (26.2, 31), (18, 30.4), (10, 27)]
    canvas.solid(ventral, 3.4, FAT - LUNG, rounding=0.8)


def _great_vessels(canvas: Canvas) -> None:
    aorta = [(17.0, 19.0), (17.2, 16.2), (18.8, 13.9), (21.4, 12.9), (26, 12.3), (31, 11.9), (38, 11.6)]
    canvas.tube(aorta, (0.3, 1.25, 1.2, 1.1, 1.0, 0.95, 0.9), (WATER - LUNG) * 0.95)
    canvas.tube(
        [(20.2, 20.2), (24.2, 20.5), (27.6, 20.9), (31.0, 21.4)], (0.4, 0.92, 0.88, 0.92), (WATER - LUNG) * 1.05
    )
    canvas.tube([(15.4, 18.6), (17.6, 17.7), (20.0, 17.7), (22.2, 18.1)], (0.3, 1.2, 1.0, 0.35), (WATER - LUNG) * 0.55)


def _lung_vessels(canvas: Canvas) -> None:
    trunks: tuple[tuple[float, ...], ...] = (
        (20.6, 17.6, -0.36, 15.5, 0.56, 0.10),
        (20.9, 18.5, -0.18, 14.0, 0.54, 0.12),
    )
    trunks += ((20.9, 19.2, 0.10, 10.0, 0.46, 0.25), (20.2, 18.6, -0.68, 10.0, 0.42, 0.25))
    trunks += ((21.2, 18.0, -0.05, 13.0, 0.40, -0.30), (20.6, 19.6, 0.45, 9.0, 0.42, 0.15))
    trunks += ((15.8, 18.6, 2.74, 8.0, 0.42, -0.45), (15.8, 19.6, 2.62, 8.0, 0.40, -0.55))
    trunks += (
        (16.4, 20.4, 2.10, 9.5, 0.40, -0.3),
        (20.4, 21.2, 0.85, 9.0, 0.40, 0.2),
        (18.6, 16.8, -1.2, 5.5, 0.3, 0.4),
    )
    trunks += ((16.6, 16.6, -1.9, 5.5, 0.3, -0.3), (17.5, 22.0, 1.75, 8.0, 0.34, -0.2))
    for x, y, angle, length, radius, bend in trunks:
        draw_tree(canvas, Branch(x, y, angle, length, radius), bend=bend)
    for angle, length in ((-0.28, 6.0), (-0.02, 5.0), (2.8, 4.0)):
        draw_bronchus(canvas, Branch(18.9, 17.9, angle, length, 0.42))


def _trachea(canvas: Canvas) -> None:
    course = np.array([(-2, 14.6), (3, 15.2), (8, 15.9), (13, 16.4), (16.6, 16.9), (18.9, 17.8)])
    canvas.tube(course, (1.12, 1.1, 1.08, 1.05, 1.02, 0.85), WATER * 0.16)
    canvas.tube(course, (0.98, 0.97, 0.95, 0.92, 0.9, 0.72), -WATER * 0.62)
    curve = spline(course, 20)
    for share in np.arange(0.08, 0.92, 0.021):
        x, y = at_share(curve, float(share))
        canvas.tube([(x - 0.12, y - 0.95), (x + 0.06, y), (x - 0.12, y + 0.95)], 0.05, 0.35)


def _chain() -> list[Vertebra]:
    curve = spline(_SPINE, 20)
    count = _CERVICAL + _THORACIC + _LUMBAR
    edges = np.cumsum([0.0, *[1.34] * _CERVICAL, *[1.0] * _THORACIC, *[1.22] * _LUMBAR])
    edges /= edges[-1]
    chain = []
    for n in range(count):
        (x0, y0), (x1, y1) = at_share(curve, float(edges[n])), at_share(curve, float(edges[n + 1]))
        angle, length = float(np.arctan2(y1 - y0, x1 - x0)), float(np.hypot(x1 - x0, y1 - y0))
        height = 1.62 if n >= _CERVICAL else 1.9
        chain.append(Vertebra((x0 + x1) / 2, (y0 + y1) / 2, angle, length - 0.26, height))
    return chain


def _spine(canvas: Canvas) -> None:
    lengths = (1.2, 1.0, 1.3, 2.0, 5.0, 5.0, 4.9, 4.7, 4.3, 3.9, 3.4, 3.0, 2.5, 2.1, 1.9, 1.9, 1.9)
    leans = (0.2, 0.2, 0.1, 0.2, 0.42, 0.58, 0.68, 0.76, 0.82, 0.86, 0.88, 0.84, 0.62, 0.30, 0.0, -0.12, -0.15)
    for n, v in enumerate(_chain()):
        draw_body(canvas, v)
        draw_arch(canvas, v)
        blunt = n >= _CERVICAL + 10
        length = (*lengths, *[1.9] * 5)[n]
        draw_spinous(canvas, v, length, (*leans, *[-0.18] * 5)[n], width=1.5 if blunt else 0.95)
        if _CERVICAL <= n < _CERVICAL + _THORACIC:
            canvas.ellipsoid((v.x - 0.45 * v.length, v.y - 0.55), (0.55, 0.5), 1.2, 0.22)
        elif n >= _CERVICAL + _THORACIC:
            wing = placed([(-0.1, 0.1), (0.3, 0.15), (-0.75, 0.85), (-1.0, 0.6)], (v.x, v.y), v.angle)
            canvas.bone(wing, 0.4, _RIB)


def _ribs(canvas: Canvas, side: float) -> None:
    heads = _chain()[_CERVICAL : _CERVICAL + _THORACIC]
    grow = 1.0 + 0.02 * side
    sternum = spline(_STERNUM, 12)
    for n, v in enumerate(heads):
        x, y = v.x - 0.45 * v.length, v.y - 0.55
        lean = _RIB_LEAN[n] + 1.15 * side * np.sin((n + 1.5) / 4.2) - 0.2
        end = _RIB_END[n] * grow
        middle = (x + 0.60 * lean + 0.85 + 0.3 * side, y + 0.52 * (end - y))
        course = [(x, y), (x + 0.55, y + 0.35), (x + 0.22 * lean + 0.95, y + 0.2 * (end - y)), middle]
        course += [(x + lean + 0.2, end - 1.6), (x + lean, end), (x + lean, end + 0.35)]
        canvas.shaft(course, (0.24, 0.27, 0.30, 0.34, 0.37, 0.36, 0.16), _RIB)
        _cartilage(canvas, n, (x + lean, end), at_share(sternum, min(0.97, (n + 0.55) / 8.6)))


def _cartilage(canvas: Canvas, n: int, end: tuple[float, float], tip: tuple[float, float]) -> None:
    """The costal cartilage of rib `n`, patchily mineralised: to the sternum, or along the costal arch."""
    x, y = end
    if n < 9:
        bow = (x - 0.1, 0.30 * y + 0.70 * tip[1] + 0.3)
        canvas.shaft([(x + 0.05, y - 0.2), (x - 0.1, y + 0.9), bow, tip], (0.15, 0.36, 0.34, 0.24), _CARTILAGE)
    elif n < 12:
        canvas.shaft([(x, y - 0.2), (x + 0.1, y + 1.4), (x - 1.6, y + 3.8)], (0.15, 0.33, 0.14), _CARTILAGE)


_STERNUM = [(7.4, 25.6), (10.6, 27.6), (15, 29.2), (20, 30.4), (25, 31.1), (28.6, 31.4)]


def _sternum(canvas: Canvas) -> None:
    curve = spline(_STERNUM, 20)
    for n in range(8):
        (x0, y0), (x1, y1) = at_share(curve, n / 8.0), at_share(curve, (n + 0.84) / 8.0)
        angle, length = float(np.arctan2(y1 - y0, x1 - x0)), float(np.hypot(x1 - x0, y1 - y0))
        draw_body(canvas, Vertebra((x0 + x1) / 2, (y0 + y1) / 2, angle, length, 1.15 - 0.04 * n, 1.5))


def _forelimb(canvas: Canvas, side: float) -> None:
    """Scapula, humerus and the muscle around them, drawn forward; the limb away from the detector is larger."""
    dx, dy = -0.9 * side, 1.1 * side
    muscle = [(9, 9), (4, 17), (-1.5, 22), (-5, 27.5), (-5, 36), (0.5, 33), (4.4, 28), (8.4, 23.4), (11.6, 15)]
    canvas.solid(placed(muscle, (dx, dy), 0.0), 2.6, 0.17, rounding=2.6)
    blade = [(11.4, 5.6), (14.0, 6.3), (14.5, 7.6), (11.8, 12.0), (8.2, 17.4), (6.0, 20.4), (4.7, 19.7), (5.3, 16.8)]
    canvas.bone(placed([*blade, (8.2, 9.8)], (dx, dy), 0.0), 0.62, _RIB, rounding=0.25)
    spine = placed([(12.6, 6.6), (9.6, 11.4), (6.6, 17.0), (5.6, 18.8)], (dx, dy), 0.0)
    canvas.shaft(spine, (0.14, 0.22, 0.30, 0.22), _RIB, flatten=1.3)
    canvas.bone(placed(_BLOB, (5.2 + dx, 20.2 + dy), -0.5, (1.25, 0.75)), 2.2, _HEAD_OF_BONE, rounding=0.6)
    canvas.bone(placed(_BLOB, (4.3 + dx, 22.0 + dy), 0.4, (1.75, 1.5)), 3.0, _HEAD_OF_BONE, rounding=1.1)
    humerus = placed([(4.3, 22.2), (2.7, 25.2), (0.9, 28.6), (-0.8, 31.6), (-2, 34)], (dx, dy), 0.0)
    canvas.shaft(humerus, (1.35, 1.02, 0.82, 0.85, 1.1), _LONG)
