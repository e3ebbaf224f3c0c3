"""A destination that speaks DIMSE: C-STORE to it, and its own word by C-FIND, C-GET or storage commitment.

One attempt a call, each failure a typed error; associations are opened when they are needed and kept while they serve.
"""

import ssl
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid
from pynetdicom import _config, build_context, build_role, evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event

from appliance.archive.part10 import HEAD_BYTES, split_head
from appliance.dicom.transfer_syntaxes import SENDABLE
from appliance.dimse.calling import STORAGE_COMMITMENT, STUDY_ROOT_FIND, STUDY_ROOT_GET, VERIFICATION, Caller, checked
from appliance.dimse.commitment import WELL_KNOWN_INSTANCE
from appliance.dimse.status import NOT_AUTHORIZED, OUT_OF_RESOURCES, PENDING, PROCESSING_FAILURE, SUCCESS
from appliance.errors import NotDicom
from appliance.line import socket_options
from appliance.peer_errors import (
    Altered,
    BrokenOff,
    CannotConfirm,
    ContentNotGiven,
    FileUnreadable,
    InstanceRefused,
    NotGiven,
    ServiceFull,
    ServiceTrouble,
    Stalled,
    SyntaxRefused,
)
from appliance.reading.arrival import Confirmation, Passage, Scratch, Sent, same_content

ANSWER_TIMEOUT_S = 600.0  # a slow archive has stored when an early timeout reports failure
_KEPT_S = 2.0  # an association without use ends: some application entities serve one at a time
_COMMITMENT_S = 15.0  # for a report on the same association


class Sink(Protocol):
    """Something that takes bytes."""

    def write(self, chunk: bytes) -> Any: ...


@dataclass(frozen=True)
class RemoteInstance:
    """What a query tells of one instance."""

    sop_class_uid: str | None
    sop_instance_uid: str
    series_instance_uid: str


