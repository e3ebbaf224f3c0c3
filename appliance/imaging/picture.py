"""What the page's viewer needs of one frame: its facts, its pixels and what lies on them, in one packet."""

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from appliance.dicom.record import text
from appliance.imaging.decode import Frame, Pixels, decode_frame, number_of_frames
from appliance.imaging.grayscale import Grayscale
from appliance.imaging.marks import marks, shutter_grey
from appliance.imaging.spacing import pixel_aspect, scale

PACKET_FORM = 4
"""Counts up when the viewer of an older release could not read a packet; it is part of file names and addresses."""
_FORMATS = {"uint8": "u8", "int8": "i8", "uint16": "u16", "int16": "i16", "float32": "f32"}
_HEAD_BYTES = 4
_STRIP_PIXELS = 2**19
"""About half a megapixel: the browser unpacks a strip while the next one is on the way."""
_MIDDLE = 128
"""Added to each step, so that a small one, up or down, has zeros above its lowest byte."""
_SLOWEST_MS, _FASTEST_MS = 2000.0, 10.0


def make_packet(path: Path, number: int) -> bytes:
    """Frame `number`, counted from 1, as `packet` makes it; raises CannotDisplay."""
    return packet(decode_frame(path, number), number)


def packet(frame: Frame, number: int) -> bytes:
    """A frame for the viewer, one zlib stream: the length of a JSON head (4 bytes, little-endian), the head, its parts.

    The head holds the frame's `facts`, its `scale`, its `frame` number, and `parts`: name and rows of each. All parts
    of one name are strips from top to bottom, an even number of rows each but the last: first those of `pixels`, then,
    where there are any, those of `marks`, the flags of `imaging.marks`. A strip's bytes are as `_steps` makes them.
    """
    layers = {"pixels": frame.pixels}
    if (flags := marks(frame, number)) is not None:
        layers["marks"] = flags
    parts = [(name, strip) for name, samples in layers.items() for strip in _strips(samples)]
    said = [{"name": name, "rows": strip.stop - strip.start} for name, strip in parts]
    head = json.dumps({**facts(frame), **scale(frame.header, number), "frame": number, "parts": said}, allow_nan=False)
    squeeze = zlib.compressobj(1, strategy=zlib.Z_RLE)  # of a radiograph more is not found, and looked for long
    packed = [squeeze.compress(len(head).to_bytes(_HEAD_BYTES, "little") + head.encode())]
    packed += [squeeze.compress(_steps(layers[name][strip])) for name, strip in parts]
    return b"".join([*packed, squeeze.flush()])


def _strips(samples: Pixels) -> Iterator[slice]:
    """The rows of each strip."""
    height = max(2, _STRIP_PIXELS // samples.shape[1] // 2 * 2)
    for top in range(0, len(samples), height):
        yield slice(top, min(top + height, len(samples)))


def _steps(strip: Pixels) -> bytes:
    """Steps from the sample above, plus `_MIDDLE`, modulo their size: the high bytes of all, then the low ones.

    In the first row from zero. A sample of four bytes counts as two of two bytes; of colours come what red differs from
    green, green, and what blue differs from it.
    """
    if strip.ndim == 3:
        red, green, blue = np.moveaxis(strip, -1, 0)
        return b"".join(_steps(plane) for plane in (red - green, green, blue - green))
    kind = np.dtype("u1" if strip.dtype.itemsize == 1 else "<u2")
    samples = np.ascontiguousarray(strip, strip.dtype.newbyteorder("<")).view(kind)
    steps = np.diff(samples, axis=0, prepend=np.zeros_like(samples[:1])) + kind.type(_MIDDLE)
    planes = [steps] if kind.itemsize == 1 else [steps >> 8, steps]
    return b"".join(plane.astype(np.uint8).tobytes() for plane in planes)


def facts(frame: Frame) -> dict[str, Any]:
    """What is known of a decoded frame (webui/viewer/src/facts.ts names it too)."""
    common: dict[str, Any] = {
        "rows": int(frame.pixels.shape[0]),
        "columns": int(frame.pixels.shape[1]),
        "frames": number_of_frames(frame.header),
        "frame_time_ms": frame_time_ms(frame),
        "pixel_aspect": pixel_aspect(frame.header),
        "shutter_grey": shutter_grey(frame.header),
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


def frame_time_ms(frame: Frame) -> float | None:
    """How long a frame of a cine is shown (PS3.3 C.7.6.5), None if the file does not say."""
    for keyword in ("FrameTime", "RecommendedDisplayFrameRate", "CineRate"):
        try:
            said = float(frame.header[keyword].value)
            found = said if keyword == "FrameTime" else 1000 / said
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            continue
        if _FASTEST_MS <= found <= _SLOWEST_MS:
            return found
    return None
