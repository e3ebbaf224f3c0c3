"""One role of a box as a process of its own, without the supervisor, so that a test decides when it starts and ends."""

import os
import subprocess
import sys
from pathlib import Path

from tests.box import HOST


class Role:
    """`bucky role NAME box` on a free loopback port."""

    def __init__(self, name: str, data: Path, environ: dict[str, str] | None = None) -> None:
        self.name = name
        self.data = data
        self.environ = environ or {}
        self.port = 0
        self.process: subprocess.Popen[str] | None = None
        self.log = data.with_name(f"{data.name}-{name}.log")

    def start(self) -> "Role":
        """Start and wait until it answers."""
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "appliance", "role", self.name, "box", "--data", str(self.data)),
                    *("--host", HOST, "--http-port", "0", "--dicom-port", "0", "--no-dicom-tls", "--no-mdns"),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **self.environ},
            )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("listening "):
                self.port = int(line.strip().rpartition(":")[2]) if ":" in line else 0
                return self
        raise AssertionError(f"{self.name} does not start: {self.log.read_text()[-2000:]}")

    @property
    def is_dead(self) -> bool:
        """Whether the process has ended."""
        return self.process is None or self.process.poll() is not None

    def kill(self) -> None:
        """SIGKILL, and the end of the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(30)
