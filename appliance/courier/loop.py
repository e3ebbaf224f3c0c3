"""The courier's loops: each worker has `run_once`, which returns how long it would like to rest."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

LONGEST_REST_S = 5.0


class Worker(Protocol):
    """One line of work."""

    def run_once(self) -> float | None:
        """Do what is due; return the seconds to rest, or None when this work has ended for good."""


class Seldom:
    """A worker that rests as long as it wants to, although every change wakes it."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._not_before = 0.0

    def run_once(self) -> float | None:
        """Do what is due, if its time has come."""
        if time.monotonic() >= self._not_before:
            rest_s = self._worker.run_once()
            if rest_s is None:
                return None
            self._not_before = time.monotonic() + rest_s
        return self._not_before - time.monotonic()


class Loop(threading.Thread):
    """Runs a worker until told to stop; an unexpected error reaches `on_error`, which ends the process."""

    def __init__(self, name: str, worker: Worker, on_error: Callable[[BaseException], None]) -> None:
        super().__init__(name=name, daemon=True)
        self.others: Sequence[Loop] = ()
        """Loops that have something to do when this one has done something."""
        self._worker = worker
        self._on_error = on_error
        self._awake = threading.Event()
        self._stopping = False

    def run(self) -> None:
        """Work and rest in turns."""
        try:
            while not self._stopping:
                self._awake.clear()
                rest_s = self._worker.run_once()
                if rest_s is None:
                    return
                if rest_s > 0:
                    self._awake.wait(min(rest_s, LONGEST_REST_S))
                else:
                    for other in self.others:
                        other.wake()
        except BaseException as error:  # an edge: the process ends and the supervisor starts it again
            self._on_error(error)

    def wake(self) -> None:
        """Something changed: look again now."""
        self._awake.set()

    def stop(self) -> None:
        """End after the present step."""
        self._stopping = True
        self._awake.set()
