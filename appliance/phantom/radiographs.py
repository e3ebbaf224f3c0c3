"""Radiographs as line integrals of attenuation through a simple anatomy, exposed, processed and marked."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from appliance.phantom import film, neck_lateral, thorax_lateral, thorax_vd
from appliance.phantom.canvas import Canvas

_STEP_CM = 0.042  # finest sample of the anatomy; what is finer than this a detector's screen blurs


@dataclass(frozen=True)
class Radiograph:
    """A view that the unit can take: the detector's plane (cm), what is in it, the shutters' borders, the marker."""

    draw: Callable[[Canvas], None]
    size_cm: tuple[float, float]
    pixel_cm: float
    border_cm: tuple[float, float, float, float]
    letter: str
    marker_cm: tuple[float, float]

    @property
    def rows(self) -> int:
        """Rows at full size."""
        return round(self.size_cm[1] / self.pixel_cm)

    @property
    def columns(self) -> int:
        """Columns at full size."""
        return round(self.size_cm[0] / self.pixel_cm)


VIEWS = {
    "thorax-rl": Radiograph(
        lambda canvas: thorax_lateral.draw_lateral(canvas, left=False),
        thorax_lateral.SIZE_CM,
        0.015,
        (1.3, 1.5, 1.6, 1.4),
        "R",
        (36.0, 33.0),
    ),
    "thorax-ll": Radiograph(
        lambda canvas: thorax_lateral.draw_lateral(canvas, left=True),
        thorax_lateral.SIZE_CM,
        0.015,
        (1.5, 1.2, 1.3, 1.7),
        "L",
        (36.4, 33.0),
    ),
    "thorax-vd": Radiograph(
        thorax_vd.draw_vd,
        thorax_vd.SIZE_CM,
        0.015,
        (1.4, 1.3, 1.5, 1.2),
        "R",
        (2.2, 38.5),
    ),
    "neck-lateral": Radiograph(
        neck_lateral.draw_neck_lateral,
        neck_lateral.SIZE_CM,
        0.010,
        (0.8, 0.9, 0.8, 0.7),
        "L",
        (1.6, 16.5),
    ),
}


@lru_cache(maxsize=4)
def radiograph(view: str, *, scale: float = 1.0, seed: int = 1) -> NDArray[np.uint16]:
    """A radiograph (rows, columns) uint16 of 12 bits; `view` is one of VIEWS, `scale` 1.0 is 7.5 megapixels.

    The last few are kept, so that a demonstration or a test that takes the same view again does not wait for it.
    """
    taken = VIEWS[view]
    rows, columns = (max(16, round(size * scale)) for size in (taken.rows, taken.columns))
    pixel_cm = taken.size_cm[1] / rows
    random = np.random.default_rng(seed)
    canvas = Canvas(*taken.size_cm, max(pixel_cm, _STEP_CM * taken.pixel_cm / 0.015), random)
    taken.draw(canvas)
    picture = film.developed(canvas.total, canvas.step_cm, rows, columns, taken.pixel_cm / pixel_cm, random)
    film.collimated(picture, taken.border_cm, pixel_cm)
    film.marked(picture, taken.letter, taken.marker_cm, pixel_cm)
    pixels = np.clip(picture, 0, film.MAX_VALUE).astype(np.uint16)
    pixels.flags.writeable = False
    return pixels
