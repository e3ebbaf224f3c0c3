"""A person's neck from the left side, looking to the left. Plane 25 x 30 cm."""

import numpy as np

from appliance.phantom.canvas import FAT, WATER, Bone, Canvas
from appliance.phantom.curves import placed, spline

SIZE_CM = (25.0, 30.0)
_SKIN = [
    (1.0, -4),
    (0.6, 3),
    (1.4, 7),
    (1.2, 11),
    (2.4, 13.6),
    (5.6, 14.4),
    (7.4, 16.2),
    (7.6, 19.5),
    (6.8, 23),
    (3, 26),
]
_SKIN += [
    (-3, 29),
    (-5, 36),
    (32, 36),
    (30, 27),
    (24.5, 23.5),
    (20.6, 19.5),
    (19.2, 15),
    (19.8, 10),
    (22.0, 5),
    (23, -4),
]
_CENTRES = [
    (12.85, 9.9),
    (12.25, 12.0),
    (11.9, 13.95),
    (11.8, 15.9),
    (12.0, 17.85),
    (12.55, 19.85),
    (13.4, 21.9),
    (14.4, 24.0),
]
_HEAD = [(1.6, -3), (1.6, 6), (3, 11.4), (8, 11.8), (11, 9.2), (16, 9.6), (20, 8.6), (21.5, 5), (22, -3)]
_SPINOUS = (2.9, 1.9, 1.9, 2.1, 2.7, 3.6, 3.6, 3.3)
_DROP = (0.35, 0.45, 0.5, 0.55, 0.6, 0.62, 0.72, 0.85)
_BODY = Bone(wall=0.07, cortex=0.48, core=0.21, grain=0.14)
_ARCH = Bone(wall=0.10, cortex=0.46, core=0.24, grain=0.12)
_TABLE = Bone(wall=0.14, cortex=0.30, core=0.24, grain=0.15)
_PLATE = Bone(wall=0.02, cortex=0.26, core=0.22, grain=0.0)
_SKULL = Bone(wall=0.16, cortex=0.40, core=0.10, grain=0.3)
_JAW = Bone(wall=0.16, cortex=0.44, core=0.12, grain=0.3)
_TOOTH = Bone(wall=0.10, cortex=1.0, core=0.5, grain=0.05)
_CARTILAGE = Bone(wall=0.05, cortex=0.12, core=0.07, grain=0.8)


def draw_neck_lateral(canvas: Canvas) -> None:
    """Draw skull base, jaw, airway, seven cervical vertebrae and the shoulders."""
    _soft_tissue(canvas)
    _airway(canvas)
    _skull(canvas)
    _jaw(canvas)
    _atlas_and_dens(canvas)
    for n in range(len(_CENTRES)):
        _vertebra(canvas, n)
    _shoulders(canvas)


def _soft_tissue(canvas: Canvas) -> None:
    canvas.solid(_SKIN, 11.0, FAT, rounding=5.5)
    canvas.solid(placed(_SKIN, (0.55, 0.35), 0.0, (0.955, 0.97)), 10.0, WATER - FAT, rounding=4.5)
    body = canvas.coverage(_SKIN, 1.5)
    canvas.mottled(body, 1.2, 0.03)
    canvas.mottled(body, 0.35, 0.014)
    for course in ([(16.4, 8), (15.9, 14), (17.4, 21)], [(17.6, 7), (17.0, 14), (18.6, 20)]):
        canvas.tube(course, (0.2, 0.7, 0.3), 0.05)  # muscles of the nape, with fat between them
    with canvas.only_where(canvas.coverage(_SKIN, 0.8), soft_cm=0.7):
        canvas.solid(_HEAD, 4.0, WATER, rounding=3.5)


def _airway(canvas: Canvas) -> None:
    with canvas.only_where(canvas.coverage(_SKIN, 0.4), soft_cm=0.04):
        throat = [(10.3, 3.2), (11.3, 3.6), (11.2, 6.2), (10.9, 9.2), (10.4, 12.0), (9.9, 14.4), (9.2, 14.5)]
        throat += [(9.1, 12.6), (9.3, 10.2), (9.8, 8.0), (10.1, 5.6)]
        canvas.solid(throat, 2.8, -0.95 * WATER, rounding=0.7)
        canvas.solid([(5.2, 7.5), (9.2, 6.8), (9.8, 7.5), (8.6, 8.0), (5.4, 8.2)], 2.6, -0.5 * WATER, rounding=0.4)
        canvas.tube([(9.5, 14.2), (9.15, 15.4), (9.3, 16.6)], (0.55, 0.35, 0.25), -0.8 * WATER)  # larynx
        canvas.tube([(9.0, 16.3), (8.4, 16.35), (8.0, 16.3)], (0.18, 0.14, 0.1), -0.7 * WATER)  # ventricle
        trachea = [(9.25, 16.4), (9.6, 18.5), (10.3, 21.5), (11.3, 25), (12.4, 29), (13, 31)]
        canvas.tube(trachea, (0.35, 0.8, 0.85, 0.85, 0.85, 0.85), -0.95 * WATER)
        canvas.tube([(9.3, 11.6), (8.7, 12.6), (8.6, 13.4)], (0.3, 0.22, 0.12), -0.5 * WATER)  # vallecula
    canvas.shaft([(9.5, 12.3), (8.9, 13.0), (8.5, 13.8)], (0.05, 0.09, 0.06), _CARTILAGE, flatten=4)  # epiglottis
    canvas.shaft([(6.9, 13.7), (7.4, 14.15), (8.4, 13.95), (9.9, 13.4)], (0.34, 0.3, 0.2, 0.14), _ARCH)  # hyoid
    canvas.solid(
        [(7.5, 15.2), (8.4, 14.8), (9.7, 15.3), (9.9, 17.4), (8.6, 17.6), (7.7, 16.8)], 1.2, 0.07, rounding=0.3
    )
    canvas.bone([(8.9, 17.3), (9.9, 16.9), (10.3, 17.6), (9.7, 18.3), (9.0, 18.0)], 1.2, _CARTILAGE, rounding=0.4)


