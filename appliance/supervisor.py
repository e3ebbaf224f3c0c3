"""Runs the roles as processes of their own and starts one again when it ends; systemd does this on the device."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence

from appliance.logs import Log
from appliance.settings import Settings
from appliance.stopping import stop_event

FIRST_START_S = 60.0
_RESTART_S = (0.1, 0.5, 1.0, 2.0, 5.0)  # after the first, second, ... failure within a minute
_CALM_S = 60.0


class Role:
    """One process; its port stays the same over restarts."""

    def __init__(self, name: str, kind: str, settings: Settings, environ: dict[str, str]) -> None:
        self.name = name
        self.listening: str | None = None
        self.listening_tls: str | None = None
        self._kind = kind
        self._settings = settings
        self._environ = environ
        self._answered = threading.Event()
        self._failures = 0
        self._started_at = 0.0
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start the process and read what it says in a thread."""
        self._started_at = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "appliance.cli", *self._arguments()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **self._environ},
        )
        threading.Thread(target=self._read, args=[self.process], daemon=True).start()

    def _arguments(self) -> list[str]:
        """What was given on the command line, and the free ports that were taken; all else may change in between."""
        s = self._settings
        ports = {"web": {"http_port": self.listening}, "receiver": {"dicom_port": self.listening}}.get(self.name, {})
        taken = {**ports, "dicom_tls_port": self.listening_tls}
        options = []
        for key in ("host", "http_port", "dicom_port", "dicom_tls_port", "ae_title"):
            value = getattr(s, key)
            if value == 0 and taken.get(key):
                value = str(taken[key]).rpartition(":")[2]
            if s.sources[key] == "command line" or value != getattr(s, key):
                options += [f"--{key.replace('_', '-')}", str(value)]
        return [
            *("role", self.name, self._kind, "--data", str(s.data), *options),
            *(["--archive", s.archive_url] if s.archive_url and s.sources["archive_url"] == "command line" else []),
            *(["--no-mdns"] if not s.mdns and s.sources["mdns"] == "command line" else []),
            *(["--no-dicom-tls"] if not s.dicom_tls and s.sources["dicom_tls"] == "command line" else []),
        ]

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None  # noqa: S101 - opened with PIPE
        for line in process.stdout:
            if line.startswith("listening dicom-tls="):
                self.listening_tls = line.strip().partition("=")[2]
            elif line.startswith("listening "):
                self.listening = line.strip().partition("=")[2] or None
                self._answered.set()

    def wait_until_answering(self, deadline: float) -> bool:
        """Whether the role answered before the deadline (monotonic seconds) and is alive."""
        while time.monotonic() < deadline:
            if self._answered.wait(0.05):
                return True
            if self.process is None or self.process.poll() is not None:
                return False
        return False

    def is_wanted(self) -> bool:
        """Whether there is work for the agent: this is a box, and it was made for a vendor."""
        return self._kind == "box" and (self._settings.data / "vendor" / "trust.json").exists()

    def seconds_to_restart(self) -> float:
        """How long to wait before the next start: not at all at first, longer when it fails again and again."""
        if time.monotonic() - self._started_at > _CALM_S:
            self._failures = 0
        wait_s = _RESTART_S[min(self._failures, len(_RESTART_S) - 1)]
        self._failures += 1
        return wait_s

    def stop(self, timeout_s: float = 10.0) -> None:
        """Ask the process to end, and insist after a while."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def supervise(kind: str, settings: Settings, *, on_ready: Callable[[str, str, str | None], None]) -> int:
    """Run receiver, web and courier until SIGTERM or SIGINT; 1 if one cannot be started at all."""
    stop = stop_event()
    receiver = Role("receiver", kind, settings, {})
    receiver.start()
    if not receiver.wait_until_answering(time.monotonic() + FIRST_START_S):
        receiver.stop()
        return 1
    port = {"BUCKY_RECEIVER_PORT": str(receiver.listening).rpartition(":")[2]}
    roles = [receiver, Role("web", kind, settings, port), Role("courier", kind, settings, port)]
    for role in roles[1:]:
        role.start()
    deadline = time.monotonic() + FIRST_START_S
    if not all(role.wait_until_answering(deadline) for role in roles):
        _stop_all(roles)
        return 1
    on_ready(str(roles[1].listening), str(receiver.listening), receiver.listening_tls)
    _keep_running(roles, Role("agent", kind, settings, port), stop, Log("supervisor"))
    _stop_all(roles)
    return 0


def _keep_running(roles: list[Role], agent: Role, stop: threading.Event, log: Log) -> None:
    """The agent joins the others when the box belongs to a vendor."""
    due: dict[Role, float] = {}
    while not stop.wait(0.1):
        if agent not in roles and agent.is_wanted():
            agent.start()
            roles.append(agent)
        for role in roles:
            if role.process is None or role.process.poll() is None:
                continue
            if role not in due:
                log.event("role-ended", code=role.name, status=str(role.process.returncode))
                due[role] = time.monotonic() + role.seconds_to_restart()
            elif time.monotonic() >= due[role]:
                del due[role]
                role.start()


def _stop_all(roles: Sequence[Role]) -> None:
    for role in roles:
        if role.process is not None and role.process.poll() is None:
            role.process.terminate()
    for role in roles:
        role.stop()
