"""The door of the X-ray room: who gets in, and how long each step may take.

Idle, slow and flooding connections must not keep a paired unit out (FIELD 3): slots are given by address before a
thread exists, a TLS handshake never blocks the others, and every read has a deadline, also against a peer that sends
a byte now and then.
"""

import contextlib
import itertools
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pynetdicom import AE, evt
from pynetdicom._globals import MODE_ACCEPTOR
from pynetdicom.association import Association
from pynetdicom.transport import RequestHandler, ThreadedAssociationServer

from appliance.archive.refusals import Refusals
from appliance.archive.senders import Senders
from appliance.dimse.connection import TimedSocket
from appliance.dimse.reactor import WaitingAssociation

SLOTS = 40  # for all; an association costs two threads
SLOTS_OF_ONE_KNOWN_ADDRESS = 16  # a unit opens one to four
SLOTS_OF_ALL_UNKNOWN = 8
SLOTS_OF_ONE_UNKNOWN_ADDRESS = 4
HANDSHAKE_S = 5.0
IDLE_UNKNOWN_S = 15
THE_BOX_ITSELF = "127.0.0.1"  # the page looks whether this door is open
_NUMBERS = itertools.count(1)

ContextFor = Callable[[str], ssl.SSLContext]


@dataclass
class _Seat:
    address: str
    since: float
    association: Association | None = None

    @property
    def left(self) -> bool:
        """Whether the connection has ended; one that never became an association ends with its handshake."""
        if self.association is None:
            return time.monotonic() - self.since > 2 * HANDSHAKE_S
        return self.association.ident is not None and not self.association.is_alive()

    @property
    def hung_up(self) -> bool:
        """Whether the connection is closed; its thread may wait for some seconds more."""
        connection = self.association.dul.socket if self.association else None
        return connection is not None and connection.socket is None


class Slots:
    """Counts connections by address; those of accepted senders have room that others cannot take."""

    def __init__(self, senders: Senders) -> None:
        self._senders = senders
        self._lock = threading.Lock()
        self._seats: dict[object, _Seat] = {}

    def known(self, address: str) -> bool:
        """Whether an accepted sender has this address."""
        return address in self._known

    @property
    def _known(self) -> frozenset[str]:
        return self._senders.known_addresses() | {THE_BOX_ITSELF}

    def enter(self, key: object, address: str) -> bool:
        """Take a slot if there is one for this address."""
        known = self._known
        with self._lock:
            self._seats = {
                k: seat
                for k, seat in self._seats.items()
                if not seat.left and not (seat.hung_up and seat.address in known)  # strangers' threads count to the end
            }
            taken = [seat.address for seat in self._seats.values()]
            if address in known:
                free = len(taken) < SLOTS and taken.count(address) < SLOTS_OF_ONE_KNOWN_ADDRESS
            else:
                strangers = sum(other not in known for other in taken)
                free = strangers < SLOTS_OF_ALL_UNKNOWN and taken.count(address) < SLOTS_OF_ONE_UNKNOWN_ADDRESS
            if free:
                self._seats[key] = _Seat(address, time.monotonic())
            return free

    def seat(self, key: object, association: Association) -> None:
        """The slot lasts as long as this association."""
        with self._lock:
            if key in self._seats:
                self._seats[key].association = association

    def leave(self, key: object) -> None:
        """Give the slot back before there is an association."""
        with self._lock:
            self._seats.pop(key, None)


class Visitor(RequestHandler):
    """Gives each association its limits."""

    def _create_association(self) -> Association:
        """As pynetdicom does it, with an association and a socket of our own."""
        door = self.server
        assert isinstance(door, Door)  # noqa: S101 - the only server that makes visitors
        known = door.slots.known(str(self.client_address[0]))
        association = WaitingAssociation(self.ae, MODE_ACCEPTOR)
        association._server = door
        association.name = f"AcceptorThread@{next(_NUMBERS)}"  # by this name pynetdicom finds its associations
        association.set_socket(TimedSocket(association, self.request, known=known))
        association.acceptor.maximum_length = self.ae.maximum_pdu_size
        association.acceptor.ae_title = door.ae_title
        association.acceptor.address_info = self.local
        association.acceptor.implementation_class_uid = self.ae.implementation_class_uid
        association.acceptor.implementation_version_name = self.ae.implementation_version_name
        association.requestor.address_info = self.remote
        for event, handler, *arguments in door.handlers:
            association.bind(event, handler, *arguments)
        door.slots.seat(self.client_address, association)
        if not known:
            association.network_timeout = IDLE_UNKNOWN_S
        return association


class Door(ThreadedAssociationServer):
    """The listening socket, plain or with TLS."""

    request_queue_size = 128
    daemon_threads = True

    def __init__(
        self,
        ae: AE,
        address: tuple[str, int],
        handlers: list[evt.EventHandlerType],
        *,
        slots: Slots,
        refusals: Refusals,
        context_for: ContextFor | None = None,
    ) -> None:
        self.slots = slots
        self.handlers = handlers
        self._refusals = refusals
        self._context_for = context_for
        super().__init__(
            ae, address, ae.ae_title, ae.supported_contexts, evt_handlers=handlers, request_handler=Visitor
        )

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Decide by address before a thread exists."""
        address = str(client_address[0])
        if self.slots.enter(client_address, address):
            return True
        self._refusals.note("", address, "room-full")
        return False

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In a thread of the connection: shake hands, then serve."""
        try:
            connection = self._secured(request, str(client_address[0])) if self._context_for else request
            if connection is not None:
                super().finish_request(connection, client_address)
                return
        except BaseException:
            self.slots.leave(client_address)
            raise
        self.slots.leave(client_address)

    def _secured(self, connection: socket.socket, address: str) -> ssl.SSLSocket | None:
        assert self._context_for is not None  # noqa: S101 - asked by the caller
        connection.settimeout(HANDSHAKE_S)
        secured = self._context_for(address).wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        watch = threading.Timer(HANDSHAKE_S, _cut, [secured])  # the time limit is for all of it, not for each read
        watch.daemon = True
        watch.start()
        try:
            secured.do_handshake()
        except OSError as error:  # ssl.SSLError and TimeoutError are among them
            secured.close()
            self._refusals.note("", address, "tls-failed", str(getattr(error, "reason", None) or "no answer in time"))
            return None
        finally:
            watch.cancel()
        return secured

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that failed in its thread is closed by the caller; nothing is printed."""


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
