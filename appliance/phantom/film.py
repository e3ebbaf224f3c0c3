"""From attenuation to a presented radiograph: scatter, processing, quantum noise, collimation, lead marker."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from appliance.phantom.canvas import Field, blur, resized

MAX_VALUE = 4095
_SCATTER_SHARE = 0.12  # behind a grid
_SCATTER_CM = 2.5
_SCREEN_BLUR = 0.7  # samples of the anatomy: focal spot and scintillator
_LATITUDE_CM = 2.2  # structures larger than this are compressed, smaller ones kept: what a unit's processing does
_LATITUDE, _DETAIL = 0.62, 1.25
_NOISE = 0.005  # relative noise of the unattenuated beam, one pixel of the full-size detector
_AIR, _TISSUE = -0.10, 4.1


def developed(
    attenuation: Field, step_cm: float, rows: int, columns: int, noise: float, random: np.random.Generator
) -> Field:
    """The picture (rows, columns) in 0..MAX_VALUE as float32, bright where much is absorbed."""
    recorded = blur(_with_scatter(attenuation, step_cm), _SCREEN_BLUR)
    base = blur(recorded, _LATITUDE_CM / step_cm)
    detail = recorded - base
    processed = _LATITUDE * base + _DETAIL * detail * _edge_weight(recorded)
    sigma: Field = np.exp(np.minimum(recorded, 6.0) / 2.0, dtype=np.float32) * np.float32(_NOISE * noise * _DETAIL)
    grain = random.standard_normal((rows, columns), dtype=np.float32)
    noise_of_pixel: Field = grain * resized(sigma, rows, columns)
    return _toned(np.asarray(resized(processed, rows, columns) + noise_of_pixel, dtype=np.float32))


def _with_scatter(attenuation: Field, step_cm: float) -> Field:
    primary = np.exp(-np.maximum(attenuation, 0.0))
    scatter = blur(primary, _SCATTER_CM / step_cm)
    return np.asarray(-np.log((1 - _SCATTER_SHARE) * primary + _SCATTER_SHARE * scatter), dtype=np.float32)


def _edge_weight(recorded: Field) -> Field:
    """Less enhancement in the unattenuated beam, so that the skin has no halo."""
    return np.asarray(np.clip(0.55 + recorded / 1.5, 0.0, 1.0), dtype=np.float32)


def _toned(signal: Field) -> Field:
    """The film's curve: a toe in air, a long straight part, a shoulder in metal."""
    x = (signal - np.float32(_AIR)) * np.float32(1.0 / (_TISSUE - _AIR))
    np.clip(x, -0.05, 2.0, out=x)
    return np.asarray(MAX_VALUE * np.clip(1.12 * x / (np.abs(x) ** 3 * 0.30 + 1.0) ** np.float32(1 / 3), 0, 1))


def collimated(picture: Field, border: tuple[float, float, float, float], pixel_cm: float) -> None:
    """Darken what the shutters hide: `border` cm at the top, right, bottom and left, with a narrow penumbra."""
    rows, columns = picture.shape
    top, right, bottom, left = border
    y, x = (np.arange(n, dtype=np.float32) * np.float32(pixel_cm) for n in (rows, columns))
    height, width = rows * pixel_cm, columns * pixel_cm
    soft = np.float32(1.0 / 0.12)
    for edges, axis in (
        (np.minimum(y - top, height - bottom - y), 0),
        (np.minimum(x - left, width - right - x), 1),
    ):
        gain = np.clip(edges * soft, 0.0, 1.0)
        picture *= gain[:, None] if axis == 0 else gain[None, :]


def marked(picture: Field, letter: str, at_cm: tuple[float, float], pixel_cm: float, *, turn: float = -4.0) -> None:
    """Burn in a lead letter 1.6 cm high with its holder's frame, its top left corner at (x, y) cm."""
    height = max(7, round(1.6 / pixel_cm))
    canvas = Image.new("L", (height * 2, height * 2))
    font = ImageFont.load_default(size=height)
    ImageDraw.Draw(canvas).text(
        (height, height), letter, 255, font=font, anchor="mm", stroke_width=max(0, height // 22)
    )
    lead: NDArray[np.float32] = np.asarray(canvas.rotate(turn, Image.Resampling.BICUBIC), dtype=np.float32) / 255.0
    column, row = (max(0, round(edge / pixel_cm)) for edge in at_cm)
    part = picture[row : row + lead.shape[0], column : column + lead.shape[1]]
    lead = lead[: part.shape[0], : part.shape[1]]
    part += lead * (0.985 * MAX_VALUE - part)
