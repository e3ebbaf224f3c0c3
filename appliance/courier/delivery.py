"""Brings the queue of one destination to it, one instance after the other, the most urgent first."""

import time
from collections.abc import Callable

from appliance.courier.destinations import Destination, Destinations
from appliance.courier.queue import Queue
from appliance.courier.requests import Requests
from appliance.courier.uplink import ArchiveClient, Uplink, backoff_s
from appliance.errors import NotFound, PeerError

ClientFor = Callable[[Destination], ArchiveClient]
IDLE_S = 5.0


class DeliveryWorker:
    """One destination's line; trouble there delays no other destination."""

    def __init__(
        self,
        destination_id: int,
        *,
        destinations: Destinations,
        queue: Queue,
        requests: Requests,
        uplink: Uplink,
        client_for: ClientFor,
    ) -> None:
        self._destination_id = destination_id
        self._destinations = destinations
        self._queue = queue
        self._requests = requests
        self._uplink = uplink
        self._client_for = client_for
        self._client: ArchiveClient | None = None
        self._failures = 0
        self._not_before = 0.0
        self._kicked_at: str | None = None

    def run_once(self) -> float | None:
        """One request or one instance one step further."""
        try:
            destination = self._destinations.get(self._destination_id)
        except NotFound:
            return None
        rest_s = self._rest(destination)
        if rest_s > 0:
            return rest_s
        try:
            if self._client is None:
                self._client = self._client_for(destination)
            return self._step(destination, self._client)
        except NotFound:  # removed while at work
            return None

    def _rest(self, destination: Destination) -> float:
        if destination.paused:
            return IDLE_S
        if destination.kicked_at != self._kicked_at:
            self._kicked_at = destination.kicked_at
            self._failures, self._not_before = 0, 0.0
        return self._not_before - time.monotonic()

    def _step(self, destination: Destination, client: ArchiveClient) -> float:
        try:
            announced = self._requests.announce_next(destination.id, client)
        except PeerError as error:
            return self._trouble(destination, error)
        delivery = self._queue.next_due(destination.id)
        if delivery is None:
            return 0.0 if announced else self._seconds_until_due(destination)
        trouble = self._uplink.step(delivery, client)
        if trouble:
            return self._trouble(destination, trouble)
        self._failures = 0
        if destination.trouble or destination.last_answer_at is None:
            self._clear_if_verified(destination)
        return 0.0

    def _clear_if_verified(self, destination: Destination) -> None:
        """Taking a picture is not enough to be believed again after not listing one."""
        doubted = destination.trouble is not None and destination.trouble.code == "not-confirmed"
        if not doubted or self._queue.waiting_count(destination.id) == 0:
            self._destinations.answered(destination.id)

    def _seconds_until_due(self, destination: Destination) -> float:
        return min(IDLE_S, self._queue.seconds_until_due(destination.id))

    def _trouble(self, destination: Destination, error: PeerError) -> float:
        self._destinations.troubled(destination.id, error)
        if error.about_instance:
            return 0.0
        self._failures += 1
        rest_s = backoff_s(self._failures)
        self._not_before = time.monotonic() + rest_s
        return rest_s
