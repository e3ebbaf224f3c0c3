"""Many answers of one C-FIND: rows of the index to identifiers, as bytes, a portion with each write to the network.

By way of pynetdicom each answer is a data set, a primitive and a message of two PDUs that are encoded and sent one by
one: half a millisecond each, which is most of the time of a query with hundreds of answers.
"""

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.uid import UID
from pynetdicom.dimse_primitives import C_FIND
from pynetdicom.events import Event

from appliance.dimse.command import data_set_pdus, pending_response
from appliance.dimse.reactor import WaitingProvider

PORTION = 16  # answers; between two of them a C-CANCEL is noticed
_INTEGER = re.compile(r" *[+-]?[0-9]{1,12} *")
_UTF8 = "ISO_IR 192"


@dataclass(frozen=True)
class Key:
    """One return key: where its value stands in a row, or the value that is the same for all."""

    tag: int
    vr: str
    column: str | None
    constant: str = ""

    @classmethod
    def of(cls, keyword: str, *, column: str | None = None, constant: str = "") -> "Key":
        """By its keyword."""
        tag = tag_for_keyword(keyword)
        assert tag is not None  # noqa: S101 - keywords of our own tables
        return cls(int(tag), dictionary_VR(keyword), column, constant)


class Answers:
    """Sends pending responses of one request; `keys` are given back in the order of their tags."""

    def __init__(self, event: Event, keys: Sequence[Key]) -> None:
        request = cast(C_FIND, event.request)
        syntax = UID(event.context.transfer_syntax)
        self._keys = sorted(keys, key=lambda key: key.tag)
        self._order = "<" if syntax.is_little_endian else ">"
        self._implicit = syntax.is_implicit_VR
        self._provider = cast(WaitingProvider, event.assoc.dul)
        self._context_id = int(event.context.context_id)
        self._longest_pdu_bytes = event.assoc.dimse.maximum_pdu_size
        self._command = pending_response(
            self._context_id, int(request.MessageID or 0), str(request.AffectedSOPClassUID or "")
        )
        self._waiting: list[bytes] = []

    def add(self, row: Mapping[str, Any]) -> None:
        """One more answer."""
        self._waiting += (self._command, data_set_pdus(self._context_id, self.encode(row), self._longest_pdu_bytes))
        if len(self._waiting) >= 2 * PORTION:
            self.flush()

    def flush(self) -> None:
        """Send what waits."""
        if self._waiting:
            self._provider.send_bytes(b"".join(self._waiting))
            self._waiting = []

    def encode(self, row: Mapping[str, Any]) -> bytes:
        """The identifier (PS3.4 C.4.1.1.3.2), in UTF-8 where ASCII does not do."""
        values = [(key, key.constant if key.column is None else _as_text(key, row[key.column])) for key in self._keys]
        ascii_only = all(value.isascii() for _, value in values)
        parts = [] if ascii_only else [self._element(_CHARACTER_SET, _UTF8)]
        parts += [self._element(key, value) for key, value in values]
        return b"".join(parts)

    def _element(self, key: Key, text: str) -> bytes:
        if key.vr == "US":
            value = struct.pack(f"{self._order}H", int(text)) if text else b""
        else:
            value = text.encode()
            value += (b"\0" if key.vr == "UI" else b" ") * (len(value) % 2)
        group, element = divmod(key.tag, 0x10000)
        if self._implicit:
            return struct.pack(f"{self._order}HHL", group, element, len(value)) + value
        return struct.pack(f"{self._order}HH2sH", group, element, key.vr.encode(), len(value)) + value


_CHARACTER_SET = Key.of("SpecificCharacterSet")


def _as_text(key: Key, value: Any) -> str:
    """A value of the index as DICOM writes it; what its VR does not allow is returned empty: units send such."""
    if value is None:
        return ""
    if key.vr == "IS" and not all(_INTEGER.fullmatch(part) for part in str(value).split("\\")):
        return ""
    if key.vr == "US" and not (isinstance(value, int) and 0 <= value < 0x10000):
        return ""
    return str(value)
