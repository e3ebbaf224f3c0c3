"""C-MOVE and C-GET of the Query/Retrieve service class, Study Root and Patient Root (PS3.4 C.4.2, C.4.3)."""

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import cast

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_MOVE
from pynetdicom.events import Event
from pynetdicom.presentation import PresentationContext, build_context

from appliance.archive.search import Search, Stored
from appliance.archive.senders import Sender, Senders
from appliance.association import RequestorAE
from appliance.dicom.transfer_syntaxes import SENDABLE
from appliance.dimse.identifier import PATIENT_ROOT, STUDY_ROOT, BadIdentifier, read_identifier
from appliance.dimse.listener import FindHandler, without_delay
from appliance.dimse.policy import Policy, provenance_of
from appliance.dimse.sending import Sending
from appliance.dimse.status import (
    CANCEL,
    DESTINATION_UNKNOWN,
    IDENTIFIER_DOES_NOT_MATCH,
    NOT_AUTHORIZED,
    SUCCESS,
    TOO_MANY_MATCHES,
    UNABLE_TO_PERFORM,
    UNABLE_TO_PROCESS,
)
from appliance.dimse.suboperations import Outcome, SubOperations, outcome_of
from appliance.errors import BuckyError
from appliance.logs import Log

CONNECTION_TIMEOUT_S, ACSE_TIMEOUT_S, ANSWER_TIMEOUT_S = 10, 30, 60
MAX_SUBOPERATIONS = 65_535  # the counts are 16 bits wide
MAX_CONTEXTS = 128  # PS3.8 9.3.2.2: odd numbers from 1 to 255
MOVE_MODELS = {
    "1.2.840.10008.5.1.4.1.2.1.2": PATIENT_ROOT,
    "1.2.840.10008.5.1.4.1.2.2.2": STUDY_ROOT,
}
GET_MODELS = {
    "1.2.840.10008.5.1.4.1.2.1.3": PATIENT_ROOT,
    "1.2.840.10008.5.1.4.1.2.2.3": STUDY_ROOT,
}
_MODELS = MOVE_MODELS | GET_MODELS


