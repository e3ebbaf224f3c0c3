"""One attempt at one thing; the decision to try again is taken here and nowhere else."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from appliance.archive.blobs import BlobStore
from appliance.courier.queue import Delivery, Queue
from appliance.errors import PeerError

FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 60.0
CHECKS_BEFORE_RESENDING = 4  # looks for an answered instance before the answer is no longer believed


class RemoteInstance(Protocol):
    """What a destination's query tells of one instance."""

    @property
    def sop_class_uid(self) -> str | None: ...
    @property
    def sop_instance_uid(self) -> str: ...
    @property
    def series_instance_uid(self) -> str: ...


class Sink(Protocol):
    """Something that takes bytes."""

    def write(self, chunk: bytes) -> Any: ...


class ArchiveClient(Protocol):
    """A destination as the courier sees it; every method makes one attempt and raises PeerError."""

    def store(self, path: Path, sop_instance_uid: str) -> None: ...
    def has_instance(self, study_instance_uid: str, series_instance_uid: str, sop_instance_uid: str) -> bool: ...
    def instances(self, study_instance_uid: str) -> Sequence[RemoteInstance]: ...
    def fetch(self, study_instance_uid: str, series_instance_uid: str, sop_instance_uid: str, sink: Sink) -> None: ...
    def create_workitem(self, workitem_uid: str, dataset: dict[str, Any]) -> bool: ...
    def probe(self) -> None: ...


class NotConfirmed(PeerError):
    """The far side said that it took the instance, but its query does not show it."""

    code = "not-confirmed"
    message = "The reader's service said it took the picture, but does not list it."
    hint = "The box sends it again. If this lasts, call the reader's support."
    about_instance = True


def backoff_s(attempts: int) -> float:
    """Seconds to wait after so many failures: 1 to 60 with full jitter."""
    ceiling = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(attempts, 10))
    return random.uniform(FIRST_RETRY_S / 2, ceiling)  # noqa: S311 - spreads load, keeps no secret


class Uplink:
    """Takes one instance one step further at one destination."""

    def __init__(self, queue: Queue, blobs: BlobStore) -> None:
        self._queue = queue
        self._blobs = blobs

    def step(self, delivery: Delivery, client: ArchiveClient) -> PeerError | None:
        """Send or confirm; returns the trouble if there is any that outlasts this instance."""
        try:
            self._advance(delivery, client)
        except PeerError as error:
            return self._failed(delivery, error)
        return None

    def _advance(self, delivery: Delivery, client: ArchiveClient) -> None:
        """An attempt whose end was not seen may have arrived: asking is cheaper than sending again."""
        sent_before = delivery.state == "answered" or delivery.attempts > 0
        if sent_before and client.has_instance(
            delivery.study_instance_uid, delivery.series_instance_uid, delivery.sop_instance_uid
        ):
            self._queue.verified(delivery)
        elif delivery.state == "answered":
            raise NotConfirmed
        else:
            client.store(self._blobs.path(delivery.dataset_sha256), delivery.sop_instance_uid)
            self._queue.answered(delivery)

    def _failed(self, delivery: Delivery, error: PeerError) -> PeerError | None:
        if error.about_instance and not error.transient:
            self._queue.park(delivery, error)
            return None
        patient = delivery.state == "answered" and delivery.attempts < CHECKS_BEFORE_RESENDING
        self._queue.later(delivery, error, backoff_s(delivery.attempts), state="answered" if patient else "waiting")
        return None if patient and isinstance(error, NotConfirmed) else error
