"""Logging by allow-list: one JSON object a line, and nothing in it that could name a patient."""

import json
import logging
import sys
import threading
import traceback
import warnings
from pathlib import Path
from types import TracebackType

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
        "place",
    }
)


_FRAMES = 6


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


def log_crashes(log: Log) -> None:
    """Let an unexpected error that ends a process or a thread be one line with its kind and place, without its text.

    The text of an unknown exception may quote a data set, a file's name or what somebody typed.
    """

    def tell(kind: type[BaseException], trace: TracebackType | None) -> None:
        frames = traceback.extract_tb(trace)[-_FRAMES:]
        place = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
        log.event("crashed", code=kind.__name__, place=place)

    sys.excepthook = lambda kind, _error, trace: tell(kind, trace)
    sys.unraisablehook = lambda found: tell(found.exc_type, found.exc_traceback)
    threading.excepthook = lambda found: tell(found.exc_type, found.exc_traceback)