class DimseClient:
    """Speaks to one application entity, given as AE@HOST:PORT, over TLS if there is a context.

    `scratch` is given where the line does not keep integrity by itself: content is then fetched back and compared.
    """

    def __init__(
        self,
        address: str,
        *,
        calling_ae: str,
        tls: ssl.SSLContext | None = None,
        scratch: Scratch | None = None,
        limit_bytes_s: int | None = None,
        stall_timeout_s: float = 15.0,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> None:
        self._caller = Caller(
            address,
            calling_ae=calling_ae,
            tls=tls,
            options=socket_options(stall_timeout_s=stall_timeout_s, limit_bytes_s=limit_bytes_s),
            stall_timeout_s=stall_timeout_s,
            answer_timeout_s=answer_timeout_s,
        )
        self._scratch = scratch
        self._answer_timeout_s = answer_timeout_s
        self._kept: _Kept | None = None
        self._lock = threading.RLock()
        self._idle: threading.Timer | None = None

    def probe(self) -> None:
        """C-ECHO; raises what is wrong with the address, if anything is."""
        with self._caller.associated([build_context(VERIFICATION)]) as association:
            checked(association.send_c_echo())

    def store(self, path: Path, sop_instance_uid: str, passage: Passage | None = None) -> None:
        """C-STORE of one file as it is; raises SyntaxRefused if its transfer syntax is not taken."""
        _config.STORE_SEND_CHUNKED_DATASET = True  # files go out byte by byte as they are, not through memory
        sop_class, syntax = _kind_of(path)
        with self._lock:
            if self._idle is not None:
                self._idle.cancel()
            try:
                self._store(path, self._kept_for(sop_class, syntax))
            finally:
                self._idle = threading.Timer(_KEPT_S, self.close)
                self._idle.daemon = True
                self._idle.start()

    def _store(self, path: Path, association: Association) -> None:
        try:
            answer = association.send_c_store(path)
        except ValueError as error:  # the context was not accepted; the next attempt negotiates anew
            self.close()
            raise SyntaxRefused from error
        except (RuntimeError, OSError, AttributeError) as error:
            self.close()
            raise BrokenOff from error
        if "Status" not in answer:
            self.close()
            raise Stalled
        _check_store(int(answer.Status))

    def confirm(self, sent: Sent) -> Confirmation | None:
        """The application entity's own word on an instance; None if it does not list it. Raises CannotConfirm."""
        keys = {
            "StudyInstanceUID": sent.study_instance_uid,
            "SeriesInstanceUID": sent.series_instance_uid,
            "SOPInstanceUID": sent.sop_instance_uid,
        }
        try:
            listed = any(row.get("SOPInstanceUID") == sent.sop_instance_uid for row in self._find("IMAGE", keys))
        except CannotConfirm:
            return self._committed(sent)
        if not listed:
            return None
        return Confirmation("query") if self._scratch is None else self._compared(sent, self._scratch)

    def _compared(self, sent: Sent, scratch: Scratch) -> Confirmation:
        """Fetch the instance back where that is offered, since nothing else shows that the line did not change it."""
        with scratch() as path:
            try:
                with path.open("wb") as file:
                    self._get(sent, _syntaxes_of(sent.files), file)
            except ContentNotGiven:
                raise
            except CannotConfirm:
                return Confirmation("query")
            digest = same_content(path, sent)
        if digest is None:
            raise Altered
        return Confirmation("content", digest)

    def receipt(self, study_instance_uid: str) -> Mapping[str, Any] | None:
        """There are no signed receipts in DIMSE."""
        return None

    def create_workitem(self, workitem_uid: str, dataset: dict[str, Any]) -> bool:
        """Requests go to DICOMweb destinations only."""
        return False

    def instances(self, study_instance_uid: str) -> Sequence[RemoteInstance]:
        """All instances of a study that the application entity lists (PS3.4 C.4.1.2, level by level)."""
        study = {"StudyInstanceUID": study_instance_uid}
        found = []
        try:
            for series in self._find("SERIES", study | {"SeriesInstanceUID": ""}):
                keys = study | {"SeriesInstanceUID": str(series.get("SeriesInstanceUID") or "")}
                rows = self._find("IMAGE", keys | {"SOPInstanceUID": "", "SOPClassUID": ""})
                found += [
                    RemoteInstance(
                        str(row.get("SOPClassUID") or "") or None, str(row.SOPInstanceUID), keys["SeriesInstanceUID"]
                    )
                    for row in rows
                    if row.get("SOPInstanceUID")
                ]
        except CannotConfirm:
            return []
        return found

    def studies(self, institution: str | None = None) -> Sequence[str]:
        """The Study Instance UIDs that the application entity lists, of one institution if asked."""
        keys = {"StudyInstanceUID": ""} | ({"InstitutionName": institution} if institution else {})
        return [str(row.StudyInstanceUID) for row in self._find("STUDY", keys) if row.get("StudyInstanceUID")]

    def fetch(self, study_instance_uid: str, series_instance_uid: str, sop_instance_uid: str, sink: Sink) -> None:
        """C-GET of one instance; raises NotGiven where that is not offered."""
        keys = {
            "StudyInstanceUID": study_instance_uid,
            "SeriesInstanceUID": series_instance_uid,
            "SOPInstanceUID": sop_instance_uid,
        }
        rows = self._find("IMAGE", keys | {"SOPClassUID": ""})
        sop_class = next((str(row.SOPClassUID) for row in rows if row.get("SOPClassUID")), "")
        sent = Sent(study_instance_uid, series_instance_uid, sop_instance_uid, sop_class, frozenset())
        try:
            self._get(sent, (), sink)
        except CannotConfirm:
            raise NotGiven(status="C-GET") from None

    def close(self) -> None:
        """End the association that is kept."""
        with self._lock:
            kept, self._kept = self._kept, None
            if kept is not None and kept.association.is_established:
                kept.association.release()

    def _kept_for(self, sop_class: str, syntax: str) -> Association:
        kept = self._kept
        fits = kept is not None and (sop_class, syntax) == kept.kind and kept.association.is_established
        if kept is None or not fits:
            self.close()
            contexts = [build_context(sop_class, syntax)]
            contexts += [build_context(sop_class, other) for other in SENDABLE if other != syntax]
            self._kept = kept = _Kept(self._caller.associate(contexts), (sop_class, syntax))
        return kept.association

    def _find(self, level: str, keys: Mapping[str, str]) -> list[Dataset]:
        """C-FIND in the Study Root (PS3.4 C.4.1); raises CannotConfirm where it is not offered."""
        query = Dataset()
        query.QueryRetrieveLevel = level
        for keyword, value in keys.items():
            setattr(query, keyword, value)
        found: list[Dataset] = []
        with self._caller.associated([build_context(STUDY_ROOT_FIND, list(SENDABLE))]) as association:
            for status, identifier in association.send_c_find(query, STUDY_ROOT_FIND):
                code = checked(status, also=(PENDING, PENDING | 1))
                if code != SUCCESS and identifier is not None:
                    found.append(identifier)
        return found

    def _get(self, sent: Sent, syntaxes: Sequence[str], sink: Sink) -> None:
        """C-GET of one instance in a syntax in which it went (PS3.4 C.4.3); raises CannotConfirm, NotGiven."""
        query = Dataset()
        query.QueryRetrieveLevel = "IMAGE"
        query.StudyInstanceUID, query.SeriesInstanceUID = sent.study_instance_uid, sent.series_instance_uid
        query.SOPInstanceUID = sent.sop_instance_uid
        received: list[str] = []

        def keep(event: Event) -> int:
            received.append(str(cast(C_STORE, event.request).AffectedSOPInstanceUID))
            sink.write(event.encoded_dataset())
            return SUCCESS

        contexts = [build_context(STUDY_ROOT_GET, list(SENDABLE))]
        contexts += [build_context(sent.sop_class_uid, syntax) for syntax in dict.fromkeys(syntaxes or SENDABLE)]
        roles = [build_role(UID(sent.sop_class_uid), scp_role=True)]
        with self._caller.associated(contexts, roles=roles, handlers=[(evt.EVT_C_STORE, keep)]) as association:
            for status, _ in association.send_c_get(query, STUDY_ROOT_GET):
                if int(status.get("Status", SUCCESS)) >> 12 in (0xA, 0xC):
                    raise ContentNotGiven
                checked(status, also=(PENDING,))
        if received != [sent.sop_instance_uid]:
            raise NotGiven(status="C-GET")

    def _committed(self, sent: Sent) -> Confirmation | None:
        """Storage commitment with its report on the same association (PS3.4 J.3.3); raises CannotConfirm."""
        reported = threading.Event()
        safe: list[str] = []
        request = _commitment_request(sent)

        def report(event: Event) -> tuple[int, None]:
            told = event.event_information
            if told.get("TransactionUID") == request.TransactionUID:  # one of an earlier request proves nothing now
                items = told.get("ReferencedSOPSequence") or []
                safe.extend(str(item.ReferencedSOPInstanceUID) for item in items)
                reported.set()
            return SUCCESS, None

        contexts = [build_context(STORAGE_COMMITMENT, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])]
        with self._caller.associated(contexts, handlers=[(evt.EVT_N_EVENT_REPORT, report)]) as association:
            status, _ = association.send_n_action(request, 1, STORAGE_COMMITMENT, WELL_KNOWN_INSTANCE)
            checked(status)
            if not reported.wait(min(_COMMITMENT_S, self._answer_timeout_s)):
                raise CannotConfirm
        return Confirmation("commitment") if sent.sop_instance_uid in safe else None


