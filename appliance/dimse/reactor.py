"""pynetdicom's two threads of an association, made to wait instead of to poll, and to hand on data without copies.

pynetdicom keeps negotiation, state machine, timers and all service classes. Replaced is how its threads rest and how
P-DATA-TF is read and written:

- Its threads look for work every millisecond: 7.6 % of a core with ten silent associations, and up to 2 ms for every
  message. Here the provider's thread sleeps in `poll` on the connection and on an eventfd that whoever gives it work
  writes to; the association's thread sleeps in `Turnstile` until the provider has something for it.
- It makes three objects and three copies of each PDU. Here a data set's bytes go from the connection's buffer straight
  to where they are kept (`StreamingDimse`).
- It reads nothing while there is something to send, a C-CANCEL neither. Here P-DATA is sent by the thread that has it,
  while the provider's thread goes on reading.
"""

import contextlib
import os
import select
import struct
import threading
from typing import cast

from pynetdicom.ae import ApplicationEntity
from pynetdicom.dul import DULServiceProvider
from pynetdicom.pdu import A_ABORT_RQ, P_DATA_TF
from pynetdicom.pdu_primitives import P_DATA, _PDUPrimitiveType

from appliance.association import Checkpoint, ExactAssociation
from appliance.dimse.command import IS_COMMAND, IS_LAST
from appliance.dimse.connection import LONGEST_PDU_BYTES, TimedSocket
from appliance.dimse.streaming import StreamingDimse

_P_DATA_TF = 0x04
_DATA_TRANSFER = "Sta6"
_IDLE, _CLOSING = "Sta1", "Sta13"  # PS3.8 9.2.2
_ITEM = struct.Struct(">LBB")  # length, presentation context, message control header (PS3.8 9.3.5.1, E.2)


class Turnstile(Checkpoint):
    """Where pynetdicom's association thread passes once a turn: it gets through only when there is work for it."""

    _association: "WaitingAssociation"

    def __init__(self, association: "WaitingAssociation") -> None:
        self._work = threading.Event()
        super().__init__(association)

    def knock(self) -> None:
        """There is work."""
        self._work.set()

    def set(self) -> None:
        """Let the association's thread go on."""
        super().set()
        self._work.set()

    def rest(self) -> None:
        """Return when there is work and nobody else uses the association, or when the peer was silent for too long."""
        super().rest()
        if self._work.wait(self._association.silence_left_s):
            self._work.clear()


class WaitingAssociation(ExactAssociation):
    """An association as the acceptor whose threads sleep while nothing happens."""

    dul: "WaitingProvider"

    def __init__(self, ae: ApplicationEntity, mode: str) -> None:
        super().__init__(ae, mode)
        self.dul = WaitingProvider(self)
        self.acse_timeout, self.network_timeout = ae.acse_timeout, ae.network_timeout  # into the new one's timers
        self._reactor_checkpoint = Turnstile(self)
        self._reactor_checkpoint.set()

    @property
    def silence_left_s(self) -> float | None:
        """Seconds until the peer has been silent for too long; None for never."""
        timer = self.dul._idle_timer
        return None if timer.timeout is None else max(0.0, timer.remaining) + 0.01

    def knock(self) -> None:
        """There is work for the association's thread."""
        cast(Turnstile, self._reactor_checkpoint).knock()


