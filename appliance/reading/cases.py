"""The reading list of one clinic at a reader service: what is asked, by urgency and due time."""

from dataclasses import dataclass
from typing import get_args

from appliance.archive.catalogue import Catalogue, StudyLine
from appliance.errors import NotFound
from appliance.reading.documents import Documents
from appliance.reading.reading_clock import Reading, reading
from appliance.reading.story import Story, Urgency
from appliance.reading.workitem import story_of
from appliance.reading.workitems import Workitem, Workitems

_ORDER: tuple[Urgency, ...] = get_args(Urgency)
_DONE_SHOWN = 25


@dataclass(frozen=True)
class Case:
    """A study to read, and its workitem; pictures that came without a request have none."""

    line: StudyLine
    item: Workitem | None
    flags: tuple[str, ...] = ()

    @property
    def urgency(self) -> Urgency:
        """STAT, urgent or routine."""
        return self.item.urgency if self.item else "routine"

    @property
    def asked_at(self) -> str | None:
        """When the request came."""
        return self.item.received_at if self.item else None

    @property
    def expected(self) -> int:
        """Instances that the request names; 0 when the study came without a request."""
        return len(self.item.expected) if self.item else 0

    @property
    def arrived(self) -> int:
        """How many of them are here; of a study without a request all originals."""
        here = {i.sop_instance_uid for i in (*self.line.images, *self.line.reports, *self.line.others) if i.is_original}
        return len(here & set(self.item.expected)) if self.item else len(here)

    @property
    def is_read(self) -> bool:
        """Whether nothing is asked any more: a report was signed, or the request was taken back."""
        if self.item is None:
            return any(i.report_kind == "SR" and i.sender_kind == "local" for i in self.line.reports)
        return not self.item.is_open

    @property
    def story(self) -> Story:
        """What the clinic tells."""
        return story_of(self.item.document) if self.item else Story()

    @property
    def clock(self) -> Reading | None:
        """The reading clock while the case is open."""
        if self.item is None or not self.item.is_open:
            return None
        item = self.item
        return reading(started_at=item.started_at, due_at=item.due_at, pause_reason=item.pause_reason)


class Cases:
    """What there is to read."""

    def __init__(self, catalogue: Catalogue, workitems: Workitems, documents: Documents) -> None:
        self._catalogue = catalogue
        self._workitems = workitems
        self._documents = documents

    def open(self, *, limit: int = 100) -> list[Case]:
        """Unread before read, then by urgency, then what is due first, then the longest waiting."""
        found: dict[int, Case] = {}
        for item in self._workitems.open():
            try:
                line = self._catalogue.line(self._catalogue.study_by_uid(item.study_instance_uid))
            except NotFound:  # announced, and nothing has come yet
                continue
            found.setdefault(line.study.id, self._case(line, item))
        for line in self._catalogue.recent(limit=min(limit, len(found) + _DONE_SHOWN)):
            if line.study.id not in found:
                found[line.study.id] = self._case(line, self._latest(line))
        return sorted(found.values(), key=place_in_list)

    def announced(self) -> list[Workitem]:
        """Requests of which no picture has come yet."""
        return [item for item in self._workitems.open() if not self._is_here(item)]

    def case(self, study_id: int) -> Case:
        """One case by its study; raises NotFound."""
        line = self._catalogue.line(self._catalogue.study(study_id))
        return self._case(line, self._latest(line))

    def priors(self, line: StudyLine) -> list[StudyLine]:
        """Other studies of the same patient, newest first: by patient ID, within this clinic."""
        study = line.study
        if not study.patient_id:
            return []
        return [
            other
            for other in self._catalogue.of_patient(study.patient_id, study.issuer_of_patient_id)
            if other.study.id != study.id
        ]

    def _is_here(self, item: Workitem) -> bool:
        try:
            self._catalogue.study_by_uid(item.study_instance_uid)
        except NotFound:
            return False
        return True

    def _latest(self, line: StudyLine) -> Workitem | None:
        items = self._workitems.of_study(line.study.study_instance_uid)
        return next((item for item in items if item.is_open), items[0] if items else None)

    def _case(self, line: StudyLine, item: Workitem | None) -> Case:
        study_id = line.study.id
        found = self._documents.of_study(study_id)
        flags = []
        if any(d.kind == "late pictures" and d.seen_at is None for d in found):
            flags.append("pictures were added")
        if any(d.kind == "answer" and d.seen_at is None for d in found):
            flags.append("the clinic answered")
        if self._documents.unacknowledged(study_id):
            flags.append("critical finding not yet acknowledged")
        return Case(line, item, tuple(flags))


def place_in_list(case: Case) -> tuple[bool, bool, int, str, str]:
    """What the reading list is sorted by."""
    due = (case.item.due_at if case.item else None) or "9"
    urgency = _ORDER.index(case.urgency)
    return (case.is_read, case.item is None, urgency, due, case.line.study.received_at)
