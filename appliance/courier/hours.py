"""When a destination gets pictures and how fast: `08-18=2000 18-20=0` is 2000 kbit/s by day and nothing until eight.

Hours are the box's local time. What is not named is without limit. STAT goes at any hour and without limit.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from appliance.errors import BadInput

_PART = re.compile(r"(\d{1,2})-(\d{1,2})=(\d{1,7})")
_BYTES_S = 1000 / 8  # of one kbit/s


@dataclass(frozen=True)
class Span:
    """From the hour `start` up to the hour `end`, at most `kbit_s`; 0 is nothing at all."""

    start: int
    end: int
    kbit_s: int

    def holds(self, hour: int) -> bool:
        """Whether the hour lies in it; a span may run over midnight."""
        if self.start < self.end:
            return self.start <= hour < self.end
        return hour >= self.start or hour < self.end


def parse_hours(text: str) -> tuple[Span, ...]:
    """The spans of a text; raises BadInput."""
    return tuple(_span(part) for part in text.replace(",", " ").split())


def _span(part: str) -> Span:
    found = _PART.fullmatch(part)
    start, end, kbit_s = (int(number) for number in found.groups()) if found else (0, 0, 0)
    if not found or start > 23 or end > 24 or start == end:
        raise BadInput(field="Hours", reason="give spans like 08-18=2000: from, until, kbit/s; 0 sends nothing")
    return Span(start, end, kbit_s)


def limit_bytes_s(spans: Iterable[Span], at: datetime) -> int | None:
    """Bytes a second that may be sent at a local time: None without limit, 0 nothing; the tightest span counts."""
    limits = [int(span.kbit_s * _BYTES_S) for span in spans if span.holds(at.hour)]
    return min(limits) if limits else None
