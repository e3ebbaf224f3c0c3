"""Pictures for the first instant and for lists: reduced in the stored depth before the LUT, then WebP (FIELD 5)."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from appliance.imaging.decode import Frame, Pixels, decode_frame, number_of_frames
from appliance.imaging.grayscale import Grayscale
from appliance.imaging.marks import PADDING, SHUTTER, marks, shutter_grey
from appliance.imaging.spacing import pixel_aspect

PREVIEW_SIDE = 1000
THUMBNAIL_SIDE = 320


@dataclass(frozen=True)
class Derived:
    """WebP bytes for the viewer's first instant and for lists."""

    preview: bytes
    thumbnail: bytes


def derive(path: Path) -> Derived:
    """Both pictures, from one decoding unless there are frames to choose from; raises CannotDisplay.

    The preview is of frame 1, at which a viewer opens; the thumbnail of the middle frame, which tells more of a cine.
    """
    return derive_from(path, decode_frame(path))


def derive_from(path: Path, first: Frame) -> Derived:
    """Both pictures where the first frame is decoded already."""
    frames = number_of_frames(first.header)
    middle = decode_frame(path, frames // 2 + 1) if frames > 2 else first
    picture = render(first, PREVIEW_SIDE)
    small = picture if middle is first else render(middle, THUMBNAIL_SIDE)
    return Derived(_webp(picture, PREVIEW_SIDE), _webp(small, THUMBNAIL_SIDE))


def make_preview(path: Path, frame: int = 1, longest_side: int = PREVIEW_SIDE) -> bytes:
    """A frame, counted from 1, as WebP with square pixels, no side longer; raises CannotDisplay."""
    return _webp(render(decode_frame(path, frame), longest_side), longest_side)


def make_thumbnail(path: Path, longest_side: int = THUMBNAIL_SIDE) -> bytes:
    """The middle frame as WebP; raises CannotDisplay."""
    frame = decode_frame(path)
    frames = number_of_frames(frame.header)
    if frames > 2:
        frame = decode_frame(path, frames // 2 + 1)
    return _webp(render(frame, longest_side), longest_side)


def render(frame: Frame, longest_side: int) -> Image.Image:
    """A frame as an 8-bit picture with square pixels, halved while its longest side is at least twice what is asked."""
    pixels = frame.pixels
    if not frame.is_colour:
        pixels = Grayscale.of(frame.header, pixels).render(_halved(pixels, longest_side))
    image = Image.fromarray(_covered(frame, pixels))
    size = _square(image.size, pixel_aspect(frame.header), longest_side)
    return image if size == image.size else image.resize(size, Image.Resampling.BILINEAR)


def _covered(frame: Frame, pixels: Pixels) -> Pixels:
    """Shutters and padding over a reduced picture, as the viewer draws them; overlays are left to the viewer."""
    flags = marks(frame)
    if flags is None:
        return np.ascontiguousarray(pixels)
    step = flags.shape[0] // pixels.shape[0]
    reduced = flags[::step, ::step][: pixels.shape[0], : pixels.shape[1]]
    covered = pixels.copy()
    covered[(reduced & PADDING) != 0] = 0
    covered[(reduced & SHUTTER) != 0] = round(255 * shutter_grey(frame.header))
    return covered


def _square(size: tuple[int, int], aspect: float, longest_side: int) -> tuple[int, int]:
    """The size with square pixels: the side that is too short grows, but the picture not beyond what is asked for."""
    if abs(aspect - 1.0) <= 0.01:
        return size
    width, height = (size[0], size[1] * aspect) if aspect > 1 else (size[0] / aspect, float(size[1]))
    shrink = min(1.0, max(longest_side, *size) / max(width, height))
    return max(1, round(width * shrink)), max(1, round(height * shrink))


def _halved(pixels: Pixels, longest_side: int) -> Pixels:
    """The mean of 2 x 2 boxes, again and again while the picture stays large enough."""
    while max(pixels.shape) >= 2 * longest_side and min(pixels.shape) >= 2:
        even = pixels[: pixels.shape[0] // 2 * 2, : pixels.shape[1] // 2 * 2]
        wide = {"u": np.uint32, "i": np.int32, "f": np.float64}[pixels.dtype.kind]
        rows = np.add(even[0::2], even[1::2], dtype=wide)
        total = rows[:, 0::2] + rows[:, 1::2]
        pixels = (total / 4 if wide is np.float64 else (total + 2) >> 2).astype(pixels.dtype)
    return pixels


def _webp(picture: Image.Image, longest_side: int) -> bytes:
    image = picture.copy()
    image.thumbnail((longest_side, longest_side), Image.Resampling.BOX, reducing_gap=None)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", method=0, quality=82)
    return buffer.getvalue()
