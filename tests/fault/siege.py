"""Those who want to keep a paired unit out: connections from other addresses, and what they cost the receiver.

    python -m tests.fault.siege NUMBER PLAIN_PORT TLS_PORT

keeps so many idle connections at each port until its standard input ends, in a process of its own.
"""

import contextlib
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from tests.box import HOST, Box
from tests.waiting import wait_for


class Attackers:
    """Connections from other loopback addresses that come back whenever they are closed."""

    def __init__(self, pause_s: float = 0.1) -> None:
        self._pause_s = pause_s  # between the end of a connection and the next
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.connections = 0

    def add(self, number: int, port: int, behave: Callable[[socket.socket], None]) -> None:
        """So many connections, each from one of 50 addresses."""
        for index in range(number):
            address = f"127.0.1.{1 + index % 50}"
            thread = threading.Thread(target=self._run, args=[address, port, behave], daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self, address: str, port: int, behave: Callable[[socket.socket], None]) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(OSError), socket.create_connection((HOST, port), 5, (address, 0)) as connection:
                self.connections += 1
                connection.settimeout(0.5)
                while not self._stop.is_set():
                    behave(connection)
            self._stop.wait(self._pause_s)

    def end(self) -> None:
        """Let go."""
        self._stop.set()
        for thread in self._threads:
            thread.join(10)


def idle(connection: socket.socket) -> None:
    """Say nothing; notice the end."""
    with contextlib.suppress(TimeoutError):
        if connection.recv(1) == b"":
            raise ConnectionError


def peak_bytes(box: Box) -> int:
    """Memory of the receiver at its peak."""
    status = Path(f"/proc/{box.roles()['receiver'].pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def main() -> None:
    """Besiege two ports; a line on standard output when all have connected."""
    number, *ports = map(int, sys.argv[1:])
    attackers = Attackers(pause_s=1.0)
    for port in ports:
        attackers.add(number, port, idle)
    wait_for(lambda: attackers.connections >= number * len(ports), 60, "the attackers")
    print("besieged", flush=True)
    sys.stdin.read()
    attackers.end()


if __name__ == "__main__":
    main()
