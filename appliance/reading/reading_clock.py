"""The reading clock: it starts when all that a request names is here, and stands still while the clinic is asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from appliance.archive.catalogue import Catalogue
from appliance.clock import moment, now, stamp
from appliance.errors import NotFound
from appliance.reading.documents import Documents
from appliance.reading.story import Urgency
from appliance.reading.workitems import Workitem, Workitems

DEFAULT_HOURS: Mapping[Urgency, float] = {"STAT": 1, "urgent": 4, "routine": 24}
WARN_AT = 0.75  # of the time allowed
WAITS_FOR_CLINIC = "Stopped: the reader waits for the clinic's answer."
WAITS_FOR_PICTURES = "Not started: pictures are still arriving."


@dataclass(frozen=True)
class Reading:
    """The clock of one case as both sides show it; `kind` is good, busy or bad."""

    kind: str
    text: str
    due_at: str | None


class ReadingClock:
    """Starts, stops and resumes the clocks of one worklist."""

    def __init__(
        self,
        workitems: Workitems,
        catalogue: Catalogue,
        documents: Documents,
        hours: Callable[[], Mapping[Urgency, float]],
    ) -> None:
        self._workitems = workitems
        self._catalogue = catalogue
        self._documents = documents
        self._hours = hours

    def tick(self) -> None:
        """Look at every open case once."""
        for item in self._workitems.open():
            self._look(item)

    def _look(self, item: Workitem) -> None:
        try:
            study = self._catalogue.study_by_uid(item.study_instance_uid)
        except NotFound:
            return
        if item.started_at is None:
            self._start(item, study.id)
        elif item.paused_at is None and self._documents.open_question(study.id):
            self._workitems.set_clock(item.workitem_uid, paused_at=stamp(), pause_reason=WAITS_FOR_CLINIC)
        elif item.paused_at is not None and not self._documents.open_question(study.id):
            self._workitems.set_clock(item.workitem_uid, paused_at=None, pause_reason=None, **item.after_pause())

    def _start(self, item: Workitem, study_id: int) -> None:
        here = {i.sop_instance_uid: i.received_at for i in self._catalogue.instances(study_id)}
        expected = item.expected
        if not all(uid in here for uid in expected):
            return
        started = max([item.received_at, *(here[uid] for uid in expected)])
        allowed = timedelta(hours=self._hours()[item.urgency])
        self._workitems.set_clock(
            item.workitem_uid, started_at=started, due_at=stamp(moment(started) + allowed), pause_reason=None
        )


def reading(*, started_at: str | None, due_at: str | None, pause_reason: str | None) -> Reading:
    """What to show of an open case's clock."""
    if pause_reason:
        return Reading("busy", pause_reason, due_at)
    if started_at is None or due_at is None:
        return Reading("", WAITS_FOR_PICTURES, None)
    left, allowed = moment(due_at) - now(), moment(due_at) - moment(started_at)
    if left < timedelta():
        return Reading("bad", f"Late by {_words(-left)}", due_at)
    if left < (1 - WARN_AT) * allowed:
        return Reading("busy", f"Due soon: in {_words(left)}", due_at)
    return Reading("", f"Due in {_words(left)}", due_at)


def _words(span: timedelta) -> str:
    minutes = max(1, round(span.total_seconds() / 60))
    if minutes < 120:
        return f"{minutes} min"
    return f"{round(minutes / 60)} h" if minutes < 48 * 60 else f"{round(minutes / 1440)} days"