@dataclass(frozen=True)
class _Kept:
    association: Association
    kind: tuple[str, str]


def _kind_of(path: Path) -> tuple[str, str]:
    """SOP class and transfer syntax by the file meta information; raises FileUnreadable."""
    try:
        with path.open("rb") as file:
            said, _ = split_head(file.read(HEAD_BYTES))
    except (OSError, NotDicom) as error:
        raise FileUnreadable from error
    return said.sop_class_uid, said.transfer_syntax_uid


def _syntaxes_of(files: Sequence[Path]) -> list[str]:
    return [_kind_of(path)[1] for path in files if path.exists()]


def _check_store(status: int) -> None:
    """PS3.4 table B.2-1: success and warnings mean that it is stored."""
    if status == SUCCESS or status >> 12 == 0xB:
        return
    if status & 0xFF00 == OUT_OF_RESOURCES:
        raise ServiceFull
    if status in (PROCESSING_FAILURE, NOT_AUTHORIZED):
        raise ServiceTrouble(status=f"0x{status:04X}")
    raise InstanceRefused(reason=f"0x{status:04X}")


def _commitment_request(sent: Sent) -> Dataset:
    item, request = Dataset(), Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sent.sop_class_uid, sent.sop_instance_uid
    request.TransactionUID = generate_uid()
    request.ReferencedSOPSequence = [item]
    return request
