"""Storage commitment push model service class (PS3.4 annex J) as SCP."""

import threading
import time
from collections.abc import Mapping
from typing import cast

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_role, evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import N_ACTION
from pynetdicom.events import Event
from pynetdicom.sop_class import StorageCommitmentPushModel  # type: ignore[attr-defined]  # pynetdicom makes the name when it is imported

from appliance.archive.senders import Senders
from appliance.association import RequestorAE
from appliance.dimse.listener import FindHandler
from appliance.dimse.policy import Policy, provenance_of
from appliance.dimse.status import INVALID_ARGUMENT, NO_SUCH_ACTION, NOT_AUTHORIZED, PROCESSING_FAILURE, SUCCESS
from appliance.errors import BuckyError
from appliance.exams.commitment import Commitment, Commitments
from appliance.logs import Log

WELL_KNOWN_INSTANCE = "1.2.840.10008.1.20.1.1"  # PS3.4 J.3.5
_ALL_SAFE, _SOME_FAILED = 1, 2  # event types, PS3.4 J.3.3
_CHECK_EVERY_S = 5.0
_ANSWER_S = 15
_AFTER_ANSWER_S = 0.2  # the answer to N-ACTION goes out first


class CommitmentService:
    """Takes requests at once, checks the disk in a thread of its own, and tells the unit until it has heard."""

    abstract_syntaxes = frozenset({str(StorageCommitmentPushModel)})

    def __init__(self, *, ae_title: str, commitments: Commitments, senders: Senders, policy: Policy, log: Log) -> None:
        self._ae_title = ae_title
        self._commitments = commitments
        self._senders = senders
        self._policy = policy
        self._log = log
        self._wake = threading.Event()
        self._open: dict[tuple[str, str], Association] = {}
        threading.Thread(target=self._run, name="commitment", daemon=True).start()

    def handlers(self) -> list[evt.EventHandlerType]:
        """N-ACTION, and which units are connected right now."""
        return [
            (evt.EVT_N_ACTION, self.action),
            (evt.EVT_ESTABLISHED, self._established),
            (evt.EVT_CONN_CLOSE, self._closed),
        ]

    def find_handlers(self) -> Mapping[str, FindHandler]:
        """No C-FIND."""
        return {}

    def action(self, event: Event) -> tuple[int, Dataset | None]:
        """A unit asks whether its pictures are safe."""
        peer = provenance_of(event.assoc)
        try:
            self._policy.check_accepted(event.assoc)
            if cast(N_ACTION, event.request).ActionTypeID != 1:
                return NO_SUCH_ACTION, None
            request = event.action_information
            asked = [
                (str(item.ReferencedSOPClassUID), str(item.ReferencedSOPInstanceUID))
                for item in request.ReferencedSOPSequence
            ]
            self._commitments.ask(str(request.TransactionUID), peer.name, peer.address, asked)
        except BuckyError as error:
            self._log.event("commitment-refused", code=error.code, peer=peer.name)
            return NOT_AUTHORIZED, None
        except AttributeError:  # no transaction UID or no references
            return INVALID_ARGUMENT, None
        except Exception as error:  # an edge: hostile data sets raise anything
            self._log.event("commitment-failed", code=type(error).__name__, peer=peer.name)
            return PROCESSING_FAILURE, None
        self._log.event("commitment-asked", peer=peer.name, count=len(asked))
        self._wake.set()
        return SUCCESS, None

    def _established(self, event: Event) -> None:
        """A unit that takes reports on this association gets those that wait for it."""
        association = event.assoc
        if any(str(cx.abstract_syntax) in self.abstract_syntaxes for cx in association.accepted_contexts):
            peer = provenance_of(association)
            self._open[peer.name, peer.address] = association
            if any((c.name, c.address) == (peer.name, peer.address) for c in self._commitments.waiting()):
                self._commitments.unit_is_back(peer.name, peer.address)
                self._wake.set()

    def _closed(self, event: Event) -> None:
        for key, association in list(self._open.items()):
            if association is event.assoc:
                del self._open[key]

    def _run(self) -> None:
        while True:
            self._wake.wait(_CHECK_EVERY_S)
            self._wake.clear()
            time.sleep(_AFTER_ANSWER_S)
            for commitment in self._commitments.due():
                self._serve(commitment)

    def _serve(self, commitment: Commitment) -> None:
        """Check, tell, remember; a new association to the unit first, else the one that it holds open."""
        failures = self._commitments.check(commitment)
        told = self._tell_anew(commitment, failures) or self._tell_on_open(commitment, failures)
        (self._commitments.told if told else self._commitments.later)(commitment)
        event = "commitment-told" if told else "commitment-waits"
        self._log.event(event, peer=commitment.name, count=len(commitment.asked), status=f"{len(failures)} failed")

    def _tell_anew(self, commitment: Commitment, failures: dict[str, int]) -> bool:
        sender = self._senders.find("dimse", commitment.name, commitment.address)
        if sender is None or sender.listen_port is None:
            return False
        ae = RequestorAE(ae_title=self._ae_title)
        ae.connection_timeout = ae.acse_timeout = 5
        ae.dimse_timeout = ae.network_timeout = _ANSWER_S
        ae.add_requested_context(StorageCommitmentPushModel, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
        association = ae.associate(
            sender.address,
            sender.listen_port,
            ae_title=sender.name,
            ext_neg=[build_role(StorageCommitmentPushModel, scp_role=True)],
        )
        if not association.is_established:
            return False
        told = _report(association, commitment, failures, self._ae_title)
        association.release()
        return told

    def _tell_on_open(self, commitment: Commitment, failures: dict[str, int]) -> bool:
        association = self._open.get((commitment.name, commitment.address))
        if association is None or not association.is_established:
            return False
        return _report(association, commitment, failures, self._ae_title)


def _report(association: Association, commitment: Commitment, failures: dict[str, int], ae_title: str) -> bool:
    """N-EVENT-REPORT; whether the unit acknowledged it."""
    kind = _SOME_FAILED if failures else _ALL_SAFE
    ds = event_information(commitment, failures, ae_title)
    try:
        status, _ = association.send_n_event_report(ds, kind, StorageCommitmentPushModel, WELL_KNOWN_INSTANCE)
    except (RuntimeError, ValueError):  # the association ended, or its context does not carry it
        return False
    return getattr(status, "Status", None) == SUCCESS


def event_information(commitment: Commitment, failures: dict[str, int], ae_title: str) -> Dataset:
    """What is safe and what is not, with the reason of each (PS3.4 J.3.3.1)."""
    ds = Dataset()
    ds.TransactionUID = commitment.transaction_uid
    ds.RetrieveAETitle = ae_title
    safe = [_reference(pair) for pair in commitment.asked if pair[1] not in failures]
    failed = [_reference(pair) for pair in commitment.asked if pair[1] in failures]
    for item in failed:
        item.FailureReason = failures[str(item.ReferencedSOPInstanceUID)]
    if safe:
        ds.ReferencedSOPSequence = Sequence(safe)
    if failed:
        ds.FailedSOPSequence = Sequence(failed)
    return ds


def _reference(pair: tuple[str, str]) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = pair
    return item
