"""A real Orthanc with its DICOMweb plugin on free loopback ports."""

import io
import json
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
import requests
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.waiting import wait_for

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def need(*commands: str) -> None:
    """Skip the test, by name, when a tool of the Debian packages is missing."""
    missing = [c for c in commands if not shutil.which(c, path="/usr/bin:/usr/sbin:/bin:/usr/local/bin")]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}; `make system` installs it")


class Orthanc:
    """Started with its own configuration and storage; ports stay over a restart. Missing programs fail the test."""

    aet = "ORTHANC"

    def __init__(
        self,
        folder: Path,
        *,
        credentials: tuple[str, str] | None = None,
        plugins: Sequence[Path] = (),
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        binary = shutil.which("Orthanc", path="/usr/sbin:/usr/bin:/usr/local/bin")
        if binary is None or not PLUGIN.exists():
            pytest.fail("needs Orthanc and its DICOMweb plugin; `make system` installs them", pytrace=False)
        self._binary = binary
        self._session = requests.Session()
        self._session.auth = credentials
        self.http_port, self.dicom_port = free_port(), free_port()
        folder.mkdir(parents=True)
        self._config = folder / "orthanc.json"
        self._log = folder / "orthanc.log"
        self._process: subprocess.Popen[bytes] | None = None
        configuration = {
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "HttpPort": self.http_port,
            "DicomPort": self.dicom_port,
            "DicomAet": self.aet,
            "DicomAlwaysAllowStore": True,
            "DicomAlwaysAllowFind": True,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": credentials is not None,
            "RegisteredUsers": dict([credentials]) if credentials else {},
            "Plugins": [str(PLUGIN), *map(str, plugins)],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }
        self._config.write_text(json.dumps(configuration | dict(facts or {})))

    def configure(self, **facts: object) -> None:
        """Change the configuration before the start."""
        self._config.write_text(json.dumps(json.loads(self._config.read_text()) | facts))

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def url(self) -> str:
        """The REST address."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def dicomweb(self) -> str:
        """The DICOMweb address."""
        return f"{self.url}/dicom-web"

    def start(self) -> "Orthanc":
        """Start and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([self._binary, str(self._config)], stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_for(self._answers, 30, "Orthanc")
        except AssertionError:
            self.stop()
            raise AssertionError(f"Orthanc does not answer: {self._log.read_text()[-2000:]}") from None
        return self

    def __enter__(self) -> "Orthanc":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _answers(self) -> bool:
        try:
            if self._process is None or self._process.poll() is not None:  # another program took the port
                raise AssertionError("Orthanc ended")
            return self._session.get(f"{self.url}/system", timeout=2).ok
        except requests.RequestException:
            return False

    def upload(self, content: bytes) -> None:
        """Store a DICOM file."""
        self._session.post(f"{self.url}/instances", data=content, timeout=30).raise_for_status()

    def file(self, sop_instance_uid: str) -> bytes:
        """The stored file of an instance."""
        answer = self._session.post(f"{self.url}/tools/lookup", data=sop_instance_uid, timeout=30)
        found: list[dict[str, Any]] = answer.json()
        assert found, "Orthanc does not hold the instance"
        return self._session.get(f"{self.url}/instances/{found[0]['ID']}/file", timeout=30).content

    def instances(self) -> list[Dataset]:
        """All that is stored."""
        found = self._session.get(f"{self.url}/instances", timeout=30).json()
        files = [self._session.get(f"{self.url}/instances/{i}/file", timeout=30).content for i in found]
        return [dcmread(io.BytesIO(content)) for content in files]

    def stop(self) -> None:
        """End this process only."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(30)
