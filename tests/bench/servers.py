"""The box and its peers, each on a port and a folder of its own, told apart by nothing but their programs."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.box import Box
from tests.orthanc import Orthanc, free_port
from tests.waiting import wait_for

PDU_BYTES = "131072"
PEERS = ("storescp", "qrscp")


@dataclass(frozen=True)
class Server:
    """One server under measurement; `folder` is where its files go, `pid` the process that receives."""

    name: str
    ae_title: str
    port: int
    folder: Path
    pid: int

    def cpu_s(self) -> float:
        """Processor time of the process that receives and of its children."""
        process = psutil.Process(self.pid)
        return sum(sum(p.cpu_times()[:2]) for p in [process, *process.children(recursive=True)])

    def peak_mib(self) -> float:
        """The most memory that the process ever had."""
        return int(Path(f"/proc/{self.pid}/status").read_text().split("VmHWM:")[1].split()[0]) / 1024

    def sync(self) -> None:
        """Make durable what the server left to chance."""
        for folder, _, names in os.walk(self.folder):
            for place in (*(Path(folder) / name for name in names), Path(folder)):
                _sync(place)


def _sync(place: Path) -> None:
    try:
        descriptor = os.open(place, os.O_RDONLY)
    except FileNotFoundError:
        return
    os.fsync(descriptor)
    os.close(descriptor)


def box_server(box: Box) -> Server:
    """The box's receiver."""
    return Server("box", "BUCKY", box.dicom_port, box.data / "instances", box.roles()["receiver"].pid)


@contextmanager
def running(folder: Path, peers: Sequence[str]) -> Iterator[tuple[Box, Orthanc, list[Server]]]:
    """The box, Orthanc (which syncs its files by default: SyncStorageArea), and other peers of PEERS."""
    with ExitStack() as stack:
        box = Box(folder / "box").set_up()
        stack.callback(box.stop)
        box.start()
        box.accept("STORESCU")
        orthanc = stack.enter_context(Orthanc(folder / "orthanc"))
        servers = [box_server(box), Server("Orthanc", "ORTHANC", orthanc.dicom_port, folder / "orthanc", orthanc.pid)]
        servers += [_peer(stack, name, folder / name) for name in peers]
        yield box, orthanc, servers


def _peer(stack: ExitStack, name: str, folder: Path) -> Server:
    folder.mkdir()
    port = free_port()
    commands = {
        "storescp": ["storescp", "--fork", "-pdu", PDU_BYTES, "-od", str(folder), str(port)],
        "qrscp": [
            *(sys.executable, "-m", "pynetdicom", "qrscp", "--port", str(port), "--max-pdu", PDU_BYTES),
            *("--instance-location", str(folder / "files"), "--database-location", str(folder / "index.sqlite")),
        ],
    }
    process = subprocess.Popen(commands[name], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stack.callback(process.wait, 30)
    stack.callback(process.terminate)
    server = Server(name, "ANY-SCP" if name == "storescp" else "QRSCP", port, folder, process.pid)
    wait_for(lambda: _answers(server), 240, name)
    return server


def _answers(server: Server) -> bool:
    done = subprocess.run(
        ["echoscu", "-to", "2", "-aec", server.ae_title, "127.0.0.1", str(server.port)],
        capture_output=True,
        check=False,
    )
    return done.returncode == 0
