"""The phantom's pictures: sizes, depth, and what a radiograph must show."""

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.phantom.canvas import Canvas
from appliance.phantom.radiographs import VIEWS, radiograph

SCALE = 0.1
MIDDLE_OF_LUNG, HEART, VERTEBRA, AIR = (13.0, 28.0), (23.0, 18.5), (8.9, 26.6), (3.0, 30.0)


def _mean(pixels: NDArray[np.uint16], view: str, at_cm: tuple[float, float], reach_cm: float = 0.4) -> float:
    """The mean value around a point (row, column) in centimetres."""
    step = VIEWS[view].size_cm[1] / pixels.shape[0]
    (top, bottom), (left, right) = (sorted(round((c + side) / step) for side in (-reach_cm, reach_cm)) for c in at_cm)
    return float(pixels[top : bottom + 1, left : right + 1].mean())


@pytest.mark.parametrize("view", sorted(VIEWS))
def test_a_full_picture_has_seven_and_a_half_megapixels_of_12_bits_in_time(view: str) -> None:
    """3000 by 2500 either way up; processor time, so that a busy machine does not matter."""
    radiograph.cache_clear()
    start = time.process_time()
    pixels = radiograph(view)
    assert time.process_time() - start < 5.0
    assert sorted(pixels.shape) == [2500, 3000]
    assert pixels.dtype == np.uint16
    assert 3500 < int(pixels.max()) <= 4095
    radiograph.cache_clear()


@pytest.mark.parametrize("view", ["thorax-rl", "thorax-ll"])
def test_bone_is_bright_lung_dark_and_air_darkest(view: str) -> None:
    """MONOCHROME2: what absorbs is bright."""
    pixels = radiograph(view, scale=SCALE)
    vertebra, heart, lung, air = (_mean(pixels, view, at) for at in (VERTEBRA, HEART, MIDDLE_OF_LUNG, AIR))
    assert vertebra > heart + 300 > lung + 600
    assert lung > air + 300


def test_the_heart_of_the_ventrodorsal_view_lies_between_two_lungs() -> None:
    """Right lung, heart, left lung."""
    pixels = radiograph("thorax-vd", scale=SCALE)
    right, heart, left = (_mean(pixels, "thorax-vd", (23.0, x)) for x in (12.0, 20.5, 26.0))
    assert heart > right + 500
    assert heart > left + 500


def test_the_airway_of_the_neck_is_darker_than_what_is_around_it() -> None:
    """And vertebral bodies are brighter."""
    pixels = radiograph("neck-lateral", scale=SCALE)
    airway, flesh, body = (_mean(pixels, "neck-lateral", at, 0.2) for at in ((11.5, 10.2), (15.0, 10.8), (15.9, 11.8)))
    assert airway < flesh - 150
    assert body > flesh + 400


@pytest.mark.parametrize("view", sorted(VIEWS))
def test_the_side_marker_is_burnt_in_and_the_shutters_border_is_black(view: str) -> None:
    """The lead letter is the brightest thing where there is only air."""
    pixels, taken = radiograph(view, scale=SCALE), VIEWS[view]
    step = taken.size_cm[1] / pixels.shape[0]
    column, row = (round(edge / step) for edge in taken.marker_cm)
    around = pixels[row : row + round(3.2 / step), column : column + round(3.2 / step)]
    assert int(around.max()) > 3600
    assert float(np.median(around)) < 400
    assert not pixels[0].any()
    assert not pixels[:, -1].any()


def test_the_same_seed_gives_the_same_picture_and_another_seed_another() -> None:
    """Deterministic to the bit."""
    radiograph.cache_clear()
    first = radiograph("thorax-rl", scale=0.05, seed=3).copy()
    radiograph.cache_clear()
    assert np.array_equal(first, radiograph("thorax-rl", scale=0.05, seed=3))
    assert not np.array_equal(first, radiograph("thorax-rl", scale=0.05, seed=4))


def test_thick_parts_are_noisier_than_thin_ones() -> None:
    """Quantum noise: fewer photons arrive behind more tissue."""
    pixels = radiograph("neck-lateral", scale=1.0).astype(float)
    rough = np.abs(np.diff(pixels, axis=1))
    thin, thick = rough[1600:1700, 300:400], rough[2750:2850, 1700:1800]
    assert 0 < float(thin.mean()) < float(thick.mean())


@pytest.mark.parametrize("scale", [0.01, 0.02, 0.333])
def test_any_scale_works(scale: float) -> None:
    """Down to a few pixels."""
    pixels = radiograph("thorax-vd", scale=scale)
    assert pixels.shape == (max(16, round(3000 * scale)), max(16, round(2500 * scale)))


def test_an_ellipsoid_deposits_the_line_integral_of_its_attenuation() -> None:
    """The chord through its middle is its depth; its volume is that of the solid."""
    canvas = Canvas(10.0, 10.0, 0.05, np.random.default_rng(1))
    canvas.ellipsoid((5.0, 5.0), (2.0, 3.0), 4.0, 0.2)
    assert float(canvas.total.max()) == pytest.approx(0.8, rel=0.01)
    volume = float(canvas.total.sum()) * canvas.step_cm**2 / 0.2
    assert volume == pytest.approx(4 / 3 * np.pi * 2.0 * 3.0 * 2.0, rel=0.02)


def test_a_tube_deposits_the_chord_of_a_cylinder() -> None:
    """Its cross-section is a circle."""
    canvas = Canvas(10.0, 10.0, 0.05, np.random.default_rng(1))
    canvas.tube([(-5.0, 5.0), (15.0, 5.0)], 1.0, 0.5)
    column = canvas.total[:, 100]
    assert float(column.max()) == pytest.approx(1.0, rel=0.01)
    assert float(column.sum()) * canvas.step_cm / 0.5 == pytest.approx(np.pi, rel=0.02)


def test_what_lies_outside_the_detector_leaves_no_trace() -> None:
    """A solid beyond the edge is no error."""
    canvas = Canvas(10.0, 10.0, 0.1, np.random.default_rng(1))
    canvas.solid([(20, 20), (22, 20), (21, 23)], 2.0, 0.3)
    canvas.tube([(-8.0, -8.0), (-4.0, -6.0)], 0.5, 0.3)
    assert not canvas.total.any()