def _skull(canvas: Canvas) -> None:
    vault = [(16.4, 8.3), (17.6, 8.4), (19.4, 7.2), (21.0, 5.2), (21.8, 2.6), (22.0, -2)]
    canvas.shaft(vault, (0.10, 0.36, 0.44, 0.40, 0.34, 0.34), _SKULL, flatten=5.0)
    base = [(17.2, 8.2), (15.0, 7.0), (13.4, 6.6), (12.4, 5.0), (11.4, 3.4), (9.4, 1.6), (5.5, 0.4), (2.4, 0.2)]
    canvas.shaft(base, (0.10, 0.20, 0.26, 0.28, 0.22, 0.15, 0.12, 0.10), _TABLE, flatten=4.5)
    petrous = [(10.9, 0.6), (13.4, 0.3), (15.2, 2.2), (15.4, 4.6), (14.6, 6.6), (13.6, 7.4), (12.9, 6.2), (12.2, 3.6)]
    canvas.solid(petrous, 4.2, 0.15, rounding=1.8)
    mastoid = [(12.9, 3.4), (15.2, 3.4), (15.3, 5.6), (14.4, 7.6), (13.7, 7.9), (13.0, 6.4)]
    canvas.bone(mastoid, 1.1, _SKULL, rounding=0.9)
    canvas.mottled(canvas.coverage(mastoid, 0.4), 0.16, 0.12)  # air cells
    canvas.solid(
        [(18, -3), (12, -3), (12.6, 3.0), (15, 6.4), (18, 7.6), (20.6, 4.6), (21.6, -3)], 7.0, 0.10, rounding=3.0
    )


def _jaw(canvas: Canvas) -> None:
    mandible = [(10.5, 3.4), (11.2, 3.5), (10.9, 5.6), (10.1, 8.4), (9.6, 9.9), (8.6, 10.7), (6.0, 11.6), (3.2, 12.6)]
    mandible += [
        (2.0, 12.5),
        (1.7, 11.0),
        (2.2, 9.8),
        (4.6, 9.0),
        (7.0, 8.2),
        (7.9, 6.4),
        (8.0, 4.0),
        (8.7, 4.6),
        (9.5, 5.2),
    ]
    for shift in (0.0, 0.55):
        canvas.bone(placed(mandible, (shift, 0.35 * shift), 0.0), 0.85, _JAW, rounding=0.4)
    canvas.solid([(1.6, 9.7), (2.2, 12.6), (3.6, 12.5), (3.6, 9.4)], 2.2, 0.16, rounding=0.6)  # symphysis
    palate = [(1.6, 5.6), (4.5, 5.4), (8.6, 5.6), (9.0, 5.9), (4.6, 6.2), (1.7, 6.6)]
    canvas.bone(palate, 2.6, _TABLE, rounding=0.3)
    for n, x in enumerate((2.0, 2.6, 3.3, 4.1, 5.0, 6.0, 6.9)):
        wide = 0.30 + 0.045 * n
        lower = [
            (x - wide, 8.25 - 0.06 * n),
            (x + wide, 8.25 - 0.06 * n),
            (x + 0.7 * wide, 9.1),
            (x + 0.2, 10.1),
            (x - 0.2, 10.1),
        ]
        upper = [
            (x - wide, 8.05 - 0.06 * n),
            (x + wide, 8.05 - 0.06 * n),
            (x + 0.7 * wide, 7.3),
            (x + 0.1, 6.3),
            (x - 0.2, 6.4),
        ]
        for tooth in (lower, upper):
            canvas.bone(tooth, 0.55, _TOOTH, rounding=0.3)
    for x, y in ((5.1, 8.2), (6.05, 7.65)):
        canvas.solid(
            placed([(-0.3, -0.2), (0.3, -0.22), (0.26, 0.2), (-0.22, 0.22)], (x, y), 0.1), 0.5, 4.5, rounding=0.1
        )


