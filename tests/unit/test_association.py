"""Whoever sends on an association has it to himself until the answer is there."""

import threading
from collections.abc import Callable

from pynetdicom import evt
from pynetdicom.events import Event

from appliance.association import Checkpoint, RequestorAE
from tests.box import HOST, Box
from tests.waiting import wait_for

LONG_S = 30


class Turns(threading.Thread):
    """What pynetdicom's association thread does: it passes the checkpoint, then takes what is in the queue."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.checkpoint = Checkpoint(self)  # type: ignore[arg-type]  # of an association only its thread is needed
        self.passed, self.may_take = threading.Semaphore(0), threading.Semaphore(0)
        self.ended = False

    def run(self) -> None:
        """Turn after turn."""
        while not self.ended:
            self.checkpoint.wait()
            self.passed.release()
            self.may_take.acquire(timeout=LONG_S)


def _clear(checkpoint: Checkpoint) -> threading.Event:
    done = threading.Event()
    threading.Thread(target=lambda: (checkpoint.clear(), done.set()), daemon=True).start()
    return done


def test_a_thread_that_was_just_let_through_does_not_count_as_resting() -> None:
    """The sender waits for it to come round, and then it stays where it is."""
    thread = Turns()
    thread.start()
    assert thread.passed.acquire(timeout=LONG_S)
    alone = _clear(thread.checkpoint)
    assert not alone.wait(0.3)
    thread.may_take.release()
    assert alone.wait(LONG_S)
    assert not thread.passed.acquire(timeout=0.3)
    thread.checkpoint.set()
    assert thread.passed.acquire(timeout=LONG_S)


def test_a_thread_that_ends_at_work_keeps_nobody_waiting() -> None:
    """The sender then finds the association gone."""
    thread = Turns()
    thread.start()
    assert thread.passed.acquire(timeout=LONG_S)
    alone = _clear(thread.checkpoint)
    thread.ended = True
    thread.may_take.release()
    thread.join(LONG_S)
    assert alone.wait(LONG_S)


def test_requests_get_their_own_answers_beside_a_busy_thread(make_box: Callable[..., Box]) -> None:
    """A hundred of them, while the association's thread gets the processor only now and then."""
    box = make_box().start()
    ae = RequestorAE(ae_title="DX1")
    ae.dimse_timeout = LONG_S
    ae.add_requested_context("1.2.840.10008.1.1")
    association = ae.associate(HOST, box.dicom_port)
    stop = threading.Event()
    busy = [threading.Thread(target=_busy, args=[stop], daemon=True) for _ in range(3)]
    for thread in busy:
        thread.start()
    try:
        answers = [association.send_c_echo() for _ in range(100)]
    finally:
        stop.set()
        association.release()
    assert [answer.Status for answer in answers] == [0] * 100


def _busy(stop: threading.Event) -> None:
    while not stop.is_set():
        sum(range(1000))


def test_a_refusal_that_comes_before_anybody_looks_is_a_refusal(make_box: Callable[..., Box]) -> None:
    """The connection is closed again when pynetdicom asks whether it ever opened."""
    box = make_box().set_up().start()
    box.accept("ENEMY")
    box.bucky("modality", "block", "ENEMY")
    ae = RequestorAE(ae_title="ENEMY")
    ae.add_requested_context("1.2.840.10008.1.1")

    def until_it_closed(event: Event) -> None:
        dul = event.assoc.dul
        wait_for(lambda: dul.to_user_queue.qsize() and dul.state_machine.current_state == "Sta1", LONG_S, "a refusal")

    association = ae.associate(HOST, box.dicom_port, evt_handlers=[(evt.EVT_REQUESTED, until_it_closed)])
    assert (association.is_rejected, association.is_aborted) == (True, False)
    assert association.acceptor.primitive is not None
    assert association.acceptor.primitive.result_source == 1
