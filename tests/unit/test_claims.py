"""Two readers are never on one case: claiming, giving back, and signing, also at the same moment."""

import threading

import pytest

from appliance.archive.blobs import Provenance
from appliance.archive.part10 import take_dataset
from appliance.clock import now, stamp
from appliance.reading.report import Report
from appliance.reading.story import Story
from appliance.reading.workitem import Request, workitem
from appliance.reading.workitems import WorkitemConflict
from appliance.wiring import Box
from tests.pictures import small_study

UID = "1.2.3"
RACES = 20


@pytest.fixture
def desk(box: Box) -> Box:
    """A reader with one case."""
    for ds in small_study("cervical-spine"):
        take_dataset(box.intake, ds, Provenance("dicomweb", "clinic", "", stamp()))
    request = Request("routine", Story(question="?"), "Paw", "ann", None)
    box.workitems.create(UID, workitem(box.catalogue.study(1), box.catalogue.instances(1), request))
    return box


def test_of_readers_who_reach_for_a_case_at_the_same_moment_one_has_it(desk: Box) -> None:
    """Each with a connection of its own, again and again."""
    for race in range(RACES):
        names, start = [f"reader {race}-{n}" for n in range(4)], threading.Barrier(4)
        won: list[str] = []
        lost: list[str] = []

        def reach(name: str, start: threading.Barrier = start, won: list[str] = won, lost: list[str] = lost) -> None:
            other = Box(desk.settings)
            start.wait(30)
            try:
                other.workitems.claim(UID, name)
                won.append(name)
            except WorkitemConflict:
                lost.append(name)

        threads = [threading.Thread(target=reach, args=[name]) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert (len(won), len(lost)) == (1, 3)
        assert desk.workitems.get(UID).claimed_by == won[0]
        desk.workitems.release(UID, won[0])


def test_nobody_gives_back_what_another_has_but_an_administrator(desk: Box) -> None:
    """To the clinic it stays in progress all the while."""
    desk.workitems.claim(UID, "rita")
    desk.workitems.claim(UID, "rita")  # the same person again is no conflict
    with pytest.raises(WorkitemConflict, match="rita has this case"):
        desk.workitems.release(UID, "tom")
    with pytest.raises(WorkitemConflict, match="rita has this case"):
        desk.workitems.claim(UID, "tom")
    desk.workitems.release(UID, "tom", force=True)
    desk.workitems.claim(UID, "tom")
    assert desk.workitems.get(UID).state == "IN PROGRESS"


def test_a_case_that_another_system_works_on_is_not_claimed_here(desk: Box) -> None:
    """UPS-RS: its performer has the transaction UID, and nobody completes it for them."""
    desk.workitems.change_state(UID, "IN PROGRESS", "1.2.840.1")
    with pytest.raises(WorkitemConflict, match="Another system"):
        desk.workitems.claim(UID, "rita")
    with pytest.raises(WorkitemConflict, match="Transaction UID"):
        desk.workitems.change_state(UID, "COMPLETED", "1.2.840.2")


def test_a_signed_case_is_open_to_nobody(desk: Box) -> None:
    """It is read; a later word is an addendum."""
    desk.workitems.claim(UID, "rita")
    desk.desk.sign(1, Report("Findings.", "", "", "Rita", "Far", now()))
    assert desk.workitems.get(UID).state == "COMPLETED"
    with pytest.raises(WorkitemConflict, match="completed"):
        desk.workitems.claim(UID, "tom")
    assert desk.desk.statuses(1) == ("addendum", "corrected")
