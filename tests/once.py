"""A service that gives one answer, whatever it is asked, and hangs up."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """Its address, for one request."""

    def serve() -> None:
        with listener.accept()[0] as line:
            line.recv(1 << 16)
            line.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        service = threading.Thread(target=serve)
        service.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        service.join()
