"""The line to each reader: does it answer, what waits, since when."""

from collections.abc import Iterator

from appliance.clock import moment, now
from appliance.courier.destinations import Destination, Destinations
from appliance.courier.queue import Queue
from appliance.health.finding import Figure, Finding, State

_LONG_HOURS = 4.0


def lines(destinations: Destinations, queue: Queue) -> Iterator[Finding]:
    """One line for each destination."""
    known = destinations.all()
    if not known:
        advice = "Open Settings, Readers, and enter what your reading service gave you."
        yield Finding("reader", "Reader", "busy", "No reader is set up yet.", advice)
    for destination in known:
        yield _line(destination, queue.waiting_count(destination.id), queue.oldest_waiting_at(destination.id))


def _line(destination: Destination, waiting: int, oldest_at: str | None) -> Finding:
    hours = (now() - moment(oldest_at)).total_seconds() / 3600 if oldest_at else 0.0
    queue = f"{waiting} picture{'' if waiting == 1 else 's'} on the way" if waiting else "nothing waits"
    if waiting and hours >= 1:
        queue = f"{waiting} picture{'' if waiting == 1 else 's'} on the way, the oldest for {hours:.0f} hours"
    state: State = "good"
    words, advice = f"In order; {queue}.", ""
    if destination.trouble:
        state, words = "bad", f"{destination.trouble.message} {queue.capitalize()}."
        advice = f"{destination.trouble.hint} Nothing is lost; everything is sent when the line is back."
    elif destination.paused:
        state, words, advice = "busy", f"Paused; {queue}.", "Open Settings, Readers, to go on sending."
    elif hours >= _LONG_HOURS:
        state, advice = "busy", "The line may be slow. Nothing is lost; the box goes on sending."
        words = f"Slow; {queue}."
    code = destination.trouble.code if destination.trouble else None
    figures: dict[str, Figure] = {
        "waiting": waiting,
        "oldest_hours": round(hours, 2),
        "code": code,
    }
    return Finding(f"reader-{destination.id}", f"Line to {destination.name}", state, words, advice, figures)
