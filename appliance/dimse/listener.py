"""The listening application entity: which proposals are accepted, and the limits of an association."""

import errno
import socket
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Protocol

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import AE, _config, evt
from pynetdicom.events import Event
from pynetdicom.pdu_primitives import SOPClassCommonExtendedNegotiation
from pynetdicom.presentation import PresentationContext, build_context

from appliance.archive.blobs import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from appliance.archive.refusals import Refusals
from appliance.dicom.transfer_syntaxes import REFUSED, SENDABLE
from appliance.dimse.connection import TimedSocket
from appliance.dimse.door import SLOTS, ContextFor, Door, Slots
from appliance.dimse.policy import Policy, SenderBlocked, provenance_of
from appliance.dimse.status import SOP_CLASS_NOT_SUPPORTED, UNABLE_TO_PROCESS
from appliance.dimse.store import StorageService, handle_echo, is_storage, is_unknown_class
from appliance.dimse.streaming import StreamingDimse
from appliance.errors import BuckyError, PortInUse
from appliance.logs import Log

MAXIMUM_PDU_BYTES = 131_072  # big enough to be quick, small enough to bound memory
NETWORK_TIMEOUT_S = 60
ACSE_TIMEOUT_S = 5
CALLING_AE_TITLE_NOT_RECOGNIZED = (1, 1, 3)  # PS3.8 9.3.4: result, source, reason
VERIFICATION = UID("1.2.840.10008.1.1")
_STORAGE_SERVICE = UID("1.2.840.10008.4.2")


FindHandler = Callable[[Event], Iterator[tuple[int, Dataset | None]]]


class NetworkService(Protocol):
    """A service class beside verification and storage."""

    @property
    def abstract_syntaxes(self) -> frozenset[str]:
        """The SOP classes that it serves."""

    def handlers(self) -> list[evt.EventHandlerType]:
        """What it does on pynetdicom's intervention events, C-FIND aside."""

    def find_handlers(self) -> Mapping[str, FindHandler]:
        """What answers C-FIND, by SOP class."""


class Listener:
    """Accepts associations from start to stop."""

    def __init__(
        self,
        *,
        ae_title: str,
        storage: StorageService,
        policy: Policy,
        slots: Slots,
        refusals: Refusals,
        log: Log,
        on_end: Callable[[Collection[str]], None] = lambda studies: None,
        services: Sequence[NetworkService] = (),
    ) -> None:
        _config.LOG_REQUEST_IDENTIFIERS = False
        _config.LOG_RESPONSE_IDENTIFIERS = False
        _config.LOG_HANDLER_LEVEL = "none"
        _config.STORE_SEND_CHUNKED_DATASET = True  # files go out byte by byte as they are, not through memory
        self._storage = storage
        self._policy = policy
        self._slots = slots
        self._on_end = on_end
        self._refusals = refusals
        self._log = log
        self._find_handlers = {uid: find for service in services for uid, find in service.find_handlers().items()}
        self._served = frozenset({str(VERIFICATION)}).union(*(service.abstract_syntaxes for service in services))
        self._ae = AE(ae_title=ae_title)
        self._ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        self._ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        self._ae.maximum_pdu_size = MAXIMUM_PDU_BYTES
        self._ae.maximum_associations = 2 * SLOTS  # the door counts
        self._ae.acse_timeout = ACSE_TIMEOUT_S
        self._ae.network_timeout = NETWORK_TIMEOUT_S
        self._ae.add_supported_context(VERIFICATION)
        self._handlers: list[evt.EventHandlerType] = [
            (evt.EVT_CONN_OPEN, self._opened),
            (evt.EVT_REQUESTED, self._requested),
            (evt.EVT_ACCEPTED, self._accepted),
            (evt.EVT_SOP_COMMON, self._name_storage_classes),
            (evt.EVT_CONN_CLOSE, self._closed),
            (evt.EVT_C_ECHO, handle_echo),
            (evt.EVT_C_FIND, self._find),
            *(handler for service in services for handler in service.handlers()),
        ]
        self._doors: list[Door] = []

    def start(self, host: str, port: int, *, context_for: ContextFor | None = None) -> int:
        """Begin to listen, with TLS if there are settings for it; returns the port. Raises PortInUse."""
        try:
            door = Door(
                self._ae,
                (host, port),
                self._handlers,
                slots=self._slots,
                refusals=self._refusals,
                context_for=context_for,
            )
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                raise PortInUse(
                    port=port, host=host, option="--dicom-tls-port" if context_for else "--dicom-port"
                ) from error
            raise
        self._ae._servers.append(door)  # its shutdown takes it out again
        self._doors.append(door)
        threading.Thread(target=door.serve_forever, name="door", daemon=True).start()
        assert door.socket is not None  # noqa: S101 - bound by its constructor
        return int(door.socket.getsockname()[1])

    def stop(self) -> None:
        """Stop listening and end the associations."""
        if self._doors:
            self._ae.shutdown()

    def _opened(self, event: Event) -> None:
        """Stream data sets to disk."""
        association = event.assoc
        association.dimse = StreamingDimse(association, self._storage)
        without_delay(event)

    def _requested(self, event: Event) -> None:
        """Support exactly what this requestor proposes, less what is refused."""
        provenance = provenance_of(event.assoc)
        try:
            self._policy.check_association(event.assoc, provenance)
        except BuckyError as error:
            self._policy.note(provenance, "blocked" if isinstance(error, SenderBlocked) else error.code)
            self._policy.record("node-refused", provenance, failed=True, reason=error.code)
            event.assoc.acse.send_reject(*CALLING_AE_TITLE_NOT_RECOGNIZED)
            event.assoc.kill()  # waits until the answer is out
            return
        event.assoc.acceptor.supported_contexts = supported(
            _proposed(event), self._served, to_send=_classes_to_send(event)
        )

    def _accepted(self, event: Event) -> None:
        """An association on which nothing can be done is the usual trace of wrong settings."""
        if not event.assoc.accepted_contexts:
            names = sorted({UID(cx.abstract_syntax).name for cx in _proposed(event) if cx.abstract_syntax})
            self._policy.note(provenance_of(event.assoc), "nothing-in-common", ", ".join(names))

    def _name_storage_classes(self, event: Event) -> dict[UID, SOPClassCommonExtendedNegotiation]:
        """Serve SOP classes that are unknown here, private ones among them, by the storage service class."""
        answer = {}
        for context in _proposed(event):
            if context.abstract_syntax is not None and is_unknown_class(context.abstract_syntax):
                item = SOPClassCommonExtendedNegotiation()
                item.sop_class_uid = context.abstract_syntax
                item.service_class_uid = _STORAGE_SERVICE
                answer[context.abstract_syntax] = item
        return answer

    def _find(self, event: Event) -> Iterator[tuple[int, Dataset | None]]:
        """C-FIND: the service of the SOP class answers; an unexpected error is a failure of this query only."""
        find = self._find_handlers.get(str(event.context.abstract_syntax))
        if find is None:
            yield SOP_CLASS_NOT_SUPPORTED, None
            return
        try:
            yield from find(event)
        except Exception as error:  # an edge: every failure becomes a status, and the association goes on
            peer = provenance_of(event.assoc).name
            self._log.event("find-failed", code=type(error).__name__, status=f"0x{UNABLE_TO_PROCESS:04X}", peer=peer)
            yield UNABLE_TO_PROCESS, None

    def _closed(self, event: Event) -> None:
        """A connection that ends in the middle of an instance leaves nothing behind."""
        dimse = event.assoc.dimse
        if isinstance(dimse, StreamingDimse) and dimse.storing is not None:
            dimse.storing.discard()
            self._policy.note(provenance_of(event.assoc), "broken-off")
        for uid, number in (studies := self._storage.studies(event.assoc)).items():
            shown = f"{number} object{'' if number == 1 else 's'} by C-STORE"
            self._policy.record("received", provenance_of(event.assoc), study_instance_uid=uid, subject=shown)
        if studies:
            self._on_end(studies)
        connection = event.assoc.dul.socket
        if event.assoc.requestor.primitive is None and isinstance(connection, TimedSocket) and connection.waited_long:
            self._policy.note(provenance_of(event.assoc), "not-dicom")


