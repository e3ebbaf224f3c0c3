"""Brings the queue of one destination to it, the most urgent first, and asks for its own word on each instance."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol

from appliance.courier.copies import Copies
from appliance.courier.destinations import Destination, Destinations
from appliance.courier.evidence import Evidence
from appliance.courier.hours import limit_bytes_s
from appliance.courier.queue import PRIORITIES, Delivery, Queue
from appliance.courier.requests import Requests
from appliance.courier.uplink import ArchiveClient, Uplink, backoff_s
from appliance.errors import NotFound, PeerError
from appliance.line import network_state

IDLE_S = 5.0
_COPY_LOOK_S = 0.1
_COPY_PATIENCE_S = 60.0  # the longest wait for a copy that is being made; then the original goes


class ClientFor(Protocol):
    """Makes the client of a destination; `limit_bytes_s` None is as fast as the line goes."""

    def __call__(self, destination: Destination, *, limit_bytes_s: int | None = None) -> ArchiveClient: ...


class Backoff:
    """Rests of a line in trouble: ended by a person, or by a change of the network."""

    def __init__(self) -> None:
        self._failures = 0
        self._not_before = 0.0
        self._kicked_at: str | None = None
        self._network = ""

    def rest_s(self, destination: Destination) -> float:
        """Seconds until the next attempt may be made."""
        if self._failures and (destination.kicked_at != self._kicked_at or network_state() != self._network):
            self.succeeded()
        self._kicked_at = destination.kicked_at
        return max(0.0, self._not_before - time.monotonic())

    def succeeded(self) -> None:
        """The line is good."""
        self._failures, self._not_before = 0, 0.0

    def failed(self) -> float:
        """Once more; returns the seconds to rest."""
        self._failures += 1
        self._network = network_state()
        rest_s = backoff_s(self._failures)
        self._not_before = time.monotonic() + rest_s
        return rest_s


class Line:
    """What the lanes of one destination share: whose turn it is, and rests after trouble.

    One lane at a time puts bytes on the line; it passes the turn on with its last byte, so that the line is not idle
    while the far side stores and answers.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self.backoff = Backoff()

    @contextmanager
    def turn(self) -> Iterator[Callable[[], None]]:
        """Wait for the turn; gives the way to pass it on before the end."""
        self._turn.acquire()
        passed = False

        def pass_on() -> None:
            nonlocal passed
            if not passed:
                passed = True
                self._turn.release()

        try:
            yield pass_on
        finally:
            pass_on()


