"""What the page's viewer needs of one frame: its facts as JSON, and its pixels as bytes."""

from pathlib import Path
from typing import Any

import numpy as np

from appliance.imaging.decode import Frame, decode_frame, number_of_frames
from appliance.imaging.grayscale import Grayscale
from appliance.imaging.spacing import pixel_aspect

_FORMATS = {"uint8": "u8", "int8": "i8", "uint16": "u16", "int16": "i16"}


def describe(path: Path, frame: int, *, pixels_url: str, preview_url: str) -> dict[str, Any]:
    """The facts of a frame (see webui/viewer/README.md); raises CannotDisplay."""
    decoded = decode_frame(path, frame)
    facts: dict[str, Any] = {
        "rows": int(decoded.pixels.shape[0]),
        "columns": int(decoded.pixels.shape[1]),
        "frames": number_of_frames(decoded.header),
        "frame": frame,
        "pixels_url": pixels_url,
        "preview_url": preview_url,
        "pixel_aspect": pixel_aspect(decoded.header),
    }
    if decoded.is_colour:
        return {**facts, "pixel_format": "rgb8", "photometric_interpretation": "RGB", "invert": False}
    pipeline = Grayscale.of(decoded.header, decoded.pixels)
    return {
        **facts,
        "pixel_format": _FORMATS[_compact(decoded).dtype.name],
        "photometric_interpretation": "MONOCHROME1" if pipeline.invert else "MONOCHROME2",
        "modality_lut": pipeline.modality_facts(),
        "voi": [choice.facts() for choice in pipeline.voi],
        "invert": pipeline.invert,
    }


def pixel_bytes(path: Path, frame: int) -> bytes:
    """The frame's pixels, row by row, little-endian, in the format that `describe` names; raises CannotDisplay."""
    decoded = decode_frame(path, frame)
    pixels = decoded.pixels if decoded.is_colour else _compact(decoded)
    return np.ascontiguousarray(pixels).astype(pixels.dtype.newbyteorder("<"), copy=False).tobytes()


def _compact(frame: Frame) -> np.ndarray[Any, Any]:
    """Grayscale in at most 16 bits; wider or floating pixels are scaled to them."""
    pixels = frame.pixels
    if pixels.dtype.name in _FORMATS:
        return pixels
    low, high = float(pixels.min()), float(pixels.max())
    return np.rint((pixels - low) * (65535.0 / max(high - low, 1e-30))).astype(np.uint16)
