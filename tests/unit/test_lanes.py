"""Two lanes of one line: the next instance goes while the far side still stores the last one."""

import threading
from collections.abc import Iterator

import pytest

from appliance.courier.delivery import DeliveryWorker, Line
from appliance.courier.queue import PRIORITIES
from appliance.courier.uplink import Uplink
from appliance.wiring import Box
from tests.peers import Peer
from tests.pictures import small_study
from tests.service import keep
from tests.waiting import wait_for


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A healthy service that is slow to answer."""
    with Peer() as opened:
        opened.may_answer.clear()
        yield opened
        opened.may_answer.set()


def _lanes(box: Box, destination_id: int) -> list[DeliveryWorker]:
    line = Line()
    return [
        DeliveryWorker(
            destination_id,
            destinations=box.destinations,
            queue=box.queue,
            requests=box.requests,
            uplink=Uplink(box.queue, box.copies, box.destinations),
            copies=box.copies,
            client_for=box.client_for,
            line=line,
            is_second=is_second,
        )
        for is_second in (False, True)
    ]


def test_the_line_is_not_idle_while_the_far_side_stores(box: Box, peer: Peer) -> None:
    """Both lanes have sent an instance, not the same one, before the first is answered; the third waits."""
    destination = box.destinations.add("Far", peer.url, auto=True)
    keep(box, *small_study())
    box.queue.route_new()
    threads = [threading.Thread(target=lane.run_once) for lane in _lanes(box, destination.id)]
    for thread in threads:
        thread.start()
    wait_for(lambda: peer.stores == 2, 10, "both to be on the line")
    (progress,) = box.queue.progress(1)
    assert (progress.sending, progress.answered) == (2, 0)
    peer.may_answer.set()
    for thread in threads:
        thread.join(10)
    (progress,) = box.queue.progress(1)
    assert (progress.sending, progress.answered) == (0, 2)
    assert len(peer.stored) == 2


def test_what_waits_for_its_answer_overtakes_nobody(box: Box, peer: Peer) -> None:
    """A STAT picture whose bytes are out does not stop the routine picture behind it."""
    destination = box.destinations.add("Far", peer.url)
    stat, routine = small_study("cervical-spine"), small_study("cervical-spine")
    keep(box, *stat, *routine)
    box.queue.request(1, destination.id, PRIORITIES["STAT"], "ann", "1.2.3")
    box.queue.request(2, destination.id, PRIORITIES["routine"], "ann", "1.2.4")
    first, second = _lanes(box, destination.id)
    ahead = threading.Thread(target=first.run_once)
    ahead.start()
    wait_for(lambda: peer.stores == 1, 10, "the STAT picture to be out")
    behind = box.queue.next_due(destination.id)
    assert behind is not None
    assert behind.study_instance_uid == routine[0].StudyInstanceUID
    assert not box.queue.overtaken(behind)
    peer.may_answer.set()
    second.run_once()
    ahead.join(10)
    assert len(peer.stored) == 2


def test_a_dimse_destination_has_one_lane(box: Box) -> None:
    """Many take one association at a time: the second lane ends."""
    destination = box.destinations.add("Far", "FAR@127.0.0.1:9", protocol="dimse")
    first, second = _lanes(box, destination.id)
    assert second.run_once() is None
    assert first.run_once() is not None


def test_trouble_of_one_lane_rests_the_line(box: Box, peer: Peer) -> None:
    """The other lane does not try on its own."""
    peer.may_answer.set()
    peer.mode = "refusing"
    destination = box.destinations.add("Far", peer.url, auto=True)
    keep(box, *small_study())
    box.queue.route_new()
    first, second = _lanes(box, destination.id)
    assert (first.run_once() or 0) > 0
    assert (second.run_once() or 0) > 0
    assert peer.stores == 1
