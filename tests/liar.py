"""A DIMSE archive that lies as many times as it is told to and is honest otherwise, spoken in the real protocol."""

import io
import threading
from collections.abc import Iterator
from typing import Any, Literal, get_args

from pydicom import Dataset, dcmread
from pydicom.uid import generate_uid
from pynetdicom import AE, StoragePresentationContexts, evt
from pynetdicom.events import Event

from appliance.dimse.calling import STORAGE_COMMITMENT, STUDY_ROOT_FIND, STUDY_ROOT_GET, VERIFICATION

AE_TITLE = "LIAR"
QueryLie = Literal[
    "stored-nothing", "lists-another", "lists-and-gives-nothing", "lists-and-gives-another", "gives-other-pixels",
    "breaks-off-storing", "breaks-off-stored", "breaks-off-listing", "breaks-off-giving",
]  # fmt: skip
EventLie = Literal[
    "stored-nothing", "no-event", "event-of-another", "event-of-another-transaction", "event-failed",
    "breaks-off-at-event", "breaks-off-storing", "breaks-off-stored",
]  # fmt: skip
QUERY_LIES: tuple[QueryLie, ...] = get_args(QueryLie)
EVENT_LIES: tuple[EventLie, ...] = get_args(EventLie)
_PENDING = 0xFF00


class Liar:
    """Listens on loopback; with `query` it offers C-FIND and C-GET, else storage commitment."""

    def __init__(self, lie: str, *, query: bool) -> None:
        self._lie = lie
        self.lies_left = 0
        self.told = 0
        self.held: dict[str, bytes] = {}
        """Files of what is kept, by SOP Instance UID."""
        self._lock = threading.Lock()
        ae = AE(AE_TITLE)
        ae.add_supported_context(VERIFICATION)
        for context in StoragePresentationContexts:
            ae.add_supported_context(str(context.abstract_syntax), scu_role=True, scp_role=True)
        handlers: list[Any] = [(evt.EVT_C_STORE, self._store), (evt.EVT_C_ECHO, lambda _: 0)]
        if query:
            ae.add_supported_context(STUDY_ROOT_FIND)
            ae.add_supported_context(STUDY_ROOT_GET)
            handlers += [(evt.EVT_C_FIND, self._find), (evt.EVT_C_GET, self._get)]
        else:
            ae.add_supported_context(STORAGE_COMMITMENT)
            handlers.append((evt.EVT_N_ACTION, self._commit))
        self._server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        assert self._server is not None
        self.address = f"{AE_TITLE}@127.0.0.1:{self._server.socket.getsockname()[1]}"

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()

    def _lies(self, *lies: str) -> bool:
        """Whether this is the moment of its lie."""
        with self._lock:
            if self._lie not in lies or self.lies_left == 0:
                return False
            self.lies_left -= 1
            self.told += 1
            return True

    def _store(self, event: Event) -> int:
        if self._lies("stored-nothing"):
            return 0
        if self._lies("breaks-off-storing"):
            event.assoc.abort()
            return 0
        ds = event.dataset
        ds.file_meta = event.file_meta
        buffer = io.BytesIO()
        ds.save_as(buffer, enforce_file_format=True)
        self.held[str(ds.SOPInstanceUID)] = buffer.getvalue()
        if self._lies("breaks-off-stored"):
            event.assoc.abort()
        return 0

    def _find(self, event: Event) -> Iterator[tuple[int, Dataset | None]]:
        if self._lies("breaks-off-listing"):
            event.assoc.abort()
            return
        asked = str(event.identifier.SOPInstanceUID)
        row = Dataset()
        row.update(event.identifier)
        if self._lies("lists-another"):
            row.SOPInstanceUID = generate_uid()
            yield _PENDING, row
        elif asked in self.held or self._lie in ("lists-and-gives-nothing", "lists-and-gives-another"):
            yield _PENDING, row

    def _get(self, event: Event) -> Iterator[Any]:
        held = self.held.get(str(event.identifier.SOPInstanceUID))
        if held is None or self._lies("lists-and-gives-nothing"):
            yield 0
            return
        ds = dcmread(io.BytesIO(held))
        if self._lies("breaks-off-giving"):
            event.assoc.abort()
        elif self._lies("lists-and-gives-another"):
            ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        elif self._lies("gives-other-pixels"):
            ds.PixelData = bytes([ds.PixelData[0] ^ 1]) + ds.PixelData[1:]
        yield 1
        yield _PENDING, ds

    def _commit(self, event: Event) -> tuple[int, None]:
        asked = event.action_information
        threading.Thread(target=self._report, args=[event.assoc, asked], daemon=True).start()
        return 0, None

    def _report(self, association: Any, asked: Dataset) -> None:
        """PS3.4 J.3.3: what is safe, else what is not, with event type 2."""
        if self._lies("no-event"):
            return
        if self._lies("breaks-off-at-event"):
            association.abort()
            return
        (item,) = asked.ReferencedSOPSequence
        report = Dataset()
        report.TransactionUID = asked.TransactionUID
        safe = str(item.ReferencedSOPInstanceUID) in self.held
        if self._lies("event-of-another"):
            item.ReferencedSOPInstanceUID = generate_uid()
        if self._lies("event-of-another-transaction"):
            report.TransactionUID = generate_uid()
        if not safe or self._lies("event-failed"):
            item.FailureReason = 0x0112
            report.FailedSOPSequence = [item]
        else:
            report.ReferencedSOPSequence = [item]
        kind = 2 if "FailedSOPSequence" in report else 1
        association.send_n_event_report(report, kind, STORAGE_COMMITMENT, "1.2.840.10008.1.20.1.1")
