"""A frame as an 8-bit picture for people: a chosen window, what lies on it, a part of it, a size, words on it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from appliance.imaging.decode import Frame, Pixels
from appliance.imaging.grayscale import Grayscale
from appliance.imaging.marks import OVERLAY, PADDING, SHUTTER, marks, shutter_grey
from appliance.imaging.spacing import pixel_aspect
from appliance.imaging.voi import Window

MAX_SIDE = 8192
_MARGIN = 0.012  # of the longer side
_FONTS = ("DejaVuSans.ttf", "LiberationSans-Regular.ttf")
_OVERLAY_COLOUR = (255, 204, 51)


@dataclass(frozen=True)
class Region:
    """A rectangle of the stored frame, in columns and rows from its upper left corner."""

    left: int
    top: int
    width: int
    height: int


def picture(
    frame: Frame, number: int = 1, *, window: Window | None = None, region: Region | None = None
) -> Image.Image:
    """Frame `number`, or a region of it, with square pixels at its full size; `window` in place of its own choice."""
    pixels = frame.pixels
    if not frame.is_colour:
        pipeline = Grayscale.of(frame.header, pixels)
        if window is not None:
            pipeline = replace(pipeline, voi=(window,))
        pixels = pipeline.render(pixels)
    image = Image.fromarray(marked(pixels, frame, number))
    if region is not None:
        image = image.crop((region.left, region.top, region.left + region.width, region.top + region.height))
    return squared(image, pixel_aspect(frame.header))


def marked(pixels: Pixels, frame: Frame, number: int, *, overlays: bool = True, shutters: bool = True) -> Pixels:
    """8-bit greys or RGB of frame `number` under padding, shutters and overlays, as the light table draws them.

    In colour where an overlay lies on it (webui/viewer/src/shader.ts).
    """
    flags = marks(frame, number)
    if flags is None:
        return np.ascontiguousarray(pixels)
    overlay = (flags & OVERLAY > 0) & overlays
    made = np.stack([pixels] * 3, axis=-1) if overlay.any() and pixels.ndim == 2 else pixels.copy()
    made[flags & PADDING > 0] = 0
    if shutters:
        made[flags & SHUTTER > 0] = round(shutter_grey(frame.header) * 255)
    if overlay.any():
        made[overlay] = _OVERLAY_COLOUR
    return made


def squared(image: Image.Image, aspect: float) -> Image.Image:
    """Rows or columns doubled up until the pixels are square; `aspect` is height by width of one."""
    if abs(aspect - 1.0) <= 0.01:
        return image
    width, height = (image.width, image.height * aspect) if aspect > 1 else (image.width / aspect, image.height)
    return image.resize((max(1, round(width)), max(1, round(height))), Image.Resampling.BILINEAR)


def fitted(image: Image.Image, width: int, height: int) -> Image.Image:
    """The picture as large as fits into the box, in its own proportions."""
    scale = min(width / image.width, height / image.height)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    filter_ = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    return image if size == image.size else image.resize(size, filter_)


def font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The system's sans serif, else the one that comes with Pillow."""
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def write_on(
    image: Image.Image, top: Sequence[str] = (), bottom: Sequence[str] = (), *, bottom_share: float = 1.0
) -> Image.Image:
    """A copy with lines of text in the upper and lower left corner, white with a black edge.

    `bottom_share` is how much of the width the lower lines may take.
    """
    canvas = image.convert("RGB" if image.mode not in ("L", "RGB") else image.mode)
    longest = max(canvas.size)
    size = max(11.0, longest / 55)
    letters, margin = font(size), max(4, round(longest * _MARGIN))
    draw = ImageDraw.Draw(canvas)
    white, black = (255, 0) if canvas.mode == "L" else ((255, 255, 255), (0, 0, 0))
    edge = max(1, round(size / 12))
    room = canvas.width - 2 * margin
    for text, y, anchor in (
        ("\n".join(_wrapped(draw, letters, top, room)), margin, "la"),
        ("\n".join(_wrapped(draw, letters, bottom, room * bottom_share)), canvas.height - margin, "ld"),
    ):
        if text:
            place = (margin, y) if anchor == "la" else (margin, y - draw.multiline_textbbox((0, 0), text, letters)[3])
            draw.multiline_text(place, text, white, letters, stroke_width=edge, stroke_fill=black)
    return canvas


def _wrapped(draw: ImageDraw.ImageDraw, letters: Any, lines: Sequence[str], room: float) -> Iterator[str]:
    """The lines, those that are too long broken between their facts or words."""
    for line in lines:
        made = ""
        for word in line.split(" "):
            longer = f"{made} {word}" if made else word
            if made and draw.textlength(longer, letters) > room:
                yield made
                longer = word
            made = longer
        yield made
