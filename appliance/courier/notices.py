"""Tells by e-mail that a report or a question has come."""

from dataclasses import dataclass, field

from appliance.courier.uplink import backoff_s
from appliance.reading.notices import Notices, NotSent

IDLE_S = 5.0


@dataclass
class NoticeWorker:
    """Asks the notices whether something is new; a mail server that does not answer is tried again later."""

    notices: Notices
    _failures: int = field(default=0, init=False)

    def run_once(self) -> float:
        """Send at most one e-mail."""
        try:
            self.notices.tell_if_new()
        except NotSent:
            self._failures += 1
            return backoff_s(self._failures + 3)
        self._failures = 0
        return IDLE_S
