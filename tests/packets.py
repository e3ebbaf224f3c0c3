"""Packets of pictures as the viewer reads them, for tests outside a browser."""

import json
import zlib
from typing import Any

import numpy as np

from appliance.imaging.decode import Pixels

_KINDS = {"u8": "u1", "i8": "i1", "u16": "<u2", "i16": "<i2", "f32": "<f4", "rgb8": "u1"}


def read_packet(data: bytes) -> tuple[dict[str, Any], dict[str, Pixels]]:
    """The head of a packet and its parts as whole arrays."""
    plain = zlib.decompress(data)
    start = 4 + int.from_bytes(plain[:4], "little")
    head = json.loads(plain[4:start])
    found: dict[str, list[Pixels]] = {}
    for part in head["parts"]:
        form = head["pixel_format"] if part["name"] == "pixels" else "u8"
        shape = part["rows"], head["columns"]
        colours = 3 if form == "rgb8" else 1
        planes = [np.empty(shape, _KINDS[form]) for _ in range(colours)]
        for plane in planes:
            _climb(plain[start : start + plane.nbytes], plane)
            start += plane.nbytes
        if colours == 3:
            red, green, blue = planes
            planes = [np.stack([red + green, green, blue + green], axis=-1)]
        found.setdefault(part["name"], []).append(planes[0])
    assert start == len(plain)
    return head, {name: np.concatenate(strips) for name, strips in found.items()}


def _climb(steps: bytes, into: Pixels) -> None:
    """Add up the steps from row to row, each told by its high byte, where it has one, and its low byte, plus 128."""
    samples = into.view("u1" if into.itemsize == 1 else "<u2")
    planes = np.frombuffer(steps, np.uint8).reshape(-1, *samples.shape).astype(samples.dtype)
    joined = planes[0] if len(planes) == 1 else planes[0] << 8 | planes[1]
    samples[:] = np.cumsum(joined - samples.dtype.type(128), axis=0, dtype=samples.dtype)
