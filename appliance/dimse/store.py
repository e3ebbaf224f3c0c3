"""Verification and storage service classes (PS3.4 annexes A and B)."""

import time
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from weakref import WeakKeyDictionary

from pydicom.uid import UID
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.service_class import ServiceClass
from pynetdicom.sop_class import _STORAGE_CLASSES, uid_to_service_class

from appliance.archive.blobs import Incoming
from appliance.archive.index import Receipt
from appliance.archive.intake import Intake, as_disk_full
from appliance.dicom.record import CommandUids
from appliance.dimse.command import StoreRequest
from appliance.dimse.policy import Policy, provenance_of
from appliance.dimse.status import SOP_CLASS_NOT_SUPPORTED, SUCCESS, status_of
from appliance.errors import BuckyError, NotDicom
from appliance.logs import Log

_STORAGE_UIDS = frozenset(str(uid) for uid in _STORAGE_CLASSES.values())
# code of an error -> reason for the page
_REASONS = {
    "quarantine-full": "quarantine-full",
    "disk-full": "disk-full",
    "not-dicom": "not-usable",
    "sender-blocked": "blocked",
}


def handle_echo(event: Event) -> int:
    """C-ECHO: always success."""
    return SUCCESS


def is_storage(abstract_syntax: UID) -> bool:
    """Whether a class is one to store."""
    return str(abstract_syntax) in _STORAGE_UIDS or is_unknown_class(abstract_syntax)


@lru_cache(maxsize=1024)
def is_unknown_class(abstract_syntax: UID) -> bool:
    """Whether no service class is known for it: then it can only be an object to keep."""
    return uid_to_service_class(abstract_syntax) is ServiceClass


class StorageService:
    """Takes instances of all associations in."""

    def __init__(self, *, intake: Intake, policy: Policy, log: Log) -> None:
        self._intake = intake
        self._policy = policy
        self._log = log
        self._studies: WeakKeyDictionary[Association, Counter[str]] = WeakKeyDictionary()

    def begin(self, association: Association, request: StoreRequest, transfer_syntax_uid: str) -> "DataSetSink":
        """An instance whose data set follows."""
        said = CommandUids(request.sop_class_uid, request.sop_instance_uid, transfer_syntax_uid)
        return DataSetSink(self, association, request, said)

    def open(self, association: Association, said: CommandUids) -> Incoming:
        """A file for an instance, if its sender may store; raises BuckyError, OSError."""
        provenance = provenance_of(association)
        self._policy.check_store(provenance)
        return self._intake.open(said, provenance)

    def commit(self, association: Association, incoming: Incoming) -> Receipt:
        """Make an instance durable; raises BuckyError, OSError."""
        receipt = self._intake.commit(incoming)
        self._studies.setdefault(association, Counter())[receipt.study_instance_uid] += 1
        return receipt

    def studies(self, association: Association) -> Mapping[str, int]:
        """Study Instance UIDs of what was stored on an association, with the number of objects."""
        return self._studies.get(association, {})

    def note_kept(self, association: Association, receipt: Receipt, size_bytes: int, duration_ms: int) -> None:
        """One line for the log."""
        peer = provenance_of(association).name
        row = receipt.instance_id
        self._log.event(receipt.outcome, row=row, peer=peer, size_bytes=size_bytes, duration_ms=duration_ms)

    def note_refused(self, association: Association, error: BaseException, status: int, size_bytes: int) -> None:
        """One line for the log, and the reason for the page."""
        provenance = provenance_of(association)
        code = error.code if isinstance(error, BuckyError) else type(error).__name__
        if code in _REASONS:
            detail = str(error.fields.get("reason", "")) if isinstance(error, BuckyError) else ""
            self._policy.note(provenance, _REASONS[code], detail)
        shown = f"0x{status:04X}"
        self._log.event("store-refused", code=code, status=shown, peer=provenance.name, size_bytes=size_bytes)


class DataSetSink:
    """One instance on its way in.

    A failure is kept, not raised: the rest of the message must still be read before it can be answered.
    """

    def __init__(
        self, service: StorageService, association: Association, request: StoreRequest, said: CommandUids
    ) -> None:
        self.request = request
        self._service = service
        self._association = association
        self._said = said
        self._incoming: Incoming | None = None
        self._failure: BaseException | None = None
        if not (request.sop_class_uid and request.sop_instance_uid):
            self._failure = NotDicom(reason="the unit did not say its class or its number (SOP class, SOP instance)")
        self._size_bytes = 0

    def write(self, part: memoryview) -> None:
        """Append to the incoming file."""
        self._size_bytes += len(part)
        if self._failure is not None:
            return
        try:
            if self._incoming is None:
                self._incoming = self._service.open(self._association, self._said)
            self._incoming.write(part)
        except Exception as error:  # an edge: kept for the answer
            self._failure = as_disk_full(error) if isinstance(error, OSError) else error
            self.discard()

    def finish(self) -> int:
        """Success only when the instance is kept (invariant 1); any failure has its status."""
        if not is_storage(UID(str(self._association._accepted_cx[self.request.context_id].abstract_syntax))):
            self.discard()
            return SOP_CLASS_NOT_SUPPORTED
        began = time.monotonic()
        try:
            receipt = self._kept()
        except Exception as error:  # an edge: every failure becomes a status, and the association goes on
            status = status_of(error)
            self._service.note_refused(self._association, error, status, self._size_bytes)
            return status
        finally:
            self.discard()
        duration_ms = round((time.monotonic() - began) * 1000)
        self._service.note_kept(self._association, receipt, self._size_bytes, duration_ms)
        return SUCCESS

    def _kept(self) -> Receipt:
        if self._failure is not None:
            raise self._failure
        if self._incoming is None:
            raise NotDicom(reason="its data set is empty")
        return self._service.commit(self._association, self._incoming)

    def discard(self) -> None:
        """Forget the incoming file if it was not committed."""
        if self._incoming is not None:
            self._incoming.discard()
            self._incoming = None