class Refused(Exception):
    """A request that ends before its first sub-operation, with a status."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"0x{status:04X}")


class Retrieve:
    """Sends what accepted peers ask for, to themselves or to another accepted peer."""

    def __init__(
        self, *, ae_title: str, policy: Policy, senders: Senders, search: Search, sending: Sending, log: Log
    ) -> None:
        self._ae_title = ae_title
        self._policy = policy
        self._senders = senders
        self._search = search
        self._sending = sending
        self._log = log

    @property
    def abstract_syntaxes(self) -> frozenset[str]:
        """Both operations of the two information models."""
        return frozenset(_MODELS)

    def handlers(self) -> list[evt.EventHandlerType]:
        """C-MOVE and C-GET."""
        return [(evt.EVT_C_MOVE, self.move), (evt.EVT_C_GET, self.get)]

    def find_handlers(self) -> Mapping[str, FindHandler]:
        """None."""
        return {}

    def move(self, event: Event) -> Iterator[tuple[None, None]]:
        """C-MOVE; it has answered for itself when it returns what makes pynetdicom end (see StreamingDimse.finish)."""
        self._serve("move", event, self._move)
        return iter([(None, None)])

    def get(self, event: Event) -> Iterator[int]:
        """C-GET; it has answered for itself when it returns what makes pynetdicom end."""
        self._serve("get", event, self._get)
        return iter([0])

    def _serve(self, name: str, event: Event, run: Callable[[Event, SubOperations], int]) -> None:
        began = time.monotonic()
        counts = SubOperations(event)
        try:
            status = run(event, counts)
        except Refused as refused:
            status = refused.status
        except Exception as error:  # an edge: every failure becomes a status, and the association goes on
            status = UNABLE_TO_PROCESS
            self._log.event(f"{name}-failed", code=type(error).__name__, peer=provenance_of(event.assoc).name)
        self._log.event(
            name,
            peer=provenance_of(event.assoc).name,
            status=f"0x{status:04X}",
            count=counts.completed + counts.warnings,
            duration_ms=round((time.monotonic() - began) * 1000),
        )
        counts.answer_finally(status)
        self._record(name, event, counts.completed + counts.warnings, status)

    def _record(self, name: str, event: Event, count: int, status: int) -> None:
        """Who got what, for the audit trail: each study that was named, or the operation alone."""
        try:
            uids = event.identifier.get("StudyInstanceUID") or ""
        except Exception:  # an edge: an identifier that cannot be read
            uids = ""
        to = str(getattr(event.request, "MoveDestination", None) or "").strip()
        subject = f"{count} object{'' if count == 1 else 's'} by C-{name.upper()}{f' to {to}' if to else ''}"
        for uid in [str(uids)] if isinstance(uids, str) else list(map(str, uids)):
            self._policy.record(
                "retrieved",
                provenance_of(event.assoc),
                failed=status not in (SUCCESS, CANCEL),
                study_instance_uid=uid,
                subject=subject,
                reason=f"0x{status:04X}",
            )

    def _move(self, event: Event, counts: SubOperations) -> int:
        matches = self._matches(event, counts)
        title = str(cast(C_MOVE, event.request).MoveDestination or "").strip()
        destination = self._senders.reachable(title, near=provenance_of(event.assoc).address)
        if destination is None:
            raise Refused(DESTINATION_UNKNOWN)
        if not matches:
            return SUCCESS
        with self._associated(destination, matches) as association:
            if association is None:
                for stored in matches:
                    counts.note(stored.sop_instance_uid, "failed")
                return UNABLE_TO_PERFORM
            return self._send_all(event, counts, matches, association)

    def _get(self, event: Event, counts: SubOperations) -> int:
        matches = self._matches(event, counts)
        return self._send_all(event, counts, matches, event.assoc)

    def _matches(self, event: Event, counts: SubOperations) -> list[Stored]:
        """The instances that are asked for; raises Refused."""
        if not self._policy.is_accepted(provenance_of(event.assoc)):
            raise Refused(NOT_AUTHORIZED)
        try:
            unique = read_identifier(event, _MODELS[str(event.context.abstract_syntax)]).unique()
        except BadIdentifier:
            raise Refused(IDENTIFIER_DOES_NOT_MATCH) from None
        matches = self._search.stored(unique, limit=MAX_SUBOPERATIONS + 1)
        if len(matches) > MAX_SUBOPERATIONS:
            raise Refused(TOO_MANY_MATCHES)
        counts.remaining = len(matches)
        return matches

    def _send_all(self, event: Event, counts: SubOperations, matches: list[Stored], association: Association) -> int:
        """One sub-operation after the other, until all are done, the peer cancels, or it is gone."""
        is_move = association is not event.assoc
        for number, stored in enumerate(matches):
            if event.is_cancelled or not event.assoc.is_established or event.assoc.acse.is_aborted():
                return CANCEL
            counts.note(stored.sop_instance_uid, self._send(event, stored, association, number, is_move=is_move))
            if counts.remaining and event.assoc.is_established:
                counts.answer_pending()
        return counts.outcome

    def _send(self, event: Event, stored: Stored, association: Association, number: int, *, is_move: bool) -> Outcome:
        """One C-STORE; any failure is this instance's only."""
        peer = provenance_of(event.assoc).name
        asked = event.request.MessageID or 0
        message_id = (asked + number) % 65_535 + 1
        accepted = {
            str(context.transfer_syntax[0])
            for context in association.accepted_contexts
            if context.abstract_syntax == stored.sop_class_uid and context.as_scu
        }
        code, status = "store-refused", None
        try:
            with self._sending.prepared(stored, accepted) as path:
                answer = association.send_c_store(
                    path,
                    msg_id=message_id,
                    originator_aet=peer if is_move else None,
                    originator_id=asked if is_move else None,
                )
            status = answer.get("Status")
        except Exception as error:  # an edge: the next sub-operation goes on
            code = error.code if isinstance(error, BuckyError) else type(error).__name__
        outcome = outcome_of(status)
        if outcome != "completed":
            shown = None if status is None else f"0x{status:04X}"
            self._log.event("retrieve-failed", code=code, row=stored.id, peer=peer, status=shown)
        return outcome

    @contextmanager
    def _associated(self, destination: Sender, matches: list[Stored]) -> Iterator[Association | None]:
        """An association with the move destination, None if there is none to be had."""
        ae = RequestorAE(ae_title=self._ae_title)
        ae.connection_timeout, ae.acse_timeout = CONNECTION_TIMEOUT_S, ACSE_TIMEOUT_S
        ae.dimse_timeout = ae.network_timeout = ANSWER_TIMEOUT_S
        assert destination.listen_port is not None  # noqa: S101 - tells the type checker what `reachable` ensures
        association = ae.associate(
            destination.address,
            destination.listen_port,
            contexts=contexts_for(matches),
            ae_title=destination.name,
            evt_handlers=[(evt.EVT_CONN_OPEN, without_delay), (evt.EVT_PDU_SENT, acknowledge_at_once)],
        )
        if not association.is_established:
            self._log.event("destination-unreachable", peer=destination.name, port=destination.listen_port)
            yield None
            return
        try:
            yield association
        finally:
            association.release()


def acknowledge_at_once(event: Event) -> None:
    """Keep the kernel from holding back its acknowledgement of the answer's first bytes.

    dcmtk writes a PDU in two pieces and leaves Nagle's algorithm on: the second piece waits for the acknowledgement of
    the first, which Linux delays by 40 ms. The option is no lasting one, hence after each PDU.
    """
    connection = event.assoc.dul.socket.socket if event.assoc.dul.socket else None
    if connection is not None:
        with suppress(OSError):  # the peer may be gone already
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def contexts_for(matches: list[Stored]) -> list[PresentationContext]:
    """For each class a context to send uncompressed, and one for each stored transfer syntax, so that it is the
    instance and not the receiver's taste that decides; as many as there may be (PS3.8 9.3.2.2).
    """
    classes = dict.fromkeys(stored.sop_class_uid for stored in matches)
    pairs = dict.fromkeys((stored.sop_class_uid, stored.transfer_syntax_uid) for stored in matches)
    contexts = [build_context(sop_class, list(SENDABLE)) for sop_class in classes]
    contexts += [build_context(sop_class, syntax) for sop_class, syntax in pairs]
    return contexts[:MAX_CONTEXTS]
