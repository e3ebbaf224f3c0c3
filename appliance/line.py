"""Socket options of every connection to a far side: dead lines are noticed, lossy ones are used well, limits are kept.

Linux only, as is the product.
"""

import socket
from pathlib import Path

UNSENT_BYTES = 128 * 1024  # what the kernel may hold back, so that "sent" is nearly true
SO_MAX_PACING_RATE = 47  # asm-generic/socket.h; bytes a second, kept by the kernel's own pacing
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 10), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 3))
_CONGESTION_CONTROLS = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")
_ROUTES = (Path("/proc/net/route"), Path("/proc/net/ipv6_route"))

SocketOption = tuple[int, int, int | bytes]


def socket_options(*, stall_timeout_s: float, limit_bytes_s: int | None = None) -> list[SocketOption]:
    """What a connection is given before it is used; `limit_bytes_s` None is as fast as the line goes."""
    options: list[SocketOption] = [
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        (socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES),
        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(stall_timeout_s * 1000)),
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        *((socket.IPPROTO_TCP, name, value) for name, value in _KEEPALIVE),
    ]
    if bbr_available():
        options.append((socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"bbr"))
    if limit_bytes_s is not None:
        options.append((socket.SOL_SOCKET, SO_MAX_PACING_RATE, max(1000, limit_bytes_s)))
    return options


def bbr_available() -> bool:
    """Whether the kernel offers BBR, which a lossy line slows down far less than cubic (FIELD 4)."""
    try:
        return "bbr" in _CONGESTION_CONTROLS.read_text().split()
    except OSError:
        return False


def network_state() -> str:
    """A text that changes when the box gets or loses a way out: its routes."""
    known = []
    for path in _ROUTES:
        try:
            rows = [line.split() for line in path.read_text().splitlines()]
        except OSError:
            continue
        known += [" ".join(row[:3]) if path is _ROUTES[0] else f"{row[0]} {row[4]} {row[-1]}" for row in rows if row]
    return "\n".join(known)