class DeliveryWorker:
    """One lane of one destination's line; trouble there delays no other destination."""

    def __init__(
        self,
        destination_id: int,
        *,
        destinations: Destinations,
        queue: Queue,
        requests: Requests,
        uplink: Uplink,
        copies: Copies,
        client_for: ClientFor,
        line: Line | None = None,
        is_second: bool = False,
    ) -> None:
        self._destination_id = destination_id
        self._line = line or Line()
        self._is_second = is_second
        self._destinations = destinations
        self._queue = queue
        self._requests = requests
        self._uplink = uplink
        self._copies = copies
        self._client_for = client_for
        self._clients: dict[int | None, ArchiveClient] = {}
        self._awaited: tuple[int, float] | None = None

    def run_once(self) -> float | None:
        """One request or one instance one step further."""
        try:
            with self._line.turn() as pass_on:
                destination = self._destinations.get(self._destination_id)
                if self._is_second and destination.protocol == "dimse":  # many units take one association at a time
                    return None
                rest_s = IDLE_S if destination.paused else self._line.backoff.rest_s(destination)
                return rest_s if rest_s > 0 else self._step(destination, pass_on)
        except NotFound:  # removed, perhaps while at work
            return None

    def _client(self, destination: Destination, limit: int | None) -> ArchiveClient:
        if limit not in self._clients:
            self._clients = {known: client for known, client in self._clients.items() if known is None}
            self._clients[limit] = self._client_for(destination, limit_bytes_s=limit)
        return self._clients[limit]

    def _step(self, destination: Destination, pass_on: Callable[[], None]) -> float:
        limit = limit_bytes_s(destination.spans, datetime.now().astimezone())
        try:
            announced = self._requests.announce_next(destination.id, self._client(destination, None))
        except PeerError as error:
            return self._trouble(destination, error)
        delivery = self._queue.next_due(destination.id, ("waiting",), most_urgent_only=limit == 0)
        if delivery is None:
            return 0.0 if announced else min(IDLE_S, self._queue.seconds_until_due(destination.id) or IDLE_S)
        if self._awaits_copy(destination, delivery):
            return _COPY_LOOK_S
        unlimited = delivery.priority == PRIORITIES["STAT"]
        trouble = self._uplink.step(delivery, self._client(destination, None if unlimited else limit), pass_on)
        if trouble:
            return self._trouble(destination, trouble)
        self._line.backoff.succeeded()
        clear_trouble(destination, self._destinations, self._queue)
        return 0.0

    def _awaits_copy(self, destination: Destination, delivery: Delivery) -> bool:
        """Whether a copy is about to be ready, which goes out sooner than the original would have gone."""
        if not self._copies.awaited(delivery, self._copies.syntax_for(delivery, destination.found)):
            return False
        if self._awaited is None or self._awaited[0] != delivery.id:
            self._awaited = delivery.id, time.monotonic()
        return time.monotonic() - self._awaited[1] < _COPY_PATIENCE_S

    def _trouble(self, destination: Destination, error: PeerError) -> float:
        self._destinations.troubled(destination.id, error)
        if error.about_instance:
            return 0.0
        self._clients.clear()
        return self._line.backoff.failed()


class ConfirmWorker:
    """Asks a destination for its own word on what it took, beside the line on which more is sent."""

    def __init__(
        self,
        destination_id: int,
        *,
        destinations: Destinations,
        queue: Queue,
        uplink: Uplink,
        evidence: Evidence,
        client_for: ClientFor,
    ) -> None:
        self._destination_id = destination_id
        self._destinations = destinations
        self._queue = queue
        self._uplink = uplink
        self._evidence = evidence
        self._client_for = client_for
        self._client: ArchiveClient | None = None
        self._backoff = Backoff()

    def run_once(self) -> float | None:
        """Confirm one instance, or fetch the receipt of a study that is complete."""
        try:
            destination = self._destinations.get(self._destination_id)
            rest_s = IDLE_S if destination.paused else self._backoff.rest_s(destination)
            return rest_s if rest_s > 0 else self._step(destination)
        except NotFound:
            return None

    def _step(self, destination: Destination) -> float:
        self._client = self._client or self._client_for(destination)
        delivery = self._queue.next_due(destination.id, ("answered",))
        try:
            if delivery is None:
                return self._fetch_receipt(destination, self._client)
            trouble = self._uplink.step(delivery, self._client)
        except PeerError as error:
            trouble = error
        if trouble is None:
            self._backoff.succeeded()
            clear_trouble(destination, self._destinations, self._queue)
            return 0.0
        self._destinations.troubled(destination.id, trouble)
        if trouble.about_instance:
            return 0.0
        self._client = None
        return self._backoff.failed()

    def _fetch_receipt(self, destination: Destination, client: ArchiveClient) -> float:
        study = self._evidence.without_receipt(destination.id) if destination.reader_key else None
        if study is None:
            return min(IDLE_S, self._queue.seconds_until_due(destination.id, "answered") or IDLE_S)
        document = client.receipt(study.study_instance_uid)
        if document is not None:
            self._evidence.keep(study.id, destination.id, document)
        return 0.0 if document is not None else IDLE_S


def clear_trouble(destination: Destination, destinations: Destinations, queue: Queue) -> None:
    """Taking a picture is not enough to be believed again after not listing one."""
    if destination.trouble is None and destination.last_answer_at is not None:
        return
    doubted = destination.trouble is not None and destination.trouble.code in ("not-confirmed", "altered")
    if not doubted or queue.waiting_count(destination.id) == 0:
        destinations.answered(destination.id)
