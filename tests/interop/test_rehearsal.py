"""The morning rehearsal on real processes: the way there and back, and that nobody takes the phantom for a patient."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import requests

from appliance.archive.search import Search
from appliance.clock import now, stamp
from appliance.courier.rehearsals import AHEAD, OPENING_TIME, NobodyRehearses, Rehearsal
from appliance.dicom.rehearsal import PHANTOM_ID, REHEARSAL_AE
from appliance.phantom.unit import send
from appliance.settings import load
from appliance.wiring import Box as Services
from appliance.wiring.agent import build_surroundings
from tests.box import HOST, Box
from tests.orthanc import Orthanc
from tests.peers import Mode, Peer
from tests.pictures import small_study
from tests.waiting import wait_for


def _services(box: Box) -> Services:
    return Services(load(box.data, command_line={}, environ={}))


def test_a_phantom_goes_to_orthanc_and_back_and_leaves_no_trace(make_box: Callable[..., Box], orthanc: Orthanc) -> None:
    """Every stretch is told; afterwards there is no study, no device, no file and nothing in the queue."""
    box = make_box().set_up()
    box.deliver_to("Far", orthanc.dicomweb)
    box.start()
    told = box.facts("rehearse")
    assert told["good"], told
    assert [step["name"] for step in told["steps"]] == ["X-ray unit to box", "On the page", "To Far and back"]
    assert told["steps"][2]["words"].endswith("came back bit for bit.")
    assert {str(ds.PatientID) for ds in orthanc.instances()} == {PHANTOM_ID}
    services = _services(box)
    assert services.catalogue.recent() == []
    assert services.senders.all() == []
    assert Search(services.database).find("study", {}, limit=9, offset=0) == []
    assert services.database.read.conn.execute("SELECT count(*) FROM instance").fetchone() == (0,)
    assert services.queue.waiting_count(services.destinations.by_name("Far").id) == 0
    assert not list((box.data / "instances").rglob("*.dcm"))
    assert services.database.read.conn.execute("PRAGMA foreign_key_check").fetchall() == []
    build_surroundings(services).rehearse()  # what the vendor's typed command calls
    last = services.rehearsals.latest()
    assert last is not None
    assert (last.asked_by, last.is_good) == ("support", True)
    assert len({str(ds.StudyInstanceUID) for ds in orthanc.instances()}) == 1, "one study for all mornings"


def test_at_our_reader_the_phantom_is_in_no_list(make_box: Callable[..., Box]) -> None:
    """The reading list stays empty, and the reader's archive still answers the box's own query for it."""
    box, reader = make_box().set_up(), make_box("reader", "reader").set_up("rita").start()
    token = reader.bucky("token", "create", "clinic", "--role", "technician")
    box.deliver_to("Far", reader.dicomweb, token=token)
    box.start()
    assert box.facts("rehearse")["good"]
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/dicom+json"}
    (found,) = requests.get(f"{reader.dicomweb}/studies", headers=headers, timeout=20).json()
    assert found["00100020"]["Value"] == [PHANTOM_ID]
    clinic = next(path for path in (reader.data / "clinics").iterdir() if (path / "bucky.sqlite").exists())
    desk = Services(load(clinic, command_line={}, environ={}))
    assert desk.catalogue.recent() == []
    assert desk.cases.open() == []


def test_a_dead_reader_is_told_before_the_first_patient(
    make_box: Callable[..., Box], make_peer: Callable[[Mode], Peer]
) -> None:
    """Nobody asks: an hour before opening the box finds it by itself, and the status page says what to do."""
    box, peer = make_box().set_up(), make_peer("refusing")
    box.deliver_to("Far", peer.url)
    services = _services(box)
    services.database.set_setting(OPENING_TIME, (now() + AHEAD / 2).astimezone().strftime("%H:%M"))
    services.database.set_setting("rehearsal_since", stamp(now() - timedelta(days=1)))
    box.start()

    def ended() -> Rehearsal | None:
        last = services.rehearsals.latest()
        return last if last and last.ended_at else None

    done = wait_for(ended, 90, "the morning's rehearsal")
    assert done.asked_by == "morning"
    assert done.trouble is not None
    assert done.trouble.name == "To Far and back"
    (finding,) = [f for f in box.facts("status", expect=1)["findings"] if f["key"] == "rehearsal"]
    assert finding["state"] == "bad"
    assert done.trouble.words in finding["words"]
    assert done.trouble.advice in finding["advice"]


def test_the_title_of_the_rehearsal_opens_nothing_to_others(make_box: Callable[..., Box]) -> None:
    """A device that calls itself so is a new device like any other, until the box itself has sent from there."""
    box = make_box().set_up().start()
    assert send(small_study()[:1], HOST, box.dicom_port, calling_ae=REHEARSAL_AE) == [0]
    services = _services(box)
    assert [(s.name, s.state, s.waiting_instances) for s in services.senders.all()] == [(REHEARSAL_AE, "unknown", 1)]
    assert services.catalogue.recent() == []


def test_without_a_running_box_nobody_rehearses(make_box: Callable[..., Box], monkeypatch: pytest.MonkeyPatch) -> None:
    """The command says so instead of waiting for ever."""
    box = make_box().set_up()
    monkeypatch.setattr("appliance.courier.rehearsals._BEGINS_WITHIN_S", 0.5)
    with pytest.raises(NobodyRehearses):
        _services(box).rehearsals.run(by="test")
