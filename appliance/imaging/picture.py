"""What the page's viewer needs of one frame: its facts, its pixels and what lies on them, in one packet."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np

from appliance.dicom.record import text
from appliance.imaging.decode import Frame, Pixels, decode_frame, number_of_frames
from appliance.imaging.grayscale import Grayscale
from appliance.imaging.marks import marks, shutter_grey
from appliance.imaging.spacing import pixel_aspect, scale

PACKET_FORM = 3
"""Counts up when the viewer of an older release could not read a packet; it is part of file names and addresses."""
_FORMATS = {"uint8": "u8", "int8": "i8", "uint16": "u16", "int16": "i16", "float32": "f32"}
_HTJ2K_TAKES = ("uint8", "uint16", "int16")
_HEAD_BYTES = 4
_STRIP_PIXELS = 2**19
"""About half a megapixel: the browser unpacks a strip while the next one is on the way. Costs 0.3 % of the bytes."""
_SLOWEST_MS, _FASTEST_MS = 2000.0, 10.0


def make_packet(path: Path, number: int) -> bytes:
    """Frame `number`, counted from 1, as `packet` makes it; raises CannotDisplay."""
    return packet(decode_frame(path, number), number)


def packet(frame: Frame, number: int) -> bytes:
    """A frame for the viewer: the length of a JSON head (4 bytes, little-endian), the head, then its parts' bytes.

    The head holds the frame's `facts`, its `scale`, its `frame` number, and `parts`: name, rows, coding and bytes of
    each. All parts of one name are strips from top to bottom, an even number of rows each but the last. `pixels` are
    row by row, little-endian; `marks`, after them, are the flags of `imaging.marks`. A strip is HTJ2K, reversible,
    where that is smaller.
    """
    flags = marks(frame, number)
    parts = [*_strips("pixels", frame.pixels), *(_strips("marks", flags) if flags is not None else ())]
    known = {**facts(frame), **scale(frame.header, number), "frame": number}
    head = json.dumps({**known, "parts": [said for said, _ in parts]}, allow_nan=False).encode()
    return len(head).to_bytes(_HEAD_BYTES, "little") + head + b"".join(data for _, data in parts)


def read_packet(data: bytes) -> tuple[dict[str, Any], dict[str, Pixels]]:
    """The head of a packet and its parts as whole arrays, for whoever reads it outside the browser."""
    start = _HEAD_BYTES + int.from_bytes(data[:_HEAD_BYTES], "little")
    head = json.loads(data[_HEAD_BYTES:start])
    names = {form: name for name, form in _FORMATS.items()} | {"rgb8": "uint8"}
    found: dict[str, list[Pixels]] = {}
    for part in head["parts"]:
        coded, start = data[start : start + part["bytes"]], start + part["bytes"]
        dtype = np.dtype(names[head["pixel_format"]] if part["name"] == "pixels" else "uint8").newbyteorder("<")
        plain = imagecodecs.htj2k_decode(coded) if part["coding"] == "htj2k" else np.frombuffer(coded, dtype)
        colours = (3,) if plain.size > part["rows"] * head["columns"] else ()
        found.setdefault(part["name"], []).append(plain.reshape(part["rows"], head["columns"], *colours))
    return head, {name: np.concatenate(strips) for name, strips in found.items()}


def _strips(name: str, pixels: Pixels) -> Iterator[tuple[dict[str, Any], bytes]]:
    """What the head says of each strip, and its bytes."""
    height = max(2, _STRIP_PIXELS // pixels.shape[1] // 2 * 2)
    for top in range(0, pixels.shape[0], height):
        strip = pixels[top : top + height]
        coding, data = _coded(strip)
        yield {"name": name, "rows": len(strip), "coding": coding, "bytes": len(data)}, data


def _coded(pixels: Pixels) -> tuple[str, bytes]:
    """The coding, 'htj2k' or 'raw', and the bytes."""
    plain = as_bytes(pixels)
    if pixels.dtype.name in _HTJ2K_TAKES:
        packed = bytes(imagecodecs.htj2k_encode(np.ascontiguousarray(pixels), reversible=True))
        if len(packed) < len(plain):
            return "htj2k", packed
    return "raw", plain


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


def as_bytes(pixels: Pixels) -> bytes:
    """Pixels row by row, little-endian."""
    little = pixels.dtype.newbyteorder("<")
    return np.ascontiguousarray(pixels).astype(little, copy=False).tobytes()
