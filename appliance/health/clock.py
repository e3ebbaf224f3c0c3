"""The clock: a box without a clock chip must ask the network for the time."""

import ctypes
from collections.abc import Iterator

from appliance.clock import now
from appliance.health.finding import Finding

_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_TIMEX_BYTES = 512  # more than struct timex on any Linux; modes = 0 only asks


def is_synchronised() -> bool | None:
    """Whether the kernel's clock follows a time server; None where the system does not tell."""
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR


def clock() -> Iterator[Finding]:
    """Date and time as the box has them."""
    synchronised, shown = is_synchronised(), now().strftime("%Y-%m-%d %H:%M UTC")
    if synchronised is False:
        advice = "If date and time are right, nothing is wrong. If not, let the box reach the internet (NTP, port 123)."
        yield Finding("clock", "Clock", "busy", f"{shown}; no time server answers.", advice, {"synchronised": 0})
    else:
        yield Finding("clock", "Clock", "good", f"{shown}.", figures={"synchronised": int(bool(synchronised))})
