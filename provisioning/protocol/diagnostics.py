"""What diagnostics may hold: this schema is the allow-list, and the clinic sees the bytes before they go."""

import gzip

import msgspec
from msgspec import Struct

from provisioning.protocol.messages import Check, Figure


class LogLine(Struct, frozen=True, forbid_unknown_fields=True):
    """One event of the box's own log by name, with its code and figures; no address, no title, no text."""

    event: str
    count: int


class Report(Struct, frozen=True, forbid_unknown_fields=True):
    """A box at one moment, in figures and codes."""

    made_at: str
    release: str
    python: str
    uptime_s: int
    free_bytes: int
    memory_free_bytes: int
    load: float
    temperature_c: float | None
    checks: list[Check]
    settings: dict[str, Figure]
    """The settings that are the vendor's, or are numbers and yes or no; texts of the clinic never."""
    events: list[LogLine]
    """How often each kind of the audit trail's events happened in the last seven days."""


def packed(report: Report) -> bytes:
    """The report as it travels; the same report gives the same bytes."""
    return gzip.compress(msgspec.json.encode(report), mtime=0)
