"""Draws a picture in a look: window, polarity, turn, what lies on it, drawings with their words."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from appliance.imaging.decode import Frame, Pixels
from appliance.imaging.grayscale import Grayscale
from appliance.imaging.media.look import AS_RECEIVED, Figure, Look, Point
from appliance.imaging.shown import font, marked, squared
from appliance.imaging.spacing import pixel_aspect
from appliance.imaging.turning import turned

_LINE_COLOUR = (255, 215, 94)
_WORDS_COLOUR, _LEADER_COLOUR, _GROUND = (255, 243, 201), (190, 190, 190), (0, 0, 0)
Colour = tuple[int, int, int]
Place = tuple[float, float, float, float]


def seen(frame: Frame, look: Look = AS_RECEIVED, number: int = 1) -> Image.Image:
    """The whole of frame `number` with square pixels at its full size; in colour only where something on it is."""
    rows, columns = frame.pixels.shape[:2]
    pixels = marked(_plain(frame, look), frame, number, overlays=look.overlays, shutters=look.shutters)
    image = squared(Image.fromarray(pixels), pixel_aspect(frame.header))
    upright = image.size
    image = Image.fromarray(np.ascontiguousarray(turned(np.asarray(image), look.rules)))
    if not look.figures:
        return image
    scale = upright[0] / columns, upright[1] / rows
    placed = [replace(one, points=tuple(_placed(p, scale, upright, look) for p in one.points)) for one in look.figures]
    return _with_figures(image.convert("RGB"), placed)


def _plain(frame: Frame, look: Look) -> Pixels:
    if frame.is_colour:
        return 255 - frame.pixels if look.invert else frame.pixels
    pipeline = Grayscale.of(frame.header, frame.pixels)
    if look.window is not None:
        pipeline = replace(pipeline, voi=(look.window,))
    if look.invert is not None:
        pipeline = replace(pipeline, invert=look.invert)
    return pipeline.render(frame.pixels, look.choice if 0 <= look.choice < len(pipeline.voi) else 0)


def _placed(point: Point, scale: tuple[float, float], size: tuple[int, int], look: Look) -> Point:
    """Where a point of the stored picture lies in the one that is scaled to `size`, then turned and mirrored."""
    x, y, (width, height) = point[0] * scale[0], point[1] * scale[1], size
    for _ in range(look.rules.turn // 90):
        x, y, width, height = height - y, x, height, width
    return (width - x, y) if look.mirror else (x, y)


def _with_figures(canvas: Image.Image, figures: Sequence[Figure]) -> Image.Image:
    """Lines first, then words, so that nothing crosses what is to be read."""
    draw, thick = ImageDraw.Draw(canvas), max(2, round(max(canvas.size) / 600))
    for width, colour in ((thick * 3, _GROUND), (thick, _LINE_COLOUR)):
        for figure in figures:
            if not figure.words:
                _draw_line(draw, figure.points, width, colour, 3 * thick)
    letters = font(max(11.0, max(canvas.size) / 60))
    said = [(figure, _place_for(figure, draw, letters, canvas.size)) for figure in figures if figure.words]
    for figure, (left, top, right, bottom) in said:
        draw.line([((left + right) / 2, (top + bottom) / 2), *figure.points[1:]], _LEADER_COLOUR, thick)
    for figure, box in said:
        edge = _edge(canvas.size)
        draw.rounded_rectangle(box, edge, _GROUND)
        corner = draw.multiline_textbbox((0, 0), figure.words, letters)
        place = box[0] + edge - corner[0], box[1] + edge - corner[1]
        draw.multiline_text(place, figure.words, _WORDS_COLOUR, letters)
    return canvas


def _draw_line(draw: ImageDraw.ImageDraw, points: tuple[Point, ...], width: int, colour: Colour, radius: int) -> None:
    if len(points) > 1:
        draw.line(points, colour, width, "curve")
        return
    ((x, y),) = points
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour, width=width)


def _place_for(figure: Figure, draw: ImageDraw.ImageDraw, letters: Any, size: tuple[int, int]) -> Place:
    """The ground of the words: about their point, kept inside the picture."""
    left, top, right, bottom = draw.multiline_textbbox((0, 0), figure.words, letters)
    edge = _edge(size)
    width, height = right - left + 2 * edge, bottom - top + 2 * edge
    x = max(edge, min(size[0] - width - edge, figure.points[0][0] - width / 2))
    y = max(edge, min(size[1] - height - edge, figure.points[0][1] - height / 2))
    return x, y, x + width, y + height


def _edge(size: tuple[int, int]) -> int:
    return max(3, max(size) // 250)
