"""Finds wanted elements at the top level of a data set, whatever the bytes are: no recursion, bounded memory.

pydicom reads a sequence of undefined length whole and by recursion, so that nested bombs and millions of tiny items
cost the receiver its memory or its life. Here everything that is not wanted is skipped without being kept.
"""

import struct
from collections.abc import Collection
from typing import BinaryIO

from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag
from pydicom.uid import UID

MAXIMUM_VALUE_BYTES = 1 << 16  # of one wanted element; longer ones count as unreadable
_PIXELS_GROUP = 0x7FE0
_UNDEFINED = 0xFFFFFFFF
_ITEM_END, _SEQUENCE_END = 0xFFFEE00D, 0xFFFEE0DD
_LONG_VRS = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})


class Unreadable(Exception):
    """The bytes from here on are not a data set; what was found before is in `found`."""

    def __init__(self, found: dict[BaseTag, RawDataElement]) -> None:
        self.found = found
        super().__init__("unreadable")


class _Cut(Exception):
    """The file ends inside an element, or an element makes no sense."""


class Scanner:
    """Reads element headers of one data set, one after the other."""

    def __init__(self, file: BinaryIO, transfer_syntax: UID) -> None:
        self._file = file
        self._implicit = transfer_syntax.is_implicit_VR
        self._little = transfer_syntax.is_little_endian
        order = "<" if self._little else ">"
        self._tag = struct.Struct(f"{order}HH")
        self._short = struct.Struct(f"{order}H")
        self._long = struct.Struct(f"{order}L")

    def find(self, wanted: Collection[int]) -> dict[BaseTag, RawDataElement]:
        """The wanted elements up to the pixels; raises Unreadable with those in front of the fault, OSError."""
        found: dict[BaseTag, RawDataElement] = {}
        last = max(wanted)
        try:
            self._look_at_vr()
            while (header := self._header()) is not None:
                tag, vr, length = header
                if tag >> 16 >= _PIXELS_GROUP or tag > last:
                    break
                start = self._file.tell()
                self._skip(vr, length)
                size = self._file.tell() - start
                if tag in wanted and size <= MAXIMUM_VALUE_BYTES:
                    self._file.seek(start)
                    name = vr.decode("ascii") if vr else None
                    raw = (BaseTag(tag), name, length, self._read(size), start, self._implicit, self._little)
                    found[BaseTag(tag)] = RawDataElement(*raw)
        except _Cut:
            raise Unreadable(found) from None
        return found

    @property
    def is_implicit(self) -> bool:
        """Whether the elements came without VR, whatever the transfer syntax says."""
        return self._implicit

    def _look_at_vr(self) -> None:
        """Units label implicit data sets as explicit and the other way round; the first element tells."""
        start = self._file.tell()
        head = self._file.read(6)
        self._file.seek(start)
        if len(head) == 6 and self._little:
            self._implicit = not (head[4:6].isalpha() and head[4:6].isupper())

    def _header(self) -> tuple[int, bytes | None, int] | None:
        """Tag, VR and length; None at the end of the file."""
        head = self._file.read(8)
        if not head:
            return None
        if len(head) < 8:
            raise _Cut
        group, element = self._tag.unpack_from(head)
        tag = group << 16 | element
        if self._implicit or group == 0xFFFE:
            return tag, None, self._long.unpack_from(head, 4)[0]
        vr = head[4:6]
        if not (vr.isalpha() and vr.isupper()):
            raise _Cut
        if vr in _LONG_VRS:
            return tag, vr, self._long.unpack(self._read(4))[0]
        return tag, vr, self._short.unpack_from(head, 6)[0]

    def _read(self, size: int) -> bytes:
        content = self._file.read(size)
        if len(content) < size:
            raise _Cut
        return content

    def _skip(self, vr: bytes | None, length: int) -> None:
        """Go behind a value; one of undefined length by counting what opens and closes in it."""
        if length != _UNDEFINED:
            self._file.seek(length, 1)
            return
        explicit_again_at = None if self._implicit else 0 if vr == b"UN" else None
        self._implicit = self._implicit or vr == b"UN"  # PS3.5 6.2.2 note 2: implicit inside an unknown VR
        depth = 1  # of sequences and items of undefined length
        while depth:
            header = self._header()
            if header is None:
                raise _Cut
            tag, inner, size = header
            if tag in (_ITEM_END, _SEQUENCE_END):
                depth -= 1
                if depth == explicit_again_at:
                    self._implicit, explicit_again_at = False, None
            elif size != _UNDEFINED:
                self._file.seek(size, 1)
            else:
                if inner == b"UN":
                    self._implicit, explicit_again_at = True, depth
                depth += 1
