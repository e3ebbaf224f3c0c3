"""A real box or reader service in processes of its own, for tests."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import requests

from tests.waiting import wait_for

HOST = "127.0.0.1"
PASSWORD = "correct horse battery"


class Box:
    """`bucky run` or `bucky reader` on free loopback ports with a data folder of its own."""

    def __init__(self, data: Path, command: str = "run") -> None:
        self.data = data
        self.command = command
        self.process: subprocess.Popen[str] | None = None
        self.http_port = 0
        self.dicom_port = 0
        self.tls_port = 0
        self.setup_code = ""
        self.log = data.with_name(f"{data.name}.log")

    def bucky(self, *arguments: str, text: str = "", expect: int | None = 0) -> str:
        """Run one command on this data folder; returns what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "appliance", *arguments, "--data", str(self.data)],
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if expect is not None:
            assert done.returncode == expect, done.stderr
        return done.stdout.strip()

    def facts(self, *arguments: str, expect: int | None = 0) -> Any:
        """What a command answers as JSON."""
        return json.loads(self.bucky(*arguments, "--json", expect=expect))

    def set_up(self, name: str = "ann") -> "Box":
        """The first run without a browser."""
        self.bucky(
            *("setup", "--clinic", "Test Clinic", "--kind", "vet", "--admin", name, "--password-stdin"), text=PASSWORD
        )
        return self

    def start(self) -> "Box":
        """Start and wait for the ready line; the same ports again after a stop."""
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "appliance", self.command, "--data", str(self.data), "--host", HOST),
                *("--http-port", str(self.http_port), "--dicom-port", str(self.dicom_port), "--no-mdns"),
                *("--dicom-tls-port", str(self.tls_port)),
            ],
            stdout=subprocess.PIPE,
            stderr=self.log.open("a"),
            text=True,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("ready "):
                fields = dict(part.split("=", 1) for part in line.split()[1:])
                self.http_port = int(fields["http"].rpartition(":")[2])
                self.dicom_port = int(fields["dicom"].rpartition(":")[2])
                self.tls_port = int(fields.get("dicom-tls", ":0").rpartition(":")[2])
            if line.startswith("setup code: "):
                self.setup_code = line.split(": ")[1].strip()
            if line.startswith(("setup code", "page:")) and (self.setup_code or not self._needs_code()):
                return self
        raise AssertionError(f"no ready line: {self.log.read_text()[-2000:]}")

    def _needs_code(self) -> bool:
        return not (self.data / "set-up").exists() and "setup" in requests.get(
            f"{self.url}/login", timeout=10, allow_redirects=False
        ).headers.get("Location", "")

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{HOST}:{self.http_port}"

    @property
    def dicomweb(self) -> str:
        """The DICOMweb service's address."""
        return f"{self.url}/dicom-web"

    def roles(self) -> dict[str, psutil.Process]:
        """The running role processes by name."""
        assert self.process is not None
        found = {}
        for child in psutil.Process(self.process.pid).children():
            try:
                line = child.cmdline()
            except psutil.Error:
                continue
            if "role" in line:
                found[line[line.index("role") + 1]] = child
        return found

    def kill(self, role: str) -> None:
        """SIGKILL to one role."""
        self.roles()[role].kill()

    def deliver_to(self, name: str, url: str, *, token: str = "", auto: bool = True) -> None:
        """Add a destination."""
        extra = ("--auto",) if auto else ()
        self.bucky("destination", "add", name, "--dicomweb", url, "--token-stdin", *extra, text=token)

    def accept(self, ae_title: str) -> None:
        """Accept a sender on loopback."""
        self.bucky("modality", "accept", ae_title, "--address", HOST)

    def wait_verified(self, study_instance_uid: str, timeout_s: float = 60) -> None:
        """Wait until every instance of a study is confirmed at its destination."""

        def complete() -> bool:
            done = self.bucky("study", "verify", study_instance_uid, "--json", expect=None)
            rows = json.loads(done) if done else []
            return bool(rows) and all(row["complete"] for row in rows)

        wait_for(complete, timeout_s, "a verified delivery")

    def stop(self) -> None:
        """SIGTERM, and the end of all processes."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)
