"""The reading clock: start at the arrival of everything, stop and go on, the warning, and who is late."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from appliance import clock as product_clock
from appliance.archive.blobs import Provenance
from appliance.archive.part10 import take_dataset
from appliance.clock import moment, stamp
from appliance.dicomweb.client import DicomWebClient
from appliance.dicomweb.ups_client import UpsClient
from appliance.reading import reading_clock, workitems
from appliance.reading.note import Note
from appliance.reading.note_sr import note_sr
from appliance.reading.reading_clock import WAITS_FOR_CLINIC, WAITS_FOR_PICTURES, ReadingClock
from appliance.reading.statistics import figures
from appliance.reading.story import Story
from appliance.reading.workitem import Request, workitem
from appliance.reading.workitems import GLOBAL_SUBSCRIPTION
from appliance.wiring import Box
from tests.pictures import small_study
from tests.service import served

CLINIC = Provenance("dicomweb", "clinic", "", stamp())
HOURS = {"STAT": 1.0, "urgent": 4.0, "routine": 24.0}


class Watch:
    """The clock on the wall."""

    def __init__(self) -> None:
        self.at = product_clock.now()

    def now(self) -> datetime:
        """What it shows."""
        return self.at

    def stamp(self, given: datetime | None = None) -> str:
        """The same as text."""
        return stamp(given or self.at)

    def goes_on(self, **span: float) -> None:
        """Later."""
        self.at += timedelta(**span)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Time as the test says."""
    found = Watch()
    for module in (reading_clock, workitems):
        monkeypatch.setattr(module, "now", found.now)
        monkeypatch.setattr(module, "stamp", found.stamp)
    return found


