"""Helper processes that write files anew: decoders crash on hostile pixels, and must take nobody with them.

A helper lives on between two files, because starting one costs more than most pictures; it ends by itself when it is
idle, and a crashed one is replaced.
"""

import json
import selectors
import subprocess
import sys
import threading
from pathlib import Path

from appliance.dicom.repair import Rules
from appliance.errors import BuckyError

HELPERS = 2  # at once in one role; each has numpy and the codecs in its memory
TIMEOUT_S = 120.0  # for one file
_MODULE = "appliance.imaging.transcode"


class CannotMake(BuckyError):
    """The file could not be written in the form asked for; the stored file is unaffected."""

    code = "cannot-transcode"
    message = "This picture could not be written anew for its receiver."
    hint = "Let the receiver accept the picture's own transfer syntax; if the unit has rules, look at their preview."


class _HelperGone(Exception):
    """It had ended before it took the file."""


class _Helper:
    """One process: a line with a file to make, a line with how it went."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", _MODULE, "--serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def make(self, job: dict[str, object]) -> bool:
        """Whether the file was made; raises _HelperGone."""
        assert self._process.stdin is not None  # noqa: S101 - piped above
        try:
            self._process.stdin.write(json.dumps(job).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise _HelperGone from None
        answer = self._answer()
        if answer == b"" and self._process.wait(TIMEOUT_S) == 0:  # it had gone to rest at that moment
            raise _HelperGone
        return answer == b"done\n"

    def _answer(self) -> bytes:
        assert self._process.stdout is not None  # noqa: S101 - piped in the constructor
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if selector.select(TIMEOUT_S):
                return self._process.stdout.readline()
        self.end()
        return b"too slow\n"

    @property
    def alive(self) -> bool:
        """Whether it can take another file."""
        return self._process.poll() is None

    def end(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


class Workshop:
    """A bounded number of helpers, started when they are needed; used by several threads at once."""

    def __init__(self) -> None:
        self._room = threading.BoundedSemaphore(HELPERS)
        self._lock = threading.Lock()
        self._idle: list[_Helper] = []

    def make(
        self, source: Path, target: Path, *, transfer_syntax_uid: str, max_bytes: int, rules: Rules | None = None
    ) -> None:
        """Write `target` from `source` in a transfer syntax and by rules; raises CannotMake."""
        job: dict[str, object] = {
            "source": str(source),
            "target": str(target),
            "to": transfer_syntax_uid,
            "max_bytes": max_bytes,
            "rules": (rules or Rules()).to_json(),
        }
        with self._room:
            for _ in range(HELPERS + 1):  # all idle ones may have gone to rest
                helper = self._taken()
                try:
                    made = helper.make(job)
                except _HelperGone:
                    helper.end()
                    continue
                self._given_back(helper)
                if not made:
                    raise CannotMake
                return
        raise CannotMake

    def _taken(self) -> _Helper:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return _Helper()

    def _given_back(self, helper: _Helper) -> None:
        if not helper.alive:
            helper.end()
            return
        with self._lock:
            self._idle.append(helper)
