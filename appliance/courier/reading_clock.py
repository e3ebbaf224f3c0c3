"""Keeps the reading clocks of one clinic going, whether a page is open or not."""

from dataclasses import dataclass

from appliance.reading.reading_clock import ReadingClock

IDLE_S = 5.0


@dataclass(frozen=True)
class ClockWorker:
    """Looks at all open cases; woken by every commit."""

    clock: ReadingClock

    def run_once(self) -> float:
        """One look."""
        self.clock.tick()
        return IDLE_S
