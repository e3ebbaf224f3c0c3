"""Time as the product keeps it: UTC, ISO 8601 text with microseconds."""

import os
import time
from datetime import UTC, datetime, timedelta


def now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)


def stamp(moment: datetime | None = None) -> str:
    """A moment (default: now) as sortable text, e.g. `2026-11-24T10:15:00.123456Z`."""
    return (moment or now()).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(text: str) -> datetime:
    """The moment that `stamp` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def after(seconds: float) -> str:
    """The stamp of a moment `seconds` from now."""
    return stamp(now() + timedelta(seconds=seconds))


def use_zone(name: str) -> None:
    """Local time of this process from now on, e.g. `Europe/Berlin`; what the product keeps stays UTC."""
    os.environ["TZ"] = name
    time.tzset()
