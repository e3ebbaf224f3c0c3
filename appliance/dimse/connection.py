"""The socket of one association: read in big pieces, each PDU within a deadline, written by any thread.

pynetdicom's own socket reads 4096 bytes at a time and waits without end for a peer that drips. Here the bytes of
several PDUs come with one system call into one buffer, and are handed on as views of it. The socket never blocks; who
waits does so in `poll` with a deadline.
"""

import contextlib
import select
import socket
import ssl
import threading
import time

from pynetdicom.association import Association
from pynetdicom.transport import AssociationSocket

FIRST_PDU_S = 5.0  # from the connection to a whole A-ASSOCIATE-RQ
PDU_S = 30.0  # for one PDU, 131072 bytes and less, and for what is sent
LONGEST_UNKNOWN_S = 600.0
LONGEST_PDU_BYTES = 1 << 20  # an A-ASSOCIATE-RQ of 128 contexts has less than 64 KiB
BUFFER_BYTES = 1 << 18
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class TimedSocket(AssociationSocket):
    """Reads whole PDUs within a deadline; anything else ends the connection."""

    def __init__(self, association: Association, connection: socket.socket, *, known: bool) -> None:
        connection.setblocking(False)
        super().__init__(association, client_socket=connection)
        began = time.monotonic()
        self._first_by = began + FIRST_PDU_S
        self._ends_at = float("inf") if known else began + LONGEST_UNKNOWN_S
        self._deadline = self._first_by
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        self._start = self._end = 0
        self._sending = threading.Lock()  # two threads must not mix their PDUs
        self._tls: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
        if isinstance(connection, ssl.SSLSocket):
            self._tls = threading.Lock()  # OpenSSL allows one thread at a time, reading or writing

    @property
    def waited_long(self) -> bool:
        """Whether the time for the first PDU has passed."""
        return time.monotonic() > self._first_by - 0.5

    @property
    def has_buffered(self) -> bool:
        """Whether bytes have been read from the network and not yet been taken."""
        connection = self.socket
        return self._end > self._start or (isinstance(connection, ssl.SSLSocket) and connection.pending() > 0)

    @property
    def ready(self) -> bool:
        """Whether there is something to read, or an end to notice."""
        return self.has_buffered or super().ready

    def begin_pdu(self) -> int | None:
        """Start the time for one PDU; returns its first byte, None when there is none (closed, or too late)."""
        by = self._deadline_of_pdu()
        self._deadline = by
        with contextlib.suppress(OSError):
            if self._start < self._end or self._fill():
                return int(self._buffer[self._start])
        return None

    def take(self, size: int) -> bytes:
        """Exactly so many bytes; raises OSError when the peer closes or is too slow."""
        parts = []
        while size:
            part = self.some(size)
            parts.append(bytes(part))
            size -= len(part)
        return b"".join(parts)

    def some(self, most: int) -> memoryview:
        """At least one byte and at the most so many, valid until the next call; raises OSError."""
        if self._start == self._end and not self._fill():
            raise ConnectionResetError
        start, self._start = self._start, min(self._start + most, self._end)
        return self._buffer[start : self._start]

    def recv(self, nr_bytes: int) -> bytearray:
        """For pynetdicom: exactly so many bytes, fewer when the peer closes; raises OSError."""
        if nr_bytes > LONGEST_PDU_BYTES:
            raise OSError("PDU too long")
        content = bytearray()
        with contextlib.suppress(ConnectionResetError):
            while len(content) < nr_bytes:
                content += self.some(nr_bytes - len(content))
        return content

    def send(self, bytestream: bytes) -> None:
        """Send all of it, from any thread; a peer that takes nothing for too long ends the connection (Evt17)."""
        rest = memoryview(bytestream)
        try:
            with self._sending:
                while rest:
                    rest = rest[self._send_some(rest) :]
        except (OSError, ValueError, AttributeError):  # closed meanwhile, by the peer or by the other thread
            self.event_queue.put("Evt17")

    def _send_some(self, rest: memoryview) -> int:
        connection = self.socket
        assert connection is not None  # noqa: S101 - AttributeError is what a closed connection gives anyway
        deadline = time.monotonic() + PDU_S
        while True:
            try:
                with self._tls:
                    return connection.send(rest)
            except _NOT_NOW as reason:
                _wait(connection, _writable(reason, select.POLLOUT), deadline)

    def _deadline_of_pdu(self) -> float:
        by = time.monotonic() + PDU_S if self._assoc.is_established else self._first_by
        return min(by, self._ends_at)

    def _fill(self) -> int:
        """Read what there is into the empty buffer; 0 when the peer has closed."""
        connection = self.socket
        if connection is None:
            raise ConnectionResetError
        self._start = self._end = 0
        while True:
            try:
                with self._tls:
                    self._end = connection.recv_into(self._buffer)
                return self._end
            except _NOT_NOW as reason:
                _wait(connection, _writable(reason, select.POLLIN), self._deadline)


def _writable(reason: OSError, otherwise: int) -> int:
    """What to wait for; a TLS connection may have to read in order to write, and the other way round."""
    if isinstance(reason, ssl.SSLWantReadError):
        return select.POLLIN
    return select.POLLOUT if isinstance(reason, ssl.SSLWantWriteError) else otherwise


def _wait(connection: socket.socket, for_what: int, deadline: float) -> None:
    """Return when it can go on; raises TimeoutError after the deadline (monotonic seconds)."""
    left_s = deadline - time.monotonic()
    poll = select.poll()
    poll.register(connection, for_what)
    if left_s <= 0 or not poll.poll(left_s * 1000):
        raise TimeoutError