class WaitingProvider(DULServiceProvider):
    """A DICOM upper layer provider that waits in `poll`."""

    def __init__(self, association: WaitingAssociation) -> None:
        super().__init__(association)
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._bell_lock = threading.Lock()  # others may ring until nobody knows it any more
        self._ended = False
        self._storing = False

    def send_pdu(self, primitive: _PDUPrimitiveType) -> None:
        """P-DATA goes out at once, in the thread that calls; everything else through the state machine."""
        if isinstance(primitive, P_DATA) and self.state_machine.current_state == _DATA_TRANSFER:
            self.send_bytes(P_DATA_TF(primitive).encode())
            return
        super().send_pdu(primitive)
        self._ring()

    def send_bytes(self, pdus: bytes) -> None:
        """Send encoded P-DATA-TF PDUs at once, if data may be sent."""
        if self.state_machine.current_state == _DATA_TRANSFER and self.socket is not None:
            self.socket.send(pdus)
            if not self.event_queue.empty():  # it failed
                self._ring()

    def kill_dul(self) -> None:
        """End the thread after its present step."""
        super().kill_dul()
        self._ring()

    def stop_dul(self) -> bool:
        """End the thread if the connection has ended; whether it did."""
        self._ring()
        if self.state_machine.current_state != _IDLE:
            return False
        self.kill_dul()
        self.join()
        return True

    def idle_timer_expired(self) -> bool:
        """Whether the peer has been silent for too long; it is not while its instance is being stored."""
        return not self._storing and super().idle_timer_expired()

    def run_reactor(self) -> None:
        """Work and wait in turns until told to stop."""
        self._idle_timer.start()
        self.assoc._dul_ready.set()
        try:
            while not self._kill_thread:
                self._step()
        except Exception:  # an edge, as in pynetdicom: the state machine cannot be trusted any more
            self._break_off()
        finally:
            with self._bell_lock:
                self._ended = True
                os.close(self._bell)
            self._association.knock()

    @property
    def _association(self) -> WaitingAssociation:
        return cast(WaitingAssociation, self.assoc)

    def _step(self) -> None:
        """One event for the state machine, or one PDU, or a wait for them."""
        if self.artim_timer.expired:
            self.event_queue.put("Evt18")
        if not self.event_queue.empty() or self._process_recv_primitive():
            event = self.event_queue.get(block=False)
            if (event, self.state_machine.current_state) != ("Evt17", _IDLE):  # closed twice, by both threads
                self.state_machine.do_action(event)
            self._association.knock()
        elif self._wait() and self._is_transport_event():
            self._idle_timer.restart()

    def _wait(self) -> bool:
        """Whether the connection wants attention; False when there may be other work."""
        connection = cast(TimedSocket | None, self.socket)
        if connection is None or connection.socket is None:
            readable = None
        elif connection.has_buffered or self.state_machine.current_state == _CLOSING:
            return True
        else:
            readable = connection.socket.fileno()
        poll = select.poll()
        poll.register(self._bell, select.POLLIN)
        if readable is not None:
            poll.register(readable, select.POLLIN)
        rung = dict(poll.poll(self._artim_left_ms()))
        if self._bell in rung:
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._bell)
        return readable in rung

    def _artim_left_ms(self) -> float | None:
        timer = self.artim_timer
        running = timer.timeout is not None and timer._start_time is not None and timer._end_time is None
        return max(0.0, timer.remaining) * 1000 + 1 if running else None

    def _ring(self) -> None:
        with self._bell_lock:
            if not self._ended:
                os.eventfd_write(self._bell, 1)

    def _read_pdu_data(self) -> None:
        """Data goes straight on; every other PDU, and data out of turn, is pynetdicom's."""
        connection = cast(TimedSocket, self.socket)
        first = connection.begin_pdu()
        if first != _P_DATA_TF or self.state_machine.current_state != _DATA_TRANSFER:
            super()._read_pdu_data()
            return
        try:
            length = int.from_bytes(connection.take(6)[2:], "big")
            if length > LONGEST_PDU_BYTES:
                raise OSError("PDU too long")
            self._read_data_values(connection, length)
        except OSError:
            self.event_queue.put("Evt17")  # transport connection closed
        except ValueError:
            self.event_queue.put("Evt19")  # invalid PDU

    def _read_data_values(self, connection: TimedSocket, left: int) -> None:
        """The presentation data values of one P-DATA-TF; raises OSError, ValueError."""
        dimse = cast(StreamingDimse, self.assoc.dimse)
        while left:
            item, context_id, control = _ITEM.unpack(connection.take(_ITEM.size))
            size = item - 2
            left -= 4 + item
            if size < 0 or left < 0:
                raise ValueError
            if control & IS_COMMAND or not dimse.storing:
                dimse.receive_value(context_id, control, connection.take(size))
                if not dimse.msg_queue.empty():
                    self._association.knock()
                continue
            while size:
                part = connection.some(size)
                dimse.storing.write(part)
                size -= len(part)
            if control & IS_LAST:
                self._store(dimse)

    def _store(self, dimse: StreamingDimse) -> None:
        """Make the instance durable and answer, here: the peer waits for it, and a change of threads costs time."""
        self._storing = True
        try:
            self.send_bytes(dimse.store())
        finally:
            self._idle_timer.restart()
            self._storing = False

    def _break_off(self) -> None:
        abort = A_ABORT_RQ()
        abort.source, abort.reason_diagnostic = 0x02, 0x00
        if self.socket is not None:
            self.socket.send(abort.encode())
        self.assoc.is_aborted, self.assoc.is_established = True, False
        self.assoc._kill = self._kill_thread = True
