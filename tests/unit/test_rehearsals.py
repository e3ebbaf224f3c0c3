"""When it is rehearsed, and that a reader's archive forgets old phantoms and nothing else."""

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from appliance.archive.blobs import Provenance
from appliance.archive.part10 import take_dataset
from appliance.clock import after, now, stamp
from appliance.courier.phantoms import PhantomWorker
from appliance.courier.rehearsals import AGAIN, AHEAD, Rehearsals, Step
from appliance.dicom.rehearsal import PHANTOM_ID, PHANTOM_NAME
from appliance.errors import BadInput
from appliance.phantom.dataset import phantom_study
from appliance.phantom.patient import PERSON
from appliance.wiring import Box

GOOD, BAD = Step("One", good=True, words="ok"), Step("One", good=False, words="no")


def _opens_in(rehearsals: Rehearsals, wait: timedelta) -> None:
    rehearsals.set_opening_time((now() + wait).astimezone().strftime("%H:%M"))


def _was_there_yesterday(box: Box) -> None:
    box.database.set_setting("rehearsal_since", stamp(now() - timedelta(days=1)))


def _rehearsed(box: Box, step: Step, ago: timedelta) -> None:
    number = box.rehearsals.begin("morning")
    box.rehearsals.note(number, [step], ended=True)
    with box.database.write() as db:
        db.conn.execute("UPDATE rehearsal SET began_at = ? WHERE id = ?", [stamp(now() - ago), number])


def test_an_hour_before_opening_once(box: Box) -> None:
    """Not earlier, and not again when it went well; the next morning again."""
    _was_there_yesterday(box)
    _rehearsed(box, GOOD, timedelta(hours=20))
    _opens_in(box.rehearsals, AHEAD + timedelta(minutes=5))
    assert box.rehearsals.wanted_by() is None
    _opens_in(box.rehearsals, AHEAD - timedelta(minutes=5))
    assert box.rehearsals.wanted_by() == "morning"
    _rehearsed(box, GOOD, timedelta(minutes=3))
    assert box.rehearsals.wanted_by() is None


def test_what_failed_is_rehearsed_again_until_the_clinic_opens(box: Box) -> None:
    """After a while, so that a line that came back is told in time."""
    _was_there_yesterday(box)
    _opens_in(box.rehearsals, timedelta(minutes=20))
    _rehearsed(box, BAD, AGAIN - timedelta(minutes=5))
    assert box.rehearsals.wanted_by() is None
    _rehearsed(box, BAD, AGAIN + timedelta(minutes=1))
    assert box.rehearsals.wanted_by() == "morning"
    _opens_in(box.rehearsals, -timedelta(minutes=2))
    assert box.rehearsals.wanted_by() is None


def test_a_new_box_makes_no_morning_up_and_an_old_one_does(box: Box) -> None:
    """A box that was switched on at noon rehearses then, if it was set up before."""
    _opens_in(box.rehearsals, -timedelta(hours=2))
    assert box.rehearsals.wanted_by() is None
    _was_there_yesterday(box)
    assert box.rehearsals.wanted_by() == "morning"


def test_the_clinics_zone_counts_at_once(box: Box) -> None:
    """Also where it was chosen after the courier began."""
    _was_there_yesterday(box)
    _rehearsed(box, GOOD, timedelta(hours=20))
    box.database.set_setting("time_zone", "Pacific/Kiritimati")  # fourteen hours ahead
    there = now().astimezone(ZoneInfo("Pacific/Kiritimati"))
    box.rehearsals.set_opening_time((there + AHEAD / 2).strftime("%H:%M"))
    assert box.rehearsals.wanted_by() == "morning"
    box.rehearsals.set_opening_time((there + 2 * AHEAD).strftime("%H:%M"))
    assert box.rehearsals.wanted_by() is None


def test_a_wish_is_followed_once_and_a_broken_rehearsal_said_so(box: Box) -> None:
    """Whoever asked is named; what a stop broke off does not look like one at work."""
    box.rehearsals.ask("Ann Smith")
    assert box.rehearsals.wanted_by() == "Ann Smith"
    box.rehearsals.begin("Ann Smith")
    assert box.rehearsals.wanted_by() is None
    box.rehearsals.begin("morning")
    broken = box.rehearsals.all()[1]
    assert broken.ended_at
    assert broken.trouble is not None


def test_the_opening_time_is_a_time(box: Box) -> None:
    """Nothing else is taken."""
    for text in ("", "8", "25:00", "08:00; x"):
        with pytest.raises(BadInput):
            box.rehearsals.set_opening_time(text)
    box.rehearsals.set_opening_time("7:30")
    assert box.rehearsals.opening_time == "07:30"


def test_old_phantoms_leave_the_archive_and_patients_stay(box: Box) -> None:
    """What only carries the phantom's number is kept: the data set must say that the subject is no patient."""
    person = replace(PERSON, name=PHANTOM_NAME, id=PHANTOM_ID)
    ((phantom,), (patient,)) = (phantom_study("cervical-spine", scale=0.05, patient=person) for _ in range(2))
    phantom.QualityControlSubject = "YES"
    for ds in (phantom, patient):
        take_dataset(box.intake, ds, Provenance("dicomweb", "clinic", "", stamp()))
    worker = PhantomWorker(box.database, box.blobs, box.shelf)
    worker.run_once()
    assert len(list((box.settings.data / "instances").rglob("*.dcm"))) == 2, "not on the first day"
    with box.database.write() as db:
        sql = "UPDATE instance SET received_at = ?, preview_state = 'ready'"
        db.conn.execute(sql, [after(-2 * 86_400)])
    worker.run_once()
    (kept,) = box.database.read.conn.execute("SELECT sop_instance_uid FROM instance").fetchall()
    assert kept == (str(patient.SOPInstanceUID),)
    assert len(list((box.settings.data / "instances").rglob("*.dcm"))) == 1
