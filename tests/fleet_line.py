"""A line between box and service that can be cut in the middle of an exchange, whatever TLS says on it."""

import contextlib
import socket
import threading
from collections.abc import Iterator

from tests.fleet import HOST


class Line:
    """Passes bytes on to a port of this machine until it is cut; new connections are passed on again."""

    def __init__(self, far_port: int) -> None:
        self._far_port = far_port
        self._listener = socket.create_server((HOST, 0))
        self._open: list[socket.socket] = []
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End every connection of this moment on both sides."""
        ends, self._open = self._open, []  # who calls again at once is not cut off with them
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection((HOST, self._far_port))
            self._open += [near, far]
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=_pass_on, args=[source, target], daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError), contextlib.closing(target):
        while content := source.recv(65536):
            target.sendall(content)


@contextlib.contextmanager
def lossy(far_port: int) -> Iterator[Line]:
    """A line to a port."""
    line = Line(far_port)
    try:
        yield line
    finally:
        line.close()
