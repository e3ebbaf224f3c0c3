"""Receiving: images per second with syncing, CPU time an image, memory, beside the peers and the machine itself."""

import os
import shutil
import socket
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from appliance.phantom.ct import ct_slices
from appliance.phantom.dataset import phantom_study
from appliance.phantom.unit import write
from tests.bench.bars import Bars
from tests.bench.servers import PDU_BYTES, Server
from tests.box import HOST

Figures = dict[str, list[tuple[float, float]]]  # name -> (images per second, CPU seconds an image) of each round


def measure(bars: Bars, servers: Sequence[Server], folder: Path, *, dx: int, ct: int, rounds: int) -> None:
    """All kinds, in turn, so that what else the machine does falls on all alike."""
    kinds = (("DX 15 MB", phantom_study("cervical-spine")[0], dx), ("CT 0.5 MB", ct_slices(1)[0], ct))
    for label, ds, count in kinds:
        for associations in (1, 4):
            figures = _rounds(servers, ds, count, associations, folder, rounds)
            _show(bars, f"{label}, {associations}", figures)
            if label.startswith("DX") and associations == 4:
                bars.below("receiver's peak MiB, DX, 4 associations", servers[0].peak_mib(), 100)
                for peer in servers[1:]:
                    bars.note(f"  {peer.name}'s peak MiB", peer.peak_mib())


def _rounds(
    servers: Sequence[Server], ds: Dataset, count: int, associations: int, folder: Path, rounds: int
) -> Figures:
    figures: Figures = {}
    for _ in range(rounds):
        for server in servers:
            files = copies(ds, count, folder / "files")
            figures.setdefault(server.name, []).append(store(server, files, associations))
            shutil.rmtree(folder / "files")
        files = copies(ds, count, folder / "files")
        figures.setdefault("machine", []).append((machine_limit(files, folder / "limit"), 0.0))
        shutil.rmtree(folder / "files")
    return figures


def _show(bars: Bars, label: str, figures: Figures) -> None:
    rates = ", ".join(f"{name} {statistics.median(r for r, _ in made):.1f}" for name, made in figures.items())
    bars.text(f"{label} associations, images/s (median): {rates}")
    kind, associations = label[:2], int(label[-1])
    bar = {("DX", 1): 3.0, ("DX", 4): 2.0, ("CT", 1): 10.0, ("CT", 4): 3.5}[kind, associations]
    bars.above(f"{label}: x Orthanc", _ratio(figures, "Orthanc", 0), bar)
    if associations == 1 and "storescp" in figures:
        bars.above(f"{label}: x storescp, which syncs nothing", _ratio(figures, "storescp", 0), 0.9)
    if "qrscp" in figures:
        bars.note(f"{label}: x qrscp", _ratio(figures, "qrscp", 0))
    bars.note(f"{label}: share of the machine's own limit", _ratio(figures, "machine", 0))
    cpu_ms = statistics.median(cpu for _, cpu in figures["box"]) * 1000
    bars.note(f"{label}: receiver's CPU ms an image", cpu_ms)
    if kind == "DX":
        bars.below(f"{label}: CPU an image, x Orthanc's", _ratio(figures, "Orthanc", 1), 0.4)


def _ratio(figures: Figures, name: str, which: int) -> float:
    """The median of the rounds' ratios of the box to another."""
    pairs = zip(figures["box"], figures[name], strict=True)
    return statistics.median(ours[which] / max(theirs[which], 1e-6) for ours, theirs in pairs)


def copies(ds: Dataset, count: int, folder: Path) -> list[Path]:
    """Files that differ in their SOP Instance UID."""
    made = []
    for _ in range(count):
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        made += write([ds], folder)
    return made


def store(server: Server, files: Sequence[Path], associations: int) -> tuple[float, float]:
    """Images per second until all is answered and durable, and CPU seconds an image."""
    before, began = server.cpu_s(), time.monotonic()
    command = ["storescu", "-pdu", PDU_BYTES, "-aec", server.ae_title, HOST, str(server.port)]
    clients = [subprocess.Popen([*command, *map(str, files[n::associations])]) for n in range(associations)]
    if any(client.wait(600) for client in clients):
        raise SystemExit(f"{server.name}: storescu failed")
    server.sync() if server.name != "box" else None  # the box has synced before it answered
    return len(files) / (time.monotonic() - began), (server.cpu_s() - before) / len(files)


def machine_limit(files: Sequence[Path], folder: Path) -> float:
    """Files per second by loopback into a file that is synced, and its folder: nothing but the bytes."""
    folder.mkdir()
    with socket.create_server((HOST, 0)) as listening:
        receiver = threading.Thread(target=_take, args=[listening, [f.stat().st_size for f in files], folder])
        receiver.start()
        began = time.monotonic()
        with socket.create_connection(listening.getsockname()) as connection:
            for path in files:
                with path.open("rb") as file:
                    connection.sendfile(file)
                connection.recv(1)
        receiver.join()
    rate = len(files) / (time.monotonic() - began)
    shutil.rmtree(folder)
    return rate


def _take(listening: socket.socket, sizes: Sequence[int], folder: Path) -> None:
    directory = os.open(folder, os.O_RDONLY)
    connection, _ = listening.accept()
    buffer = memoryview(bytearray(1 << 20))
    for number, size in enumerate(sizes):
        with (folder / str(number)).open("xb", buffering=0) as file:
            while size:
                count = connection.recv_into(buffer[: min(size, len(buffer))])
                file.write(buffer[:count])
                size -= count
            os.fsync(file.fileno())
        os.fsync(directory)
        connection.send(b"!")
    connection.close()
    os.close(directory)


def wear(bars: Bars, start: Callable[[Path], tuple[Server, Callable[[], None]]], folder: Path, *, dx: int) -> None:
    """Sectors written to a disk that holds nothing but the box's data, for each byte received; needs root."""
    image, mounted = folder / "disk.img", folder / "disk"
    mounted.mkdir()
    with image.open("wb") as file:
        file.truncate(3 << 30)
    subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(image)], check=True)
    done = subprocess.run(["losetup", "--find", "--show", str(image)], capture_output=True, text=True, check=True)
    device = done.stdout.strip()
    try:
        subprocess.run(["mount", device, str(mounted)], check=True)
        server, stop = start(mounted)
        try:
            for label, ds, count in (("DX", phantom_study("cervical-spine")[0], dx), ("CT", ct_slices(1)[0], 10 * dx)):
                files = copies(ds, count, folder / "files")
                os.sync()
                before = _written_bytes(device)
                store(server, files, 1)
                os.sync()
                received = sum(f.stat().st_size for f in files)
                share = (_written_bytes(device) - before) / received
                before = _written_bytes(device)
                machine_limit(files, mounted / "alone")
                os.sync()
                bars.note(
                    f"{label}: the same, files and their folder synced alone",
                    (_written_bytes(device) - before) / received,
                )
                shutil.rmtree(folder / "files")
                (bars.below if label == "DX" else lambda text, figure, _: bars.note(text, figure))(
                    f"{label}: bytes written to the disk per received byte, journal and index included", share, 1.05
                )
        finally:
            stop()
    finally:
        subprocess.run(["umount", str(mounted)], check=False)
        subprocess.run(["losetup", "--detach", device], check=False)


def _written_bytes(device: str) -> int:
    return int(Path(f"/sys/block/{Path(device).name}/stat").read_text().split()[6]) * 512