def _atlas_and_dens(canvas: Canvas) -> None:
    dens = [(12.25, 9.2), (12.2, 7.9), (12.5, 7.1), (12.95, 7.1), (13.2, 7.9), (13.35, 9.2)]
    canvas.bone(dens, 1.1, _BODY, rounding=0.45)
    canvas.bone([(11.35, 7.6), (11.95, 7.5), (12.05, 8.3), (11.75, 8.9), (11.3, 8.5)], 1.2, _ARCH, rounding=0.3)
    mass = [(12.0, 7.3), (13.9, 7.1), (14.2, 8.2), (13.5, 8.9), (12.2, 8.7)]
    canvas.bone(mass, 1.8, _ARCH, rounding=0.4)
    for shift in (0.0, 0.18):
        canvas.shaft(
            [(13.8, 7.9 + shift), (15.2, 8.5 + shift), (16.5, 9.1 + shift), (17.1, 9.5)],
            (0.1, 0.22, 0.32, 0.2),
            _ARCH,
            flatten=1.4,
        )


def _vertebra(canvas: Canvas, n: int) -> None:
    """The body and arch of C2 (n = 0) to T2."""
    x, y = _CENTRES[n]
    before, after = _CENTRES[max(0, n - 1)], _CENTRES[min(len(_CENTRES) - 1, n + 1)]
    turn = float(np.arctan2(after[1] - before[1], after[0] - before[0]) - np.pi / 2)
    wide, high = 0.88 + 0.035 * n, 1.0 if n == 0 else 0.83 + 0.02 * n
    body = [
        (-0.93, -0.78),
        (-0.5, -0.98),
        (0.4, -1.0),
        (0.95, -0.92),
        (0.92, 0.0),
        (0.98, 0.88),
        (0.5, 0.92),
        (-0.3, 0.92),
    ]
    body += [(-0.95, 1.16), (-1.06, 1.0), (-0.90, 0.2), (-0.88, -0.3)]
    canvas.bone(placed(body, (x, y), turn, (wide, high)), 2.3, _BODY, rounding=0.45)
    for top, edge in ((True, -0.92), (False, 0.92)):
        if n or not top:
            plate = placed([(-0.82, edge), (0.86, edge)], (x, y), turn, (wide, high))
            canvas.shaft(plate, 0.07, _PLATE, flatten=8.0)
    _arch(canvas, x, y, turn, n)


def _arch(canvas: Canvas, x: float, y: float, turn: float, n: int) -> None:
    pillar = [(0.75, -0.80), (1.75, -1.05), (2.15, -0.55), (2.0, 0.45), (1.55, 1.30), (0.95, 1.15), (0.75, 0.2)]
    for shift in (0.0, 0.14):
        canvas.bone(placed(pillar, (x + shift, y + 0.5 * shift), turn, (1.0, 0.88)), 0.95, _ARCH, rounding=0.3)
    facet = placed([(0.95, -0.45), (1.95, -1.25)], (x, y), turn + 0.05)
    canvas.shaft(facet, 0.06, _PLATE, flatten=7.0)
    length, drop = _SPINOUS[n], _DROP[n]
    middle, tip = (2.45 + 0.5 * length, 0.15 + 0.4 * length * drop), (2.45 + length, 0.2 + length * drop)
    process = [(1.85, -0.30), (2.5, -0.04), (middle[0], middle[1] - 0.27), (tip[0], tip[1] - 0.38)]
    process += [(tip[0] + 0.24, tip[1] + 0.06), (tip[0] - 0.1, tip[1] + 0.40), (middle[0], middle[1] + 0.32)]
    process += [(2.70, 0.72), (2.25, 0.85), (1.9, 0.45)]
    canvas.bone(placed(process, (x, y), turn), 0.95, _ARCH, rounding=0.34)


def _shoulders(canvas: Canvas) -> None:
    mass = [(-4, 27.5), (4, 25.6), (10, 23.8), (16, 22.2), (22, 23.0), (28, 24.5), (30, 36), (-6, 36)]
    canvas.solid(mass, 9.5, WATER, rounding=6.5)
    clavicle = spline([(0.0, 28.4), (5.2, 26.6), (9.6, 26.4), (13.5, 25.0)])
    canvas.shaft(clavicle, (0.5, 0.45, 0.42, 0.5), _JAW)
    for n, (x, y) in enumerate(((13.9, 22.4), (14.9, 24.5), (16.0, 26.7))):
        rib = [(x + 0.6, y), (x - 0.8, y + 1.2), (x - 4.0, y + 2.3 + 0.3 * n), (x - 8.0, y + 3.9 + 0.4 * n)]
        canvas.shaft(rib, (0.25, 0.33, 0.35, 0.3), _JAW)
    lung = spline([(9.5, 31), (11.2, 27.6), (14.6, 26.2), (17.2, 28.0), (18.4, 31)], 3)
    canvas.solid(lung, 6.0, -0.4 * WATER, rounding=3.0)
