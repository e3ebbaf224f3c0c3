"""Connections of the DICOMweb client: socket options, TLS, and bodies whose end is noticed."""

import ssl
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from appliance.dicomweb.multipart import FileBody
from appliance.line import SocketOption, socket_options

STALL_TIMEOUT_S = 15.0  # to connect, and for each portion of 16 KiB sent; a store may take as long as bytes move


class Outgoing:
    """A body that tells when its last byte was handed over.

    With `__len__` requests sends a Content-Length, with `read` urllib3 sends portions, each within the timeout.
    """

    def __init__(self, body: FileBody, gone: Callable[[], None]) -> None:
        self._body = body
        self._gone = gone

    def __len__(self) -> int:
        return len(self._body)

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self.read(1 << 16):
            yield chunk

    def read(self, size: int = -1) -> bytes:
        """The next bytes; empty at the end."""
        chunk = self._body.read(size)
        if not chunk:
            self._gone()
        return chunk


class _Line(HTTPAdapter):
    """Connections that notice a dead line while they send, not only while they wait."""

    def __init__(self, options: Sequence[SocketOption], context: ssl.SSLContext | None) -> None:
        self._options = options
        self._context = context
        super().__init__(max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        """Make the pool with our socket options, and our TLS settings if there are any."""
        options["socket_options"] = self._options
        if self._context is not None:
            options["ssl_context"] = self._context
        super().init_poolmanager(connections, maxsize, block, **options)


def open_session(
    *, stall_timeout_s: float = STALL_TIMEOUT_S, limit_bytes_s: int | None = None, tls: ssl.SSLContext | None = None
) -> requests.Session:
    """A session whose connections have our socket options and TLS settings."""
    session = requests.Session()
    session.trust_env = False  # no credentials from a .netrc, no proxy that nobody set on the box
    line = _Line(socket_options(stall_timeout_s=stall_timeout_s, limit_bytes_s=limit_bytes_s), tls)
    session.mount("http://", line)
    session.mount("https://", line)
    return session