def without_delay(event: Event) -> None:
    """Do not let Nagle's algorithm hold back small messages (FIELD 8)."""
    connection = event.assoc.dul.socket.socket if event.assoc.dul.socket else None
    if connection is not None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def supported(
    proposed: Iterable[PresentationContext], served: frozenset[str], *, to_send: Collection[str] = ()
) -> list[PresentationContext]:
    """What to accept of a proposal: classes that are served, every storage class and every class unknown here.

    For a class of `to_send`, for which the requestor takes the SCP role (C-GET), uncompressed transfer syntaxes come
    first: everything stored can be sent in them.
    """
    accepted: dict[UID, list[str | UID]] = {}
    for context in proposed:
        abstract_syntax = context.abstract_syntax
        if abstract_syntax is not None and (str(abstract_syntax) in served or is_storage(abstract_syntax)):
            syntaxes: list[str | UID] = [uid for uid in context.transfer_syntax if str(uid) not in REFUSED]
            accepted.setdefault(abstract_syntax, []).extend(syntaxes)
    return [
        _context(abstract_syntax, tuple(syntaxes), send=abstract_syntax in to_send)
        for abstract_syntax, syntaxes in accepted.items()
        if syntaxes
    ]


@lru_cache(maxsize=4096)  # units propose the same hundred each time; pynetdicom reads what is supported, no more
def _context(abstract_syntax: UID, syntaxes: tuple[str | UID, ...], *, send: bool) -> PresentationContext:
    if not send:
        return build_context(abstract_syntax, list(syntaxes))
    context = build_context(abstract_syntax, sorted(syntaxes, key=lambda uid: str(uid) not in SENDABLE))
    context.scu_role = context.scp_role = True  # that is: whatever the requestor proposes
    return context


def _classes_to_send(event: Event) -> frozenset[str]:
    """Storage classes for which the requestor proposes to be the SCP (PS3.7 D.3.3.4)."""
    roles = event.assoc.requestor.role_selection
    return frozenset(str(uid) for uid, item in roles.items() if item.scp_role and is_storage(uid))


def _proposed(event: Event) -> list[PresentationContext]:
    request = event.assoc.requestor.primitive
    return list(request.presentation_context_definition_list) if request is not None else []
