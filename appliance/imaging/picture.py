"""What the page's viewer needs of one frame: its facts as JSON, and its pixels as bytes."""

from pathlib import Path
from typing import Any

import numpy as np

from appliance.dicom.record import text
from appliance.imaging.decode import Frame, decode_frame, number_of_frames
from appliance.imaging.grayscale import Grayscale
from appliance.imaging.spacing import pixel_aspect

_FORMATS = {"uint8": "u8", "int8": "i8", "uint16": "u16", "int16": "i16"}


def describe(path: Path, frame: int, *, pixels_url: str, preview_url: str) -> dict[str, Any]:
    """The facts of a frame (see webui/viewer/README.md); raises CannotDisplay."""
    decoded = decode_frame(path, frame)
    return {**facts(decoded), "frame": frame, "pixels_url": pixels_url, "preview_url": preview_url}


def pixel_bytes(path: Path, frame: int) -> bytes:
    """The frame's pixels, row by row, little-endian, in the format that `describe` names; raises CannotDisplay."""
    return as_bytes(decode_frame(path, frame))


def facts(frame: Frame) -> dict[str, Any]:
    """What is known of a decoded frame without its addresses."""
    common: dict[str, Any] = {
        "rows": int(frame.pixels.shape[0]),
        "columns": int(frame.pixels.shape[1]),
        "frames": number_of_frames(frame.header),
        "pixel_aspect": pixel_aspect(frame.header),
    }
    if frame.is_colour:
        return {**common, "pixel_format": "rgb8", "photometric_interpretation": "RGB", "invert": False}
    pipeline = Grayscale.of(frame.header, frame.pixels)
    is_1 = text(frame.header, "PhotometricInterpretation") == "MONOCHROME1"
    return {
        **common,
        "pixel_format": _FORMATS[frame.pixels.dtype.name],
        "photometric_interpretation": "MONOCHROME1" if is_1 else "MONOCHROME2",
        "modality_lut": pipeline.modality_facts(),
        "voi": [choice.facts() for choice in pipeline.voi],
        "invert": pipeline.invert,
    }


def as_bytes(frame: Frame) -> bytes:
    """The pixels of a decoded frame, row by row, little-endian."""
    little = frame.pixels.dtype.newbyteorder("<")
    return np.ascontiguousarray(frame.pixels).astype(little, copy=False).tobytes()
