"""An association is used by one thread at a time: pynetdicom's own, or the one that sends and awaits the answer.

pynetdicom clears an Event and then asks a flag whether its thread rests. Its thread sets that flag before it waits and
clears it after, so a thread that was let through an instant ago, and has not run yet, still counts as resting. It then
takes the answer out of the queue, and the sender waits for it until its time is over (one C-STORE in some hundreds on a
busy processor). The thread that serves an N-EVENT-REPORT changes the flag too, and who asks then may wait for ever.

Here the Event itself says when the thread rests, and the flag says nothing any more.
"""

import threading
from collections.abc import Callable
from typing import Any, cast

from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.pdu_primitives import A_ASSOCIATE

_LOOK_S = 0.05


class Checkpoint(threading.Event):
    """pynetdicom's `_reactor_checkpoint`, whose `clear` returns when the association's thread really rests."""

    def __init__(self, association: Association) -> None:
        super().__init__()
        self._association = association
        self._at_work = threading.Lock()
        """Held by the association's thread from one rest to the next."""
        self._is_at_work = False
        super().set()

    def wait(self, timeout: float | None = None) -> bool:
        """Rest while another thread uses the association; the association's thread alone comes here, once a turn."""
        if self._is_at_work:
            self._is_at_work = False
            self._at_work.release()
        while True:
            self.rest()
            self._at_work.acquire()
            if self.is_set():
                self._is_at_work = True
                return True
            self._at_work.release()

    def rest(self) -> None:
        """Return when the association's thread may go on."""
        super().wait()

    def clear(self) -> None:
        """Have the association to oneself, also within a handler that the association's thread runs."""
        super().clear()
        if threading.current_thread() is self._association:
            return
        while not self._at_work.acquire(timeout=_LOOK_S):
            if not self._association.is_alive():  # it ended at work
                return
        super().clear()  # a handler may have used the association meanwhile
        self._at_work.release()


class ExactAssociation(Association):
    """An association whose checkpoint alone says whether its thread rests."""

    _is_paused = property(lambda self: True, lambda self, value: None)  # asked after `clear`


class RequestorAE(AE):
    """pynetdicom's application entity, whose associations as requestor lose no answer."""

    def associate(  # type: ignore[override]  # all further options are handed on
        self, addr: str, port: int, *, evt_handlers: list[tuple[Any, Callable[..., Any]]] | None = None, **options: Any
    ) -> Association:
        """As pynetdicom's, and a quick refusal is one."""
        handlers = [*(evt_handlers or []), (evt.EVT_CONN_OPEN, _give_checkpoint)]
        association = super().associate(addr, port, evt_handlers=cast(Any, handlers), **options)
        if not (association.is_established or association.is_rejected):
            _hear_refusal(association)
        return association


def _hear_refusal(association: Association) -> None:
    """What was refused and closed before pynetdicom looked at the connection, it takes for one that never opened."""
    answer = association.dul.receive_pdu()
    if isinstance(answer, A_ASSOCIATE) and answer.result:
        association.acceptor.primitive = answer
        association.is_rejected, association.is_aborted = True, False


def _give_checkpoint(event: Event) -> None:
    """The connection is open, and the association's thread does not run yet; its class is pynetdicom's choice."""
    event.assoc.__class__ = ExactAssociation
    event.assoc._reactor_checkpoint = Checkpoint(event.assoc)
