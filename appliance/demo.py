"""`bucky demo`: a box, a reader service and a phantom X-ray unit on this machine."""

import json
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from appliance.errors import BuckyError

HOST = "127.0.0.1"
CALLING_AE = "PHANTOM-DX"
START_S = 60
DELIVERY_S = 120


class DemoFailed(BuckyError):
    """A part of the demonstration did not start or finish."""

    code = "demo-failed"
    message = "The demonstration stopped: {what}."
    hint = "Look at the lines above; the ports may be in use."


class Service:
    """A box or reader service of the demonstration, in a data folder of its own."""

    def __init__(self, command: str, data: Path) -> None:
        self._command = command
        self.data = data
        self._process: subprocess.Popen[str] | None = None
        self.http_port = 0
        self.dicom_port = 0

    def bucky(self, *arguments: str, text: str = "") -> str:
        """Run one command on this service's data."""
        done = subprocess.run(
            [sys.executable, "-m", "appliance", *arguments, "--data", str(self.data)],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in (0, 1) or (done.returncode and done.stderr):
            raise DemoFailed(what=done.stderr.strip() or f"bucky {arguments[0]}")
        return done.stdout.strip()

    def start(self) -> None:
        """Start on free ports and wait for the ready line."""
        ports = ("--http-port", "0", "--dicom-port", "0", "--dicom-tls-port", "0", "--no-mdns")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "appliance", self._command, "--data", str(self.data), "--host", HOST, *ports],
            stdout=subprocess.PIPE,
            stderr=(self.data / "log.jsonl").open("w"),
            text=True,
        )
        assert self._process.stdout is not None  # noqa: S101 - opened with PIPE
        for line in self._process.stdout:
            if line.startswith("ready "):
                fields = dict(part.split("=", 1) for part in line.split()[1:])
                self.http_port, self.dicom_port = (int(fields[k].rpartition(":")[2]) for k in ("http", "dicom"))
                return
        raise DemoFailed(what=f"the {self._command} did not start")

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)


def demo(*, once: bool) -> int:
    """Run until Ctrl-C, or with `once` until the pictures are confirmed at the reader."""
    from appliance.phantom.dataset import phantom_study
    from appliance.phantom.unit import send

    password = secrets.token_urlsafe(9)
    with tempfile.TemporaryDirectory(prefix="bucky-demo-") as folder:
        reader, box = Service("reader", Path(folder) / "reader"), Service("run", Path(folder) / "box")
        try:
            _prepare(reader, box, password)
            _say("Taking three radiographs of a phantom dog ...")
            pictures = phantom_study()
            send(
                pictures,
                HOST,
                box.dicom_port,
                calling_ae=CALLING_AE,
                progress=lambda n, of: _say(f"  sent {n} of {of} to the box"),
            )
            _wait_for_delivery(box, str(pictures[0].StudyInstanceUID))
            _say_where(reader, box, password)
            while not once:
                time.sleep(1)
        except KeyboardInterrupt:
            _say("Stopping.")
        finally:
            box.stop()
            reader.stop()
    return 0


def _prepare(reader: Service, box: Service, password: str) -> None:
    _say("Starting a reader service and a box ...")
    for service, clinic, admin in ((reader, "Demo Reading Service", "reader"), (box, "Demo Animal Clinic", "clinic")):
        service.data.mkdir(parents=True)
        service.bucky("setup", "--clinic", clinic, "--kind", "vet", "--admin", admin, "--password-stdin", text=password)
        service.start()
    token = reader.bucky("token", "create", "demo clinic", "--role", "technician")
    url = f"http://{HOST}:{reader.http_port}/dicom-web"
    box.bucky("destination", "add", "Reader", "--dicomweb", url, "--token-stdin", "--auto", text=token)
    box.bucky("modality", "accept", CALLING_AE, "--address", HOST)


def _wait_for_delivery(box: Service, study_instance_uid: str) -> None:
    shown = None
    deadline = time.monotonic() + DELIVERY_S
    while time.monotonic() < deadline:
        rows = json.loads(box.bucky("study", "verify", study_instance_uid, "--json"))
        if rows and (rows[0]["verified"], rows[0]["instances"]) != shown:
            shown = (rows[0]["verified"], rows[0]["instances"])
            _say(f"  {shown[0]} of {shown[1]} confirmed at the reader")
        if rows and rows[0]["complete"]:
            return
        time.sleep(0.3)
    raise DemoFailed(what="the pictures did not arrive at the reader in time")


def _say_where(reader: Service, box: Service, password: str) -> None:
    _say("")
    _say(f"clinic's page: http://{HOST}:{box.http_port}/     name: clinic   password: {password}")
    _say(f"reader's page: http://{HOST}:{reader.http_port}/     name: reader   password: {password}")
    _say("Sign a report on the reader's page; it appears on the clinic's page. Ctrl-C ends the demonstration.")


def _say(text: str) -> None:
    print(text, flush=True)
