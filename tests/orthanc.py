"""A real Orthanc with its DICOMweb plugin on free loopback ports."""

import json
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

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
    """Started with its own configuration and storage; ports stay over a restart."""

    def __init__(self, folder: Path) -> None:
        need("Orthanc")
        self.http_port, self.dicom_port = free_port(), free_port()
        folder.mkdir(parents=True)
        self._config = folder / "orthanc.json"
        self._log = folder / "orthanc.log"
        self._process: subprocess.Popen[bytes] | None = None
        facts = {
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "HttpPort": self.http_port,
            "DicomPort": self.dicom_port,
            "DicomAet": "ORTHANC",
            "DicomAlwaysAllowStore": True,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "Plugins": [str(PLUGIN)],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }
        self._config.write_text(json.dumps(facts))

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
        binary = shutil.which("Orthanc", path="/usr/sbin:/usr/bin:/usr/local/bin") or "Orthanc"
        self._process = subprocess.Popen(
            [binary, str(self._config)], stdout=self._log.open("ab"), stderr=subprocess.STDOUT
        )
        wait_for(self._answers, 30, "Orthanc")
        return self

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/system", timeout=2).ok
        except requests.RequestException:
            return False

    def upload(self, content: bytes) -> None:
        """Store a DICOM file."""
        requests.post(f"{self.url}/instances", data=content, timeout=30).raise_for_status()

    def file(self, sop_instance_uid: str) -> bytes:
        """The stored file of an instance."""
        found: list[dict[str, Any]] = requests.post(
            f"{self.url}/tools/lookup", data=sop_instance_uid, timeout=30
        ).json()
        return requests.get(f"{self.url}/instances/{found[0]['ID']}/file", timeout=30).content

    def stop(self) -> None:
        """End this process only."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(30)
