"""Socket options of the lines to far sides, asked back from the kernel."""

import socket

from appliance.line import SO_MAX_PACING_RATE, bbr_available, socket_options


def _given(**limits: int) -> socket.socket:
    line = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    for level, name, value in socket_options(stall_timeout_s=7.5, **limits):
        line.setsockopt(level, name, value)
    return line


def test_a_dead_line_is_noticed_and_a_lossy_one_used_well() -> None:
    """TCP_USER_TIMEOUT in milliseconds, keep-alive, and BBR wherever the kernel has it."""
    with _given() as line:
        assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 7500
        assert line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        control = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0")
    with socket.socket() as plain:
        usual = plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0")
    assert control == (b"bbr" if bbr_available() else usual)


def test_a_limit_is_kept_by_the_kernel() -> None:
    """In bytes a second, and never so low that nothing moves."""
    with _given(limit_bytes_s=250_000) as line:
        assert line.getsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE) == 250_000
    with _given(limit_bytes_s=1) as line:
        assert line.getsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE) == 1000
