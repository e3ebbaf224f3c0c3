"""Objects made to break what reads them (FIELD 3), as the bytes of their data sets in Explicit VR Little Endian."""

import struct
from collections.abc import Callable

from pydicom.uid import generate_uid

from tests.conftest import SENTINEL

CLASS = "1.2.840.10008.5.1.4.1.1.1.1"
UNDEFINED = 0xFFFFFFFF
MARKUP = f"<script>alert('{SENTINEL}')</script>"
SQL = f"{SENTINEL}'); DROP TABLE instance; --"
PATH = f"../../../../etc/{SENTINEL}"


def element(tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    """One element; a length that is given lies."""
    size = len(value) if length is None else length
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr
    if vr in (b"SQ", b"OW", b"OB", b"UN", b"UT"):
        return head + b"\0\0" + struct.pack("<L", size) + value
    return head + struct.pack("<H", size & 0xFFFF) + value


def text(value: str, pad: bytes = b" ") -> bytes:
    """Of even length."""
    raw = value.encode()
    return raw + pad * (len(raw) % 2)


def header(uid: str, name: str = f"{SENTINEL}^Rex", study: str = "") -> bytes:
    """What every object says of itself."""
    return b"".join(
        [
            element(0x00080016, b"UI", text(CLASS, b"\0")),
            element(0x00080018, b"UI", text(uid, b"\0")),
            element(0x00081030, b"LO", text(name[:64])),
            element(0x00100010, b"PN", text(name[:64])),
            element(0x00100020, b"LO", text(name[:64])),
            element(0x0020000D, b"UI", text(study or generate_uid(), b"\0")),
            element(0x0020000E, b"UI", text(generate_uid(), b"\0")),
        ]
    )


def picture(rows: int, columns: int, pixels: bytes, length: int | None = None) -> bytes:
    """The image pixel module."""
    numbers = ((0x00280002, 1), (0x00280010, rows), (0x00280011, columns), (0x00280100, 16), (0x00280101, 16))
    return (
        b"".join(element(tag, b"US", struct.pack("<H", value)) for tag, value in numbers[:1])
        + element(0x00280004, b"CS", b"MONOCHROME2 ")
        + b"".join(element(tag, b"US", struct.pack("<H", value)) for tag, value in numbers[1:])
        + element(0x00280102, b"US", struct.pack("<H", 15))
        + element(0x00280103, b"US", struct.pack("<H", 0))
        + element(0x7FE00010, b"OW", pixels, length)
    )


def nested(depth: int) -> bytes:
    """Sequences in sequences, none of which ends."""
    opened = element(0x00081115, b"SQ", b"", UNDEFINED) + struct.pack("<HHL", 0xFFFE, 0xE000, UNDEFINED)
    return opened * depth


def tiny_items(count: int) -> bytes:
    """A sequence of empty items."""
    items = struct.pack("<HHL", 0xFFFE, 0xE000, 0) * count
    return element(0x00081115, b"SQ", items)


HOSTILE: dict[str, Callable[[str], bytes]] = {
    "nested bomb": lambda uid: header(uid)[:0] + element(0x00080018, b"UI", text(uid, b"\0")) + nested(200_000),
    "a million items": lambda uid: element(0x00080018, b"UI", text(uid, b"\0")) + tiny_items(1_000_000),
    "many elements": lambda uid: header(uid) + element(0x00210010, b"LO", b"ab") * 500_000,
    "65,535 x 65,535 pixels": lambda uid: header(uid) + picture(65_535, 65_535, b"\0" * 1000),
    "pixels of 4 GB that are not there": lambda uid: header(uid) + picture(4000, 4000, b"\0" * 1000, 0xFFFFFFF0),
    "a text of 2 GB that is not there": lambda uid: header(uid) + element(0x00204000, b"UT", b"x" * 1000, 0x7FFFFFFE),
    "markup": lambda uid: header(uid, MARKUP) + picture(4, 4, b"\0" * 32),
    "SQL": lambda uid: header(uid, SQL) + picture(4, 4, b"\0" * 32),
    "a path as UID": lambda uid: header(uid, study=PATH) + picture(4, 4, b"\0" * 32),
    "32 MB of noise": lambda uid: header(uid) + bytes(range(1, 256)) * 131_072,
    "nothing but zeros": lambda uid: b"\0" * 4_000_000,
}
"""By name what makes the data set of an instance."""


def part10(data_set: bytes, uid: str, syntax: str = "1.2.840.10008.1.2.1", preamble: bytes = b"\0" * 128) -> bytes:
    """A file of it."""
    meta = element(0x00020002, b"UI", text(CLASS, b"\0")) + element(0x00020003, b"UI", text(uid, b"\0"))
    meta += element(0x00020010, b"UI", text(syntax, b"\0"))
    return preamble + b"DICM" + element(0x00020000, b"UL", struct.pack("<L", len(meta))) + meta + data_set
