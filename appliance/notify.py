"""What systemd is told of a role: that it answers, and that it is alive (sd_notify(3)); elsewhere nobody is told."""

import contextlib
import os
import socket
import threading
from collections.abc import Callable

_LOOKS_A_TIMEOUT = 3  # a look may be late once


def under_systemd() -> bool:
    """Whether a service manager waits to hear from this process."""
    return bool(os.environ.get("NOTIFY_SOCKET"))


def tell(state: str) -> None:
    """Send one state, e.g. READY=1; a manager that does not listen any more is no reason to fail."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    address = f"\0{path[1:]}" if path.startswith("@") else path
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
        try:
            line.sendto(state.encode(), address)
        except OSError:
            return


def answering(looks_well: Callable[[], object]) -> None:
    """Say that the role answers, and as often as systemd wants to know that it is alive.

    `looks_well` does what the role is there for, as somebody outside would ask for it. If it raises or hangs, systemd
    hears nothing, and ends and starts the role when its time is over.
    """
    tell("READY=1")
    timeout_s = int(os.environ.get("WATCHDOG_USEC", 0)) / 1e6
    if not timeout_s:
        return

    def watch() -> None:
        pause = threading.Event()
        while not pause.wait(timeout_s / _LOOKS_A_TIMEOUT):
            with contextlib.suppress(Exception):  # an edge: whatever is wrong, the role is not well
                looks_well()
                tell("WATCHDOG=1")

    threading.Thread(target=watch, name="watchdog", daemon=True).start()
