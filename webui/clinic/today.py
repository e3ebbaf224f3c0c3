"""What happens in the X-ray room today: each exam with what has arrived, what is missing, and how far it is sent."""

from dataclasses import dataclass
from datetime import datetime

from appliance.archive.catalogue import StudyLine
from appliance.clock import stamp
from appliance.errors import NotFound
from appliance.exams.completeness import Completeness
from appliance.exams.exam import Exam
from appliance.exams.views import missing_views
from webui.clinic.deliveries import Delivery, deliveries
from webui.services import Services

MOST_STUDIES = 100


@dataclass(frozen=True)
class Row:
    """One exam of today, or pictures that nobody ordered here; `missing` in the words of the protocol."""

    exam: Exam | None
    line: StudyLine | None
    expected: tuple[str, ...]
    missing: tuple[str, ...]
    completeness: Completeness | None
    deliveries: list[Delivery]
    is_asked: bool
    """Whether a case of it was sent to a reader or is written."""

    @property
    def views(self) -> list[tuple[str, bool]]:
        """Each expected view, and whether it is here; one that is expected twice may be here once."""
        left = list(self.missing)
        shown = []
        for view in self.expected:
            is_missing = view in left
            if is_missing:
                left.remove(view)
            shown.append((view, not is_missing))
        return shown


def rows(services: Services) -> list[Row]:
    """The exams that wait or are of today in the order of their times, then today's other studies, newest first."""
    midnight = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    worklist = services.worklist
    exams = {exam.id: exam for exam in (*worklist.open(), *worklist.of_day(midnight.strftime("%Y%m%d")))}
    found: dict[int, Row] = {}
    others: list[Row] = []
    for line in services.catalogue.recent(limit=MOST_STUDIES):
        if line.study.last_received_at < stamp(midnight):
            break
        row = _with_pictures(services, line)
        if row.exam is not None and row.exam.id not in found:
            found[row.exam.id] = row
        else:
            others.append(row)
    for exam in exams.values():
        found.setdefault(exam.id, _of_exam(services, exam))
    ordered = [row for row in found.values() if row.exam is not None]
    return [*sorted(ordered, key=_place), *others]


def _place(row: Row) -> tuple[str, str, int]:
    assert row.exam is not None  # noqa: S101 - only those are sorted
    return row.exam.scheduled_date, row.exam.scheduled_time, row.exam.id


def _with_pictures(services: Services, line: StudyLine) -> Row:
    completeness = services.completion.of(line)
    return Row(
        exam=completeness.exam,
        line=line,
        expected=completeness.expected,
        missing=completeness.missing,
        completeness=completeness,
        deliveries=deliveries(services, line),
        is_asked=bool(services.casebook.of_study(line.study.id)),
    )


def _of_exam(services: Services, exam: Exam) -> Row:
    """Its pictures may have come before today."""
    try:
        study = services.catalogue.study_by_uid(exam.performed_study_uid or exam.study_instance_uid)
    except NotFound:
        expected = services.protocols.views(exam.protocol)
        return Row(exam, None, expected, tuple(missing_views(expected, [])), None, [], is_asked=False)
    return _with_pictures(services, services.catalogue.line(study))
