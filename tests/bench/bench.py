"""Speed and memory of the box beside Orthanc, in one run: `make bench`.

Client is dcmtk's storescu on loopback. Times include what each server does before it answers. The box runs whole, with
its page and its courier, which makes previews meanwhile; the CPU column counts the process that receives.
"""

import argparse
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from appliance.phantom.ct import ct_slices
from appliance.phantom.dataset import phantom_study
from appliance.phantom.unit import write
from tests.box import HOST, Box
from tests.orthanc import Orthanc

REST_S = 5
PDU_BYTES = "131072"


@dataclass(frozen=True)
class Server:
    """One server under measurement."""

    name: str
    port: int
    ae_title: str
    process: Callable[[], psutil.Process]


def copies(ds: Dataset, count: int, folder: Path) -> list[Path]:
    """Files that differ in their SOP Instance UID."""
    made = []
    for _ in range(count):
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        made += write([ds], folder)
    return made


def store(server: Server, files: Sequence[Path], associations: int) -> tuple[float, float]:
    """Images per second, and server CPU in milliseconds an image."""
    process = server.process()
    before = sum(process.cpu_times()[:2])
    began = time.monotonic()
    clients = [
        subprocess.Popen(
            [
                "storescu",
                "-pdu",
                PDU_BYTES,
                "-aec",
                server.ae_title,
                HOST,
                str(server.port),
                *map(str, files[n::associations]),
            ]
        )
        for n in range(associations)
    ]
    if any(client.wait(600) for client in clients):
        raise SystemExit(f"{server.name}: storescu failed")
    seconds = time.monotonic() - began
    return len(files) / seconds, (sum(process.cpu_times()[:2]) - before) * 1000 / len(files)


def proportional_mib(pids: Sequence[int]) -> float:
    """Sum of the proportional set sizes."""
    return sum(psutil.Process(pid).memory_full_info().pss for pid in pids) / 2**20


def peak_mib(process: psutil.Process) -> float:
    """The most memory that the process ever had."""
    text = Path(f"/proc/{process.pid}/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dx", type=int, default=16, help="DX images a measurement")
    parser.add_argument("--ct", type=int, default=200, help="CT images a measurement")
    args = parser.parse_args()
    if not (shutil.which("storescu") and shutil.which("Orthanc", path="/usr/sbin:/usr/bin")):
        raise SystemExit("storescu and Orthanc are needed: make system")
    with tempfile.TemporaryDirectory(prefix="bucky-bench-") as folder:
        run(Path(folder), args.dx, args.ct)


def run(folder: Path, dx_count: int, ct_count: int) -> None:
    """Start both, send the same kinds of files to each in turn, print the table."""
    box, orthanc = Box(folder / "box").set_up(), Orthanc(folder / "orthanc")
    try:
        began = time.monotonic()
        box.start()
        box_ready = time.monotonic() - began
        began = time.monotonic()
        orthanc.start()
        orthanc_ready = time.monotonic() - began
        box.accept("STORESCU")
        time.sleep(REST_S)
        roles = {name: process.pid for name, process in box.roles().items()}
        print(f"time to ready: box {box_ready:.2f} s, Orthanc {orthanc_ready:.2f} s")
        each = ", ".join(f"{name} {proportional_mib([pid]):.0f}" for name, pid in roles.items())
        total = proportional_mib([*roles.values(), box.process.pid if box.process else 0])
        print(f"memory at rest (PSS): box {total:.0f} MiB ({each}), Orthanc {proportional_mib([orthanc.pid]):.0f} MiB")
        servers = [
            Server("box", box.dicom_port, "BUCKY", lambda: box.roles()["receiver"]),
            Server("Orthanc", orthanc.dicom_port, "ORTHANC", lambda: psutil.Process(orthanc.pid)),
        ]
        compare(servers, folder, dx_count, ct_count)
        for server in servers:
            print(f"peak memory of the receiving process: {server.name} {peak_mib(server.process()):.0f} MiB")
    finally:
        box.stop()
        orthanc.stop()


def compare(servers: Sequence[Server], folder: Path, dx_count: int, ct_count: int) -> None:
    """One line for each kind and number of associations."""
    dx, ct = phantom_study("cervical-spine")[0], ct_slices(1)[0]
    print(f"{'':22}{'box images/s':>14}{'Orthanc':>10}{'ratio':>8}{'box CPU ms':>12}{'Orthanc':>10}{'ratio':>8}")
    for label, ds, count in (("DX 15 MB", dx, dx_count), ("CT 0.5 MB", ct, ct_count)):
        for associations in (1, 4):
            figures = []
            for server in servers:
                files = copies(ds, count, folder / "files")
                figures.append(store(server, files, associations))
                shutil.rmtree(folder / "files")
            (box_rate, box_cpu), (other_rate, other_cpu) = figures
            print(
                f"{label}, {associations} association{'s' if associations > 1 else ''}".ljust(22)
                + f"{box_rate:14.1f}{other_rate:10.1f}{box_rate / other_rate:8.1f}"
                + f"{box_cpu:12.1f}{other_cpu:10.1f}{box_cpu / max(other_cpu, 0.001):8.2f}"
            )


if __name__ == "__main__":
    main()
