"""What the page's viewer needs of one frame: its facts, its pixels and what lies on them, in one packet."""

import json
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np

from appliance.dicom.record import text
from appliance.imaging.decode import Frame, Pixels, decode_frame, number_of_frames
from appliance.imaging.grayscale import Grayscale
from appliance.imaging.marks import marks, shutter_grey
from appliance.imaging.spacing import pixel_aspect, scale

PACKET_FORM = 2
"""Counts up when the viewer of an older release could not read a packet; it is part of file names and addresses."""
_FORMATS = {"uint8": "u8", "int8": "i8", "uint16": "u16", "int16": "i16", "float32": "f32"}
_HTJ2K_TAKES = ("uint8", "uint16", "int16")
_HEAD_BYTES = 4
_SLOWEST_MS, _FASTEST_MS = 2000.0, 10.0


def make_packet(path: Path, number: int) -> bytes:
    """Frame `number`, counted from 1, as `packet` makes it; raises CannotDisplay."""
    return packet(decode_frame(path, number), number)


def packet(frame: Frame, number: int) -> bytes:
    """A frame for the viewer: the length of a JSON head (4 bytes, little-endian), the head, then its parts' bytes.

    The head holds the frame's `facts`, its `scale`, its `frame` number, and `parts`: name, coding and bytes of each.
    `pixels` are row by row, little-endian; `marks` are the flags of `imaging.marks`. Both are HTJ2K, reversible,
    where that is smaller.
    """
    parts = [("pixels", *_coded(frame.pixels))]
    flags = marks(frame, number)
    if flags is not None:
        parts.append(("marks", *_coded(flags)))
    said = [{"name": name, "coding": coding, "bytes": len(data)} for name, coding, data in parts]
    known = {**facts(frame), **scale(frame.header, number), "frame": number}
    head = json.dumps({**known, "parts": said}, allow_nan=False).encode()
    return len(head).to_bytes(_HEAD_BYTES, "little") + head + b"".join(data for _, _, data in parts)


def read_packet(data: bytes) -> tuple[dict[str, Any], dict[str, Pixels]]:
    """The head of a packet and its parts as arrays, for whoever reads it outside the browser."""
    start = _HEAD_BYTES + int.from_bytes(data[:_HEAD_BYTES], "little")
    head = json.loads(data[_HEAD_BYTES:start])
    names = {form: name for name, form in _FORMATS.items()} | {"rgb8": "uint8"}
    found: dict[str, Pixels] = {}
    for part in head["parts"]:
        coded, start = data[start : start + part["bytes"]], start + part["bytes"]
        dtype = np.dtype(names[head["pixel_format"]] if part["name"] == "pixels" else "uint8").newbyteorder("<")
        plain = imagecodecs.htj2k_decode(coded) if part["coding"] == "htj2k" else np.frombuffer(coded, dtype)
        colours = (3,) if plain.size > head["rows"] * head["columns"] else ()
        found[part["name"]] = plain.reshape(head["rows"], head["columns"], *colours)
    return head, found


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
