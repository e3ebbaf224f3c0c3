"""Pictures for the first instant and for lists: reduced in the stored depth before the LUT, then WebP (FIELD 5)."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from appliance.imaging.decode import Frame, Pixels, decode_frame, number_of_frames
from appliance.imaging.grayscale import Grayscale
from appliance.imaging.spacing import pixel_aspect

PREVIEW_SIDE = 1250
THUMBNAIL_SIDE = 320


@dataclass(frozen=True)
class Derived:
    """WebP bytes for the viewer's first instant and for lists."""

    preview: bytes
    thumbnail: bytes


def derive(path: Path) -> Derived:
    """Both pictures from one decoding, of the middle frame; raises CannotDisplay."""
    frame = decode_frame(path)
    frames = number_of_frames(frame.header)
    if frames > 2:
        frame = decode_frame(path, frames // 2 + 1)
    picture = render(frame)
    return Derived(_webp(picture, PREVIEW_SIDE), _webp(picture, THUMBNAIL_SIDE))


def preview(path: Path, frame: int) -> bytes:
    """The preview of one frame; raises CannotDisplay."""
    return _webp(render(decode_frame(path, frame)), PREVIEW_SIDE)


def render(frame: Frame) -> Image.Image:
    """A frame as an 8-bit picture with square pixels, at no more than twice the preview's size."""
    if frame.is_colour:
        grey_or_rgb: NDArray[np.uint8] = frame.pixels
    else:
        pipeline = Grayscale.of(frame.header, frame.pixels)
        grey_or_rgb = pipeline.render(_halved(frame.pixels))
    image = Image.fromarray(grey_or_rgb)
    aspect = pixel_aspect(frame.header)
    if abs(aspect - 1.0) > 0.01:
        image = image.resize((image.width, max(1, round(image.height * aspect))), Image.Resampling.BILINEAR)
    return image


def _halved(pixels: Pixels) -> Pixels:
    """The mean of 2 x 2 boxes, again and again while the picture is larger than needed."""
    while max(pixels.shape) >= 2 * PREVIEW_SIDE:
        even = pixels[: pixels.shape[0] // 2 * 2, : pixels.shape[1] // 2 * 2].astype(np.int32)
        pixels = (even[0::2, 0::2] + even[1::2, 0::2] + even[0::2, 1::2] + even[1::2, 1::2]) >> 2
    return pixels


def _webp(picture: Image.Image, longest_side: int) -> bytes:
    image = picture.copy()
    image.thumbnail((longest_side, longest_side), Image.Resampling.BOX)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", method=0, quality=82)
    return buffer.getvalue()
