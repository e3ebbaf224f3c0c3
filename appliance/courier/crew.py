"""All loops of the courier: previews, routing, and some for each destination; woken when any role commits something,
and those of one destination by each other at once."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from appliance.courier.loop import Loop, Worker
from appliance.courier.queue import Queue

POLL_S = 0.25
_ROUTING_IDLE_S = 5.0


class Watch(Protocol):
    """Tells whether something changed."""

    def version(self) -> str: ...


class Numbered(Protocol):
    """A destination, or a clinic of a reader service."""

    @property
    def id(self) -> int: ...


class Comers(Protocol):
    """What comes while the crew works and needs loops of its own."""

    def all(self) -> Sequence[Numbered]: ...


@dataclass(frozen=True)
class RoutingWorker:
    """Puts newly accepted instances into the queues."""

    queue: Queue

    def run_once(self) -> float:
        """Route a portion."""
        return 0.0 if self.queue.route_new() else _ROUTING_IDLE_S


class Crew:
    """Starts and stops loops as destinations come and go."""

    def __init__(
        self,
        *,
        watch: Watch,
        destinations: Comers,
        steady: dict[str, Worker],
        for_destination: Callable[[int], dict[str, Worker]],
        on_error: Callable[[BaseException], None],
    ) -> None:
        self._watch = watch
        self._destinations = destinations
        self._for_destination = for_destination
        self._on_error = on_error
        self._loops = {name: Loop(name, worker, on_error) for name, worker in steady.items()}
        self._crewed: set[int] = set()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set."""
        for loop in self._loops.values():
            loop.start()
        seen = ""
        while not stop.wait(POLL_S):
            version = self._watch.version()
            if version != seen:
                seen = version
                self._crew_new_destinations()
                for loop in self._loops.values():
                    loop.wake()
        for loop in self._loops.values():
            loop.stop()

    def _crew_new_destinations(self) -> None:
        for destination in self._destinations.all():
            if destination.id not in self._crewed:
                self._crewed.add(destination.id)
                self._start(destination.id)

    def _start(self, destination_id: int) -> None:
        workers = self._for_destination(destination_id)
        loops = [Loop(f"{name}-{destination_id}", worker, self._on_error) for name, worker in workers.items()]
        for loop in loops:
            loop.others = [other for other in loops if other is not loop]
            self._loops[loop.name] = loop
            loop.start()
