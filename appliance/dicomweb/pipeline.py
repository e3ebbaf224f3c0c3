"""HTTP/1.1 requests one behind the other on one connection, without waiting for each answer (RFC 9112 9.3.2).

A line is never idle while the next portion waits for the last one's answer. Answers are parsed by http.client.
"""

import io
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import cast
from urllib.parse import urlsplit

from appliance.line import SocketOption
from appliance.peer_errors import BadAnswer, BrokenOff, Stalled, Unreachable, Untrusted

_SEND_BYTES = 16 * 1024  # each within the stall timeout
_MAX_ANSWER_BYTES = 1 << 20


@dataclass(frozen=True)
class Answer:
    """Status, headers in lower case, content."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class _Reading:
    """What HTTPResponse takes for a socket; the answers share one buffer and none closes it."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file

    def makefile(self, mode: str) -> "_Reading":
        return self

    def close(self) -> None:
        """The connection stays."""

    def flush(self) -> None:
        """Nothing to write."""

    def readline(self, limit: int = -1) -> bytes:
        line = self._file.readline(limit)
        if not line.endswith(b"\n") and len(line) != limit:
            raise ConnectionResetError  # http.client takes a head that broke off for a whole one
        return line

    def read(self, size: int | None = -1) -> bytes:
        return self._file.read(size)

    def readinto(self, buffer: memoryview) -> int:
        return self._file.readinto(buffer)

    def peek(self, size: int = 0) -> bytes:
        return self._file.peek(size)

    def read1(self, size: int = -1) -> bytes:
        return self._file.read1(size)


class Pipeline:
    """One connection to the host of a base address."""

    def __init__(
        self,
        url: str,
        *,
        context: ssl.SSLContext | None,
        options: Sequence[SocketOption],
        stall_timeout_s: float,
        answer_timeout_s: float,
    ) -> None:
        parts = urlsplit(url)
        self._host = parts.netloc
        self._answer_timeout_s = answer_timeout_s
        self._stall_timeout_s = stall_timeout_s
        port = parts.port or (443 if parts.scheme == "https" else 80)
        self._socket = _connect(parts.hostname or "", port, options, stall_timeout_s)
        try:
            if parts.scheme == "https":
                context = context or ssl.create_default_context()
                self._socket = context.wrap_socket(self._socket, server_hostname=parts.hostname)
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise Untrusted from error
        except OSError as error:
            self.close()
            raise BrokenOff from error
        self._file = self._socket.makefile("rb")
        self.awaited: list[str] = []
        """The methods of requests that were sent and not yet answered."""

    def send(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> None:
        """One request, whole; raises Stalled, BrokenOff."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self._host}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        content = memoryview("\r\n".join((*lines, "", "")).encode("latin-1") + body)
        self._socket.settimeout(self._stall_timeout_s)
        try:
            for start in range(0, len(content), _SEND_BYTES):
                self._socket.sendall(content[start : start + _SEND_BYTES])
        except OSError as error:
            raise (Stalled if isinstance(error, TimeoutError) else BrokenOff)() from error
        self.awaited.append(method)

    def ready(self) -> bool:
        """Whether an answer, or its beginning, is there."""
        self._socket.settimeout(0.0)
        try:
            return bool(self._file.peek(1))
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True  # reading the answer will tell what is wrong

    def answer(self) -> Answer:
        """The answer to the oldest request that waits for one; raises Stalled, BrokenOff, BadAnswer."""
        self._socket.settimeout(self._answer_timeout_s)
        response = HTTPResponse(cast(socket.socket, _Reading(self._file)), method=self.awaited.pop(0))
        try:
            response.begin()
            content = response.read(_MAX_ANSWER_BYTES + 1)
        except TimeoutError as error:
            raise Stalled from error
        except (OSError, HTTPException, ValueError) as error:
            raise BrokenOff from error
        if len(content) > _MAX_ANSWER_BYTES:
            raise BadAnswer
        if response.length:  # so many bytes are missing
            raise BrokenOff
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, content)

    def close(self) -> None:
        """End the connection, without a word of farewell."""
        self._socket.close()


def _connect(host: str, port: int, options: Sequence[SocketOption], timeout_s: float) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unreachable from error
    for family, kind, protocol, _, address in found:
        made = socket.socket(family, kind, protocol)
        try:
            for level, name, value in options:
                made.setsockopt(level, name, value)
            made.settimeout(timeout_s)
            made.connect(address)
            return made
        except OSError:
            made.close()
    raise Unreachable
