"""multipart/related bodies (RFC 2387, PS3.18 8.6), sent and read in portions, never whole in memory."""

import hashlib
import io
import os
from collections.abc import Callable, Mapping
from email.message import Message
from pathlib import Path
from typing import BinaryIO, Protocol

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from appliance.dicomweb.errors import FileUnreadable
from appliance.errors import BadInput

MAX_PARTS = 10_000
MAX_HEADERS = 16  # of one part
MAX_HEADER_BYTES = 4096  # of one header
MAX_PREAMBLE_BYTES = 16 * 1024


class Sink(Protocol):
    """Something that takes the bytes of one part."""

    def write(self, chunk: bytes) -> object: ...


class FileBody:
    """A multipart/related body around one DICOM file on disk; a file-like object of known length.

    The same file makes the same body, so that an upload can go on after a restart. Raises FileUnreadable.
    """

    def __init__(self, path: Path) -> None:
        boundary = _boundary_for(path)
        self.content_type = f'multipart/related; type="application/dicom"; boundary={boundary}'
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise FileUnreadable from error
        head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        tail = f"\r\n--{boundary}--\r\n".encode()
        self._length = len(head) + os.fstat(self._file.fileno()).st_size + len(tail)
        self._head, self._tail = head, tail
        self._streams: list[io.BytesIO | BinaryIO] = []
        self.seek(0)

    def seek(self, offset: int) -> None:
        """Go on from a place in the body."""
        start = offset - len(self._head)
        tail_start = max(0, offset - (self._length - len(self._tail)))
        self._file.seek(max(0, start))
        self._streams = [io.BytesIO(self._head[offset:]), self._file, io.BytesIO(self._tail[tail_start:])]

    def sha256(self) -> bytes:
        """The digest of the whole body (RFC 9530)."""
        self.seek(0)
        digest = hashlib.sha256()
        while chunk := self.read(1 << 20):
            digest.update(chunk)
        self.seek(0)
        return digest.digest()

    def portion(self, size: int) -> bytes:
        """The next `size` bytes, fewer only at the end."""
        parts = []
        while size > 0 and (chunk := self.read(size)):
            parts.append(chunk)
            size -= len(chunk)
        return b"".join(parts)

    def __len__(self) -> int:
        return self._length

    def read(self, size: int = -1) -> bytes:
        """The next bytes; empty at the end. Raises FileUnreadable: no HTTP layer takes it for a fault of the line."""
        while self._streams:
            try:
                chunk = self._streams[0].read(size)
            except OSError as error:
                raise FileUnreadable from error
            if chunk:
                return chunk
            self._streams.pop(0)
        return b""

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _boundary_for(path: Path) -> str:
    """A boundary that is not in the file, because it is a digest that nobody can put into its own preimage."""
    digest = hashlib.sha256(b"boundary")
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError as error:
        raise FileUnreadable from error
    return digest.hexdigest()[:48]


def boundary_of(content_type: str) -> str:
    """The boundary of a multipart/related content type; raises BadInput."""
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_param("boundary")
    if message.get_content_type() != "multipart/related" or not isinstance(boundary, str) or not boundary:
        raise BadInput(field="Content-Type", reason="multipart/related with a boundary is needed")
    return boundary


def _ascii(boundary: str) -> bytes:
    try:
        return boundary.encode("ascii")
    except UnicodeEncodeError:
        raise BadInput(field="Content-Type", reason="its boundary cannot be used") from None


class PartReader:
    """Splits a multipart body fed in portions; each part's bytes go to the sink that `open_part` gives for it."""

    def __init__(
        self,
        boundary: str,
        open_part: Callable[[Mapping[str, str]], Sink],
        close_part: Callable[[], None],
    ) -> None:
        self._open_part = open_part
        self._close_part = close_part
        self._sink: Sink | None = None
        self._headers: dict[str, str] = {}
        self._field = bytearray()
        self._value = bytearray()
        self._ended = False
        self.parts = 0
        self._delimiter = b"--" + _ascii(boundary)
        self._preamble: bytearray | None = bytearray(b"\r\n")
        self._parser = self._new_parser(boundary)

    def _new_parser(self, boundary: str) -> MultipartParser:
        try:
            return MultipartParser(
                boundary,
                callbacks={
                    "on_part_begin": self._begin,
                    "on_header_field": self._on_field,
                    "on_header_value": self._on_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._headers_finished,
                    "on_part_data": self._data,
                    "on_part_end": self._part_end,
                    "on_end": self._end,
                },
                max_header_count=MAX_HEADERS,
                max_header_size=MAX_HEADER_BYTES,
            )
        except FormParserError as error:  # too long
            raise BadInput(field="Content-Type", reason="its boundary cannot be used") from error

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body; raises BadInput."""
        try:
            self._parser.write(chunk if self._preamble is None else self._after_preamble(self._preamble, chunk))
        except FormParserError as error:
            raise BadInput(field="Body", reason="it is not a well-formed multipart body") from error

    def _after_preamble(self, preamble: bytearray, chunk: bytes) -> bytes:
        """Text before the first boundary is allowed and means nothing (RFC 2046 5.1.1); the parser knows none."""
        preamble += chunk
        start = preamble.find(b"\r\n" + self._delimiter)
        if start < 0 and len(preamble) > MAX_PREAMBLE_BYTES:
            raise BadInput(field="Body", reason="it does not begin with its boundary")
        if start < 0:
            return b""
        self._preamble = None
        return bytes(preamble[start + 2 :])

    def finish(self) -> None:
        """The body has ended; raises BadInput if its last boundary did not come."""
        if not self._ended:
            raise BadInput(field="Body", reason="it ends before its last boundary")

    def _begin(self) -> None:
        self.parts += 1
        if self.parts > MAX_PARTS:
            raise BadInput(field="Body", reason=f"more than {MAX_PARTS} parts")
        self._headers = {}

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._field.decode("latin-1").lower()] = self._value.decode("latin-1")
        self._field.clear()
        self._value.clear()

    def _headers_finished(self) -> None:
        self._sink = self._open_part(self._headers)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._sink is not None:
            self._sink.write(bytes(data[start:end]))

    def _part_end(self) -> None:
        self._sink = None
        self._close_part()

    def _end(self) -> None:
        self._ended = True
