"""One attempt at one thing; the decision to try again is taken here and nowhere else."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from appliance.archive.workshop import CannotMake
from appliance.courier.copies import Content, Copies
from appliance.courier.destinations import Destinations
from appliance.courier.queue import Delivery, Queue
from appliance.errors import PeerError
from appliance.peer_errors import Altered, CannotConfirm
from appliance.reading.arrival import Confirmation, Overtaken, Passage, Sent

FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 60.0
CHECKS_BEFORE_RESENDING = 4  # looks for an answered instance before the answer is no longer believed
ALTERED_BEFORE_PARKING = 8  # attempts after which a far side that keeps other content is left to a person
REFUSALS_BEFORE_PARKING = 2  # more attempts after the first refusal, which damage on the way may have caused
UNCONFIRMABLE_S = 3600.0  # between two looks whether a far side without query offers one by now
_UNCONFIRMABLE_BELIEVED = 3  # looks until it is believed: one damaged negotiation says the same


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

    def store(self, path: Path, sop_instance_uid: str, passage: Passage = ...) -> None: ...
    def confirm(self, sent: Sent) -> Confirmation | None: ...
    def receipt(self, study_instance_uid: str) -> Mapping[str, Any] | None: ...
    def instances(self, study_instance_uid: str) -> Sequence[RemoteInstance]: ...
    def studies(self, institution: str | None = None) -> Sequence[str]: ...
    def fetch(self, study_instance_uid: str, series_instance_uid: str, sop_instance_uid: str, sink: Sink) -> None: ...
    def create_workitem(self, workitem_uid: str, dataset: dict[str, Any]) -> bool: ...
    def probe(self) -> None: ...


class FileGone(PeerError):
    """This box's own file is lost or evicted; the healing is at work."""

    code = "file-gone"
    message = "The file of this picture is missing on the box."
    hint = "The box tries to fetch it back from a reader that has it; see Status. Then press Try again."
    transient = False
    about_instance = True


class NotConfirmed(PeerError):
    """The far side said that it took the instance, but its own word does not show it."""

    code = "not-confirmed"
    message = "The reader's service said it took the picture, but does not list it."
    hint = "The box sends it again. If this lasts, call the reader's support."
    about_instance = True


def backoff_s(attempts: int) -> float:
    """Seconds to wait after so many failures: 1 to 60 with full jitter."""
    ceiling = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(attempts, 10))
    return random.uniform(FIRST_RETRY_S / 2, ceiling)  # noqa: S311 - spreads load, keeps no secret


class _OnLine:
    """One delivery on the line: what its client needs to know of it, and tells."""

    def __init__(self, delivery: Delivery, content: Content, queue: Queue, pass_on: Callable[[], None]) -> None:
        self._delivery = delivery
        self._queue = queue
        self._pass_on = pass_on
        same = delivery.upload_sha256 == content.dataset_sha256
        self.upload_url = delivery.upload_url if same else None

    def upload_at(self, url: str | None) -> None:
        """Survive a restart."""
        self.upload_url = url
        self._queue.upload_at(self._delivery, url)

    def moved(self, size_bytes: int) -> None:
        """Make room for STAT, also in the middle of an image."""
        if self._queue.overtaken(self._delivery):
            raise Overtaken

    def gone(self) -> None:
        """Give the line to the next one."""
        self._pass_on()


