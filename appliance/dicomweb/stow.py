"""STOW-RS: the parts of a request go through the one intake, each with its own outcome (PS3.18 10.5, annex I)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from pydicom.dataset import Dataset

from appliance.archive.blobs import Provenance
from appliance.archive.index import Receipt
from appliance.archive.intake import Intake
from appliance.archive.part10 import Part10Sink, take_dataset
from appliance.clock import stamp
from appliance.dicomweb.multipart import PartReader, Sink, boundary_of
from appliance.errors import BuckyError, DiskFull, NotDicom

OUT_OF_RESOURCES = 0xA700  # PS3.4 B.2.3, used in (0008,1197) by PS3.18 I.2.2
CANNOT_UNDERSTAND = 0xC000  # PS3.4 B.2.3
DUPLICATE_INSTANCE = 0x0111  # PS3.7 C.5.8
PROCESSING_FAILURE = 0x0110  # PS3.7 C.5.15
NOT_THIS_STUDY = 0xA900  # PS3.4 B.2.3: the data set does not match
_CHUNK_BYTES = 1 << 18


@dataclass
class Outcome:
    """What became of the parts; a conflict is kept but not confirmed, because the UID stands for other bytes."""

    stored: list[Receipt] = field(default_factory=list)
    failed: list[tuple[Receipt | None, int]] = field(default_factory=list)

    @property
    def status(self) -> int:
        """The HTTP status (PS3.18 table 10.5.3-1)."""
        if not self.failed:
            return 200
        if self.stored:
            return 202
        return 507 if all(reason == OUT_OF_RESOURCES for _, reason in self.failed) else 409


class PartKeeper:
    """Opens a sink for each part and keeps what it received."""

    def __init__(self, intake: Intake, sender: str, study_instance_uid: str | None) -> None:
        self._intake = intake
        self._sender = sender
        self._study_instance_uid = study_instance_uid
        self._current: _GuardedSink | None = None
        self.outcome = Outcome()

    def open(self, headers: Mapping[str, str]) -> Sink:
        """A sink for the next part."""
        self._current = _GuardedSink(Part10Sink(self._intake, Provenance("dicomweb", self._sender, "", stamp())))
        return self._current

    def close(self) -> None:
        """The part is complete: commit it."""
        sink, self._current = self._current, None
        if sink is None:
            return
        try:
            self.note(sink.finish())
        except (BuckyError, OSError) as error:
            self.refuse(error)

    def refuse(self, error: BuckyError | OSError) -> None:
        """Note an instance that could not be kept."""
        self.outcome.failed.append((None, _reason(error)))

    def note(self, receipt: Receipt) -> None:
        """Note an instance that is kept."""
        if self._study_instance_uid not in (None, receipt.study_instance_uid):
            self.outcome.failed.append((receipt, NOT_THIS_STUDY))
        elif receipt.outcome == "conflict":
            self.outcome.failed.append((receipt, DUPLICATE_INSTANCE))
        else:
            self.outcome.stored.append(receipt)

    def keep(self, ds: Dataset) -> None:
        """Keep an instance that came as metadata and bulk data."""
        try:
            self.note(take_dataset(self._intake, ds, Provenance("dicomweb", self._sender, "", stamp())))
        except (BuckyError, OSError) as error:
            self.refuse(error)

    def discard(self) -> None:
        """The request broke off: a part that did not end is forgotten."""
        if self._current is not None:
            self._current.discard()


class _GuardedSink:
    """Keeps the first failure of a part, so that the other parts of the request are still read."""

    def __init__(self, sink: Part10Sink) -> None:
        self._sink = sink
        self._failure: BuckyError | OSError | None = None

    def write(self, chunk: bytes) -> int:
        if self._failure is None:
            try:
                self._sink.write(chunk)
            except (BuckyError, OSError) as error:
                self._failure = error
                self._sink.discard()
        return len(chunk)

    def finish(self) -> Receipt:
        if self._failure is not None:
            raise self._failure
        try:
            return self._sink.finish()
        finally:
            self._sink.discard()

    def discard(self) -> None:
        self._sink.discard()


def _reason(error: Exception) -> int:
    if isinstance(error, DiskFull):
        return OUT_OF_RESOURCES
    return CANNOT_UNDERSTAND if isinstance(error, NotDicom) else PROCESSING_FAILURE


def receive(stream: BinaryIO, content_type: str, keeper: PartKeeper) -> int:
    """Read a whole request body; returns the number of parts. Raises BadInput."""
    reader = PartReader(boundary_of(content_type), keeper.open, keeper.close)
    try:
        while chunk := stream.read(_CHUNK_BYTES):
            reader.feed(chunk)
        reader.finish()
    finally:
        keeper.discard()
    return reader.parts


def receive_one(stream: BinaryIO, keeper: PartKeeper) -> None:
    """Read a body that is one instance (PS3.18 8.6.1.1)."""
    sink = keeper.open({})
    try:
        while chunk := stream.read(_CHUNK_BYTES):
            sink.write(chunk)
        keeper.close()
    finally:
        keeper.discard()


def answer(outcome: Outcome, study_url: str | None, retrieve_url: Callable[[Receipt], str]) -> dict[str, Any]:
    """The Store Instances Response Module in DICOM JSON (PS3.18 I.2)."""
    document: dict[str, Any] = {"00081190": _uri(study_url)} if study_url else {}
    if outcome.stored:
        items = [{**_reference(r), "00081190": _uri(retrieve_url(r))} for r in outcome.stored]
        document["00081199"] = {"vr": "SQ", "Value": items}
    if outcome.failed:
        items = [
            {**(_reference(r) if r else {}), "00081197": {"vr": "US", "Value": [reason]}}
            for r, reason in outcome.failed
        ]
        document["00081198"] = {"vr": "SQ", "Value": items}
    return document


def _uri(url: str) -> dict[str, Any]:
    return {"vr": "UR", "Value": [url]}


def _reference(receipt: Receipt) -> dict[str, Any]:
    return {
        "00081150": {"vr": "UI", "Value": [receipt.sop_class_uid]},
        "00081155": {"vr": "UI", "Value": [receipt.sop_instance_uid]},
    }
