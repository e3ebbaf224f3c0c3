"""Queue and results over real services, with a scripted DICOMweb peer."""

from collections.abc import Iterator

import pytest
from pydicom import dcmread

from appliance.archive.blobs import BlobStore, Provenance
from appliance.archive.intake import Intake
from appliance.archive.part10 import take_dataset
from appliance.clock import now, stamp
from appliance.courier.previews import PreviewWorker
from appliance.courier.queue import PRIORITIES
from appliance.courier.results import ResultsWorker
from appliance.courier.uplink import CHECKS_BEFORE_RESENDING, Uplink
from appliance.reading.notices import News
from appliance.reading.report import Report
from appliance.reading.report_sr import report_sr
from appliance.wiring import Box
from appliance.wiring.courier import build_results_worker
from tests.peers import Peer
from tests.pictures import small_study

LOCAL = Provenance("local", "test", "", stamp())


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A healthy service."""
    with Peer() as opened:
        yield opened


def _queued(box: Box, peer: Peer, *, auto: bool = True):
    destination = box.destinations.add("Reader", peer.url, auto=auto)
    for ds in small_study():
        take_dataset(box.intake, ds, LOCAL)
    box.queue.route_new()
    return destination


def test_only_the_far_sides_own_query_makes_a_delivery_green(box: Box, peer: Peer) -> None:
    """Taken is 'answered'; listed is 'verified'; complete is every instance."""
    destination = _queued(box, peer)
    uplink, client = Uplink(box.queue, box.copies, box.destinations), box.client_for(destination)
    seen = []
    while delivery := box.queue.next_due(destination.id):
        assert uplink.step(delivery, client) is None
        (progress,) = box.queue.progress(1)
        seen.append((progress.answered, progress.verified, progress.complete))
    assert seen[0] == (1, 0, False)
    assert seen[-1] == (0, 3, True)
    assert [done for _, _, done in seen].count(True) == 1


def test_a_service_that_lies_is_asked_again_then_sent_again_and_never_green(box: Box, peer: Peer) -> None:
    """After some looks the answer is no longer believed."""
    peer.mode = "lying"
    destination = _queued(box, peer)
    uplink, client = Uplink(box.queue, box.copies, box.destinations), box.client_for(destination)
    first = box.queue.next_due(destination.id)
    assert first is not None
    troubles = []
    for _ in range(CHECKS_BEFORE_RESENDING + 3):
        with box.database.write() as db:
            db.conn.execute("UPDATE delivery SET next_attempt_at = '' WHERE id = ?", [first.id])
            db.conn.execute("UPDATE delivery SET next_attempt_at = '9' WHERE id <> ?", [first.id])
        delivery = box.queue.next_due(destination.id)
        assert delivery is not None
        trouble = uplink.step(delivery, client)
        troubles.append(trouble.code if trouble else None)
    assert "not-confirmed" in troubles
    assert peer.stores == 2
    assert box.queue.progress(1)[0].verified == 0


def test_stat_goes_before_routine_even_in_the_middle_of_a_study(box: Box, peer: Peer) -> None:
    """The next instance due is the most urgent one."""
    destination = _queued(box, peer)
    for ds in small_study():
        take_dataset(box.intake, ds, LOCAL)
    uplink, client = Uplink(box.queue, box.copies, box.destinations), box.client_for(destination)
    first = box.queue.next_due(destination.id)
    assert first is not None
    uplink.step(first, client)
    box.queue.route_new()
    box.queue.request(2, destination.id, PRIORITIES["STAT"], "ann", "1.2.3")
    urgent = box.queue.next_due(destination.id)
    assert urgent is not None
    assert urgent.study_instance_uid == box.catalogue.study(2).study_instance_uid


def test_results_are_never_sent_back_as_if_they_were_pictures(box: Box, peer: Peer) -> None:
    """What came from a destination goes to no destination."""
    _queued(box, peer)
    (ds,) = small_study("cervical-spine")
    ds.StudyInstanceUID = box.catalogue.study(1).study_instance_uid
    take_dataset(box.intake, ds, Provenance("result", "Reader", "", stamp()))
    box.queue.route_new()
    assert box.queue.progress(1)[0].total == 3


def test_a_later_picture_of_a_sent_study_makes_it_incomplete_again(box: Box, peer: Peer) -> None:
    """Never a stale green."""
    destination = _queued(box, peer)
    uplink, client = Uplink(box.queue, box.copies, box.destinations), box.client_for(destination)
    while delivery := box.queue.next_due(destination.id):
        uplink.step(delivery, client)
    assert box.queue.progress(1)[0].complete
    (late,) = small_study("cervical-spine")
    late.StudyInstanceUID = box.catalogue.study(1).study_instance_uid
    take_dataset(box.intake, late, LOCAL)
    assert not box.queue.progress(1)[0].complete


def test_a_full_disk_here_is_no_trouble_of_the_destination_and_ends_nothing(box: Box, peer: Peer) -> None:
    """The result stays at the reader and is fetched when there is room."""
    destination = _queued(box, peer)
    client = box.client_for(destination)
    (report,) = small_study("cervical-spine")
    report.StudyInstanceUID = box.catalogue.study(1).study_instance_uid
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.22"
    (box.settings.data / "report").mkdir()
    path = box.settings.data / "report" / "r.dcm"
    report.save_as(path, enforce_file_format=True)
    client.store(path, str(report.SOPInstanceUID))

    def worker(intake: Intake) -> ResultsWorker:
        return build_results_worker(box, destination.id, intake=intake, client_for=lambda _: client)

    full = Intake(box.database, BlobStore(box.settings.data, reserve_bytes=2**60))
    assert worker(full).run_once() == 0.0
    assert box.destinations.get(destination.id).trouble is None
    box.queue.retry_study(1)
    assert worker(box.intake).run_once() == 0.0
    assert [i.sop_instance_uid for i in box.catalogue.instances(1) if i.sender_kind == "result"] == [
        str(report.SOPInstanceUID)
    ]


def test_a_report_is_news_although_no_case_is_open(box: Box, peer: Peer) -> None:
    """An addendum comes days after its case was closed; nobody has the study's page open."""
    destination = _queued(box, peer)
    pictures = [dcmread(instance.path) for instance in box.catalogue.instances(1)]
    report = report_sr(Report("Findings.", "", "", "Dr Far", "Far", now(), critical=True), pictures)
    path = box.settings.data / "report.dcm"
    report.save_as(path, enforce_file_format=True)
    client = box.client_for(destination)
    client.store(path, str(report.SOPInstanceUID))
    assert build_results_worker(box, destination.id, client_for=lambda _: client).run_once() == 0.0
    assert box.mail_notices.news() == News(reports=1, questions=0, critical=1)


def test_a_picture_that_ends_the_process_is_given_up_after_two_attempts(box: Box) -> None:
    """Attempts are counted before they are made, so that a decoder's crash cannot repeat for ever."""
    (ds,) = small_study("cervical-spine")
    receipt = take_dataset(box.intake, ds, Provenance("import", "x", "", stamp()))
    for before in (0, 1):  # the process that began these is gone
        assert box.catalogue.begin_preview(receipt.instance_id) == before
    PreviewWorker(box.catalogue, box.shelf, box.repaired).run_once()
    found = box.catalogue.instance(receipt.instance_id)
    assert found.preview_state == "none"
    assert "cannot be shown" in (found.preview_message or "")