class Desk:
    """A reader with one urgent case of three pictures, the last of which has not come yet."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.clock = ReadingClock(box.workitems, box.catalogue, box.documents, lambda: HOURS)
        self.datasets = small_study()
        for ds in self.datasets:
            take_dataset(box.intake, ds, CLINIC)
        self.study = box.catalogue.study(1)
        instances = box.catalogue.instances(1)
        document = workitem(self.study, instances, Request("urgent", Story(question="?"), "Paw", "ann", None))
        box.workitems.subscribe("PAW", GLOBAL_SUBSCRIPTION)
        box.workitems.create("1.2.3", document)

    @property
    def shown(self) -> tuple[str, str]:
        """Kind and words of the clock on the reading list."""
        found = self.box.cases.case(1).clock
        assert found is not None
        return found.kind, found.text

    def tick(self) -> None:
        """One look of the courier."""
        self.clock.tick()

    def ask(self) -> str:
        """A question to the clinic; its UID."""
        self.box.desk.ask(1, "Any fever?", "rita", "Far Readers")
        question = self.box.documents.open_question(1)
        assert question is not None
        return question.sop_instance_uid

    def clinic_answers(self, question_uid: str) -> None:
        """The answer comes as an object of the study."""
        note = Note("answer", [("Answer", "39.8")], "Ann", "Paw", question_uid)
        take_dataset(self.box.intake, note_sr(note, self.datasets), CLINIC)


@pytest.fixture
def desk(box: Box, watch: Watch) -> Desk:
    """The reader."""
    return Desk(box)


def test_it_starts_when_everything_that_was_named_is_here(box: Box, watch: Watch) -> None:
    """Two of three pictures start nothing; the third does, at the moment of its arrival."""
    datasets = small_study()
    for ds in datasets[:2]:
        take_dataset(box.intake, ds, CLINIC)
    request = Request("STAT", Story(question="?"), "Paw", "ann", None)
    document = workitem(box.catalogue.study(1), box.catalogue.instances(1), request)
    referenced = document["00404021"]["Value"][0]["00081199"]["Value"]
    third = json.loads(json.dumps(referenced[0]))
    third["00081155"]["Value"] = [str(datasets[2].SOPInstanceUID)]
    referenced.append(third)
    box.workitems.create("1.2.3", document)
    clock = ReadingClock(box.workitems, box.catalogue, box.documents, lambda: HOURS)
    clock.tick()
    found = box.cases.case(1).clock
    assert found is not None
    assert (found.text, found.due_at) == (WAITS_FOR_PICTURES, None)
    take_dataset(box.intake, datasets[2], CLINIC)
    clock.tick()
    item = box.workitems.get("1.2.3")
    last = max(instance.received_at for instance in box.catalogue.instances(1))
    assert item.started_at == max(last, item.received_at)
    assert item.due_at == stamp(moment(item.started_at or "") + timedelta(hours=1))


def test_it_stands_still_while_the_clinic_is_asked_and_goes_on_with_the_answer(desk: Desk, watch: Watch) -> None:
    """The time of the pause is added to the due time, and the clinic is told of both by events."""
    desk.tick()
    due = moment(desk.box.workitems.get("1.2.3").due_at or "")
    watch.goes_on(hours=1)
    question = desk.ask()
    before = desk.box.workitems.last_event()
    desk.tick()
    assert desk.shown == ("busy", WAITS_FOR_CLINIC)
    watch.goes_on(hours=30)
    desk.tick()
    assert desk.shown == ("busy", WAITS_FOR_CLINIC)
    assert WAITS_FOR_CLINIC in json.dumps(desk.box.workitems.get("1.2.3").shown())
    desk.clinic_answers(question)
    desk.tick()
    item = desk.box.workitems.get("1.2.3")
    assert moment(item.due_at or "") == due + timedelta(hours=30)
    assert (item.paused_at, item.pause_reason) == (None, None)
    assert desk.shown == ("", "Due in 3 h")
    assert len(desk.box.workitems.events("PAW", before)) == 2


def test_the_clinic_is_told_start_due_time_and_pause(desk: Desk, watch: Watch) -> None:
    """Over UPS-RS, to the second."""
    desk.tick()
    token = desk.box.tokens.create("Paw", "technician")
    with served(desk.box, "reader") as url:
        worklist = UpsClient(DicomWebClient(f"{url}/dicom-web", token=token))
        far, item = worklist.get("1.2.3"), desk.box.workitems.get("1.2.3")
        assert far is not None
        assert (far.started_at or "")[:19] == (item.started_at or "")[:19]
        assert (far.due_at or "")[:19] == (item.due_at or "")[:19]
        assert far.pause_reason is None
        desk.ask()
        desk.tick()
        far = worklist.get("1.2.3")
        assert far is not None
        assert far.pause_reason == WAITS_FOR_CLINIC


@pytest.mark.parametrize(
    ("hours", "shown"),
    [
        (0.0, ("", "Due in 4 h")),
        (2.9, ("", "Due in 66 min")),
        (3.1, ("busy", "Due soon: in 54 min")),
        (3.99, ("busy", "Due soon: in 1 min")),
        (4.5, ("bad", "Late by 30 min")),
        (100.0, ("bad", "Late by 4 days")),
    ],
)
def test_it_warns_after_three_quarters_of_the_time(
    desk: Desk, watch: Watch, hours: float, shown: tuple[str, str]
) -> None:
    """Four hours for an urgent case."""
    desk.tick()
    watch.at = moment(desk.box.workitems.get("1.2.3").started_at or "") + timedelta(hours=hours)
    assert desk.shown == shown


@pytest.mark.parametrize(("asked", "late", "hours"), [(True, 0, 3.0), (False, 1, 8.0)])
def test_a_report_signed_while_the_clinic_owes_an_answer_is_not_late(
    desk: Desk, watch: Watch, asked: bool, late: int, hours: float
) -> None:
    """The figures for billing count what the reader alone took."""
    desk.tick()
    watch.goes_on(hours=3)
    if asked:
        desk.ask()
        desk.tick()
    watch.goes_on(hours=5)
    desk.box.workitems.claim("1.2.3", "rita")
    desk.box.workitems.complete("1.2.3", "rita", [])
    found = figures("Paw", [desk.box.workitems.get("1.2.3")])
    assert (found.late, found.median_h) == (late, pytest.approx(hours, abs=0.02))