class Uplink:
    """Takes one instance one step further at one destination."""

    def __init__(self, queue: Queue, copies: Copies, destinations: Destinations) -> None:
        self._queue = queue
        self._copies = copies
        self._destinations = destinations

    def wanted_syntax(self, delivery: Delivery) -> str | None:
        """The lossless transfer syntax that suits the destination and its line; None is as it is."""
        return self._copies.syntax_for(delivery, self._destinations.get(delivery.destination_id).found)

    def step(
        self, delivery: Delivery, client: ArchiveClient, pass_on: Callable[[], None] = lambda: None
    ) -> PeerError | None:
        """Send or confirm; returns the trouble if there is any that outlasts this instance.

        `pass_on` is called when its last byte has gone out, while the answer is still awaited.
        """
        try:
            self._advance(delivery, client, pass_on)
        except Overtaken:
            self._queue.make_room(delivery)
        except CannotMake as error:  # the rules of its unit cannot be followed
            self._queue.park(delivery, error)
        except PeerError as error:
            return self._failed(delivery, error)
        return None

    def _advance(self, delivery: Delivery, client: ArchiveClient, pass_on: Callable[[], None]) -> None:
        """An attempt whose end was not seen may have arrived: asking is cheaper than sending again."""
        if delivery.state == "answered":
            confirmation = client.confirm(self._sent(delivery))
            if confirmation is None:
                raise NotConfirmed
        else:
            confirmation = self._confirmed_before(delivery, client)
        if confirmation is not None:
            self._queue.verified(delivery, confirmation.by, confirmation.sha256)
        else:
            self._send(delivery, client, pass_on)

    def _confirmed_before(self, delivery: Delivery, client: ArchiveClient) -> Confirmation | None:
        if delivery.attempts == 0:
            return None
        try:
            return client.confirm(self._sent(delivery))
        except CannotConfirm:
            return None
        except Altered:
            if delivery.attempts >= ALTERED_BEFORE_PARKING:
                raise
            return None

    def _sent(self, delivery: Delivery) -> Sent:
        return Sent(
            study_instance_uid=delivery.study_instance_uid,
            series_instance_uid=delivery.series_instance_uid,
            sop_instance_uid=delivery.sop_instance_uid,
            sop_class_uid=delivery.sop_class_uid,
            digests=self._queue.sent_digests(delivery),
            files=self._copies.files(delivery),
        )

    def _send(self, delivery: Delivery, client: ArchiveClient, pass_on: Callable[[], None]) -> None:
        content = self._copies.content(delivery, self.wanted_syntax(delivery))
        if not content.path.exists():
            raise FileGone
        self._queue.sending(delivery, content.dataset_sha256, content.transfer_syntax_uid)
        began = time.monotonic()
        try:
            client.store(content.path, delivery.sop_instance_uid, _OnLine(delivery, content, self._queue, pass_on))
        except PeerError as error:
            if not error.about_instance:
                raise
            return self._refused(delivery, content, error)
        self._learn_success(delivery, content, time.monotonic() - began)
        return self._queue.answered(delivery)

    def _learn_success(self, delivery: Delivery, content: Content, seconds: float) -> None:
        size_bytes = content.path.stat().st_size
        is_copy = content.dataset_sha256 != delivery.dataset_sha256
        self._destinations.learn(
            delivery.destination_id,
            lambda found: (found.with_syntax(content.transfer_syntax_uid, True) if is_copy else found).with_rate(
                size_bytes, seconds
            ),
        )

    def _refused(self, delivery: Delivery, content: Content, error: PeerError) -> None:
        """A refused copy means: not in this transfer syntax; if the original is refused too, it was not the syntax."""
        if content.dataset_sha256 != delivery.dataset_sha256:
            self._destinations.learn(
                delivery.destination_id, lambda found: found.with_syntax(content.transfer_syntax_uid, False)
            )
            return self._queue.later(delivery, error, 0.0)
        raise error

    def _failed(self, delivery: Delivery, error: PeerError) -> PeerError | None:
        if isinstance(error, CannotConfirm):
            believed = delivery.attempts >= _UNCONFIRMABLE_BELIEVED
            rest_s = UNCONFIRMABLE_S if believed else backoff_s(delivery.attempts)
            self._queue.later(delivery, error, rest_s, state="answered")
            return None
        given_up = isinstance(error, Altered) and delivery.attempts >= ALTERED_BEFORE_PARKING
        refused = error.about_instance and not error.transient and delivery.attempts >= REFUSALS_BEFORE_PARKING
        if given_up or refused:
            self._queue.park(delivery, error)
            return None
        if not error.about_instance:  # the line or the service: the order stays, the destination rests
            self._queue.later(delivery, error, 0.0, state=delivery.state, counted=delivery.state == "waiting")
            return error
        not_listed = isinstance(error, NotConfirmed)
        patient = not_listed and delivery.attempts < CHECKS_BEFORE_RESENDING
        self._queue.later(delivery, error, backoff_s(delivery.attempts), state="answered" if patient else "waiting")
        return None if patient else error
