"""Answers in portions: pynetdicom reads nothing, not even a C-CANCEL, while there is something left to send."""

import time

from pynetdicom.events import Event

PACE = 16
"""How many answers go out between two looks for a C-CANCEL."""
_LONGEST_S = 30.0
_LOOK_S = 0.002


def wait_until_sent(event: Event) -> None:
    """Return when all that was answered so far is on the wire and what came meanwhile was read."""
    deadline = time.monotonic() + _LONGEST_S
    while not event.assoc.dul.to_provider_queue.empty() and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
    time.sleep(2 * _LOOK_S)
