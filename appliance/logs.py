"""Logging by allow-list: one JSON object a line, and nothing in it that could name a patient."""

import json
import logging
import sys
import warnings

from appliance.clock import stamp

ALLOWED_FIELDS = frozenset(
    {
        "event",
        "code",
        "row",
        "peer",
        "address",
        "status",
        "count",
        "size_bytes",
        "duration_ms",
        "port",
        "role",
        "incident",
    }
)


class Log:
    """Writes events of one role; a field that is not on the allow-list is a programming error."""

    def __init__(self, role: str) -> None:
        self._role = role

    def event(self, event: str, **fields: str | int | float | None) -> None:
        """Write one line to standard error."""
        unknown = fields.keys() - ALLOWED_FIELDS
        if unknown:
            raise ValueError(f"fields not allowed in logs: {sorted(unknown)}")
        line = {"time": stamp(), "role": self._role, "event": event, **fields}
        print(json.dumps(line), file=sys.stderr, flush=True)


def quiet_libraries() -> None:
    """Keep third-party loggers and warnings from quoting data sets (FIELD: pydicom quotes bad values)."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
