"""The uplink beside Orthanc's own DICOMweb client over one bad line: `python -m tests.bench.line` (root).

Four DX over 5 Mbit/s, 40 ms, 0.5 % loss; wall time over the physical limit of the bytes sent, headers not counted. Both
have their JPEG-LS ready before the clock starts, and have sent a picture before. Then one DX with a cut of 20 s at
90 %, without loss, so that what was sent twice can be counted.
"""

import argparse
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydicom.uid import generate_uid

from appliance.clock import moment
from appliance.line import bbr_available
from appliance.phantom.dataset import phantom_study
from appliance.phantom.unit import write
from tests.bench.wire import FAR, Wire
from tests.orthanc import PLUGIN
from tests.pictures import small_study
from tests.waiting import wait_for

RATE_BIT_S = 5_000_000
ROUND_TRIP_S, LOSS = 0.04, 0.005
CUT_S = 20.0
JPEG_LS = "1.2.840.10008.1.2.4.80"
READER_PORT, ORTHANC_PORT = 8090, 8042
_STARTS = 5
_CONGESTION = Path("/proc/sys/net/ipv4/tcp_congestion_control")
_ASK = "import sys,urllib.request as u;r=u.Request(sys.argv[2],sys.stdin.buffer.read() or None,method=sys.argv[1]);" + (
    "sys.stdout.buffer.write(u.urlopen(r,timeout=900).read())"
)


def ask(within: list[str], method: str, url: str, body: bytes = b"") -> bytes:
    """One HTTP request from inside a namespace."""
    return subprocess.run(
        [*within, sys.executable, "-c", _ASK, method, url], input=body, capture_output=True, check=True
    ).stdout


@contextmanager
def running(within: list[str], words: list[str], answers: str, log: Path) -> Iterator[None]:
    """A program in a namespace, for as long as it is needed."""
    process = None
    try:
        for _ in range(_STARTS):  # a box gives up on a machine too busy to start it in a minute
            with log.open("ab") as file:
                process = subprocess.Popen([*within, *words], stdin=subprocess.DEVNULL, stdout=file, stderr=file)
            if _comes_up(process, within, answers):
                break
        yield
    finally:
        if process is not None:
            process.terminate()
            process.wait(30)


def _comes_up(process: "subprocess.Popen[bytes]", within: list[str], answers: str) -> bool:
    wait_for(lambda: process.poll() is not None or _answers(within, answers), 240, answers)
    return process.poll() is None


def _answers(within: list[str], url: str) -> bool:
    return (
        subprocess.run(
            [*within, sys.executable, "-c", _ASK, "GET", url], input=b"", capture_output=True, check=False
        ).returncode
        == 0
    )


def bucky(data: Path, *words: str, text: str = "") -> str:
    """One command on a data folder."""
    done = subprocess.run(
        [sys.executable, "-m", "appliance", *words, "--data", str(data)],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def orthanc_config(folder: Path, **more: Any) -> Path:
    """A configuration that keeps out of the way."""
    folder.mkdir(parents=True)
    facts = {
        "StorageDirectory": str(folder),
        "IndexDirectory": str(folder),
        "HttpPort": ORTHANC_PORT,
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": True,
        "AuthenticationEnabled": False,
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        **more,
    }
    (folder / "orthanc.json").write_text(json.dumps(facts))
    return folder / "orthanc.json"


class Bench:
    """The programs at both ends of one line."""

    def __init__(self, wire: Wire, folder: Path) -> None:
        self.wire = wire
        self.box, self.reader = folder / "box", folder / "reader"
        self.near, self.far = wire.within(True), wire.within(False)
        self.folder = folder

    def set_up(self) -> None:
        """A box that knows its reader and an Orthanc."""
        for data, admin in ((self.reader, "rita"), (self.box, "ann")):
            bucky(
                data,
                "setup",
                "--clinic",
                "C",
                "--kind",
                "vet",
                "--admin",
                admin,
                "--password-stdin",
                text="correct horse battery",
            )
        token = bucky(self.reader, "token", "create", "clinic", "--role", "technician")
        bucky(
            self.box,
            "destination",
            "add",
            "Reader",
            "--dicomweb",
            f"http://{FAR}:{READER_PORT}/dicom-web",
            "--token-stdin",
            text=token,
        )
        bucky(self.box, "destination", "add", "Orthanc", "--dicomweb", f"http://{FAR}:{ORTHANC_PORT}/dicom-web")

    def warm_up(self) -> None:
        """A small study goes first: no line is measured on its first day."""
        datasets = small_study("cervical-spine", 0.1)
        bucky(self.box, "import", *map(str, write(datasets, self.folder / "warm-up")))
        self.deliver(str(datasets[0].StudyInstanceUID), "Reader")

    def study(self, pictures: int, name: str) -> tuple[str, list[Path]]:
        """A study of so many DX at the box, its copies made; returns its UID and the files."""
        (ds,) = phantom_study("cervical-spine")
        uid, files = str(ds.StudyInstanceUID), []
        for _ in range(pictures):
            ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
            files += write([ds], self.folder / name)
        bucky(self.box, "import", *map(str, files))
        wait_for(lambda: self._ready(uid) == pictures, 240, "the copies")
        return uid, files

    def _rows(self, sql: str, *values: str) -> list[tuple[Any, ...]]:
        db = sqlite3.connect(self.box / "bucky.sqlite")
        try:
            return db.execute(sql, values).fetchall()
        finally:
            db.close()

    def _ready(self, uid: str) -> int:
        return len(
            self._rows(
                "SELECT 1 FROM instance JOIN study ON study.id = instance.study_id"
                " JOIN encoded_copy AS copy ON copy.dataset_sha256 = instance.dataset_sha256"
                ""
                " WHERE study_instance_uid = ? AND copy.state = 'ready'",
                uid,
            )
        )

    def copies_bytes(self, uid: str) -> int:
        """The size of what goes out."""
        return sum(
            size
            for (size,) in self._rows(
                "SELECT copy.size_bytes FROM instance JOIN study ON study.id = instance.study_id"
                " JOIN encoded_copy AS copy ON copy.dataset_sha256 = instance.dataset_sha256"
                " WHERE study_instance_uid = ?",
                uid,
            )
        )

    def deliver(self, uid: str, destination: str, *, timeout_s: float = 300) -> float:
        """Send and wait; seconds from the request to the last instance verified, by the box's own clock."""
        bucky(self.box, "study", "send", uid, destination)
        sql = (
            "SELECT asked_at, verified_at FROM study JOIN reading_request r ON r.study_id = study.id"
            " JOIN instance ON instance.study_id = study.id JOIN delivery d ON d.instance_id = instance.id"
            " AND d.destination_id = r.destination_id JOIN destination ON destination.id = r.destination_id"
            " WHERE study_instance_uid = ? AND destination.name = ?"
        )

        def done() -> list[tuple[Any, ...]]:
            rows = self._rows(sql, uid, destination)
            return rows if rows and all(row[1] for row in rows) else []

        rows = wait_for(done, timeout_s, "the delivery")
        return (moment(max(row[1] for row in rows)) - moment(rows[0][0])).total_seconds()


def limit_s(size_bytes: int) -> float:
    """The time that the bytes alone need."""
    return size_bytes * 8 / RATE_BIT_S


def in_words(seconds: float, size_bytes: int) -> str:
    """A figure beside its limit."""
    return f"{seconds:.1f} s for {size_bytes / 1e6:.1f} MB, {seconds / limit_s(size_bytes):.3f} x the limit"


def orthanc_client(bench: Bench, files: list[Path]) -> tuple[float, int]:
    """Orthanc's DICOMweb client with JPEG-LS on ingest and a patient time-out: seconds, and bytes of the files."""
    server = {"Url": f"http://{FAR}:{ORTHANC_PORT}/dicom-web/", "Timeout": 600}
    web = {"Enable": True, "Root": "/dicom-web/", "Servers": {"far": server}}
    folder = bench.folder / "near"
    config = orthanc_config(folder, DicomWeb=web, IngestTranscoding=JPEG_LS)
    local = f"http://127.0.0.1:{ORTHANC_PORT}"
    with running(bench.near, ["/usr/sbin/Orthanc", str(config)], f"{local}/system", folder / "log"):
        ids = [json.loads(ask(bench.near, "POST", f"{local}/instances", f.read_bytes()))["ID"] for f in files]
        size = sum(json.loads(ask(bench.near, "GET", f"{local}/instances/{i}/attachments/dicom/size")) for i in ids)

        def send(one: str) -> None:
            request = json.dumps({"Resources": [one], "Synchronous": True}).encode()
            ask(bench.near, "POST", f"{local}/dicom-web/servers/far/stow", request)

        (small,) = write(small_study("cervical-spine", 0.1), bench.folder / "warm-up-orthanc")
        send(json.loads(ask(bench.near, "POST", f"{local}/instances", small.read_bytes()))["ID"])
        began = time.monotonic()
        for one in ids:  # one instance a POST, as the box does; all in one took longer
            send(one)
        return time.monotonic() - began, int(size)


def resent_bytes(bench: Bench, destination: str) -> tuple[int, int]:
    """How much more went over the line because of a cut at 90 % of an image; and the size of the image."""
    plain, _ = bench.study(1, f"whole-{destination}")
    before = bench.wire.up.payload_bytes
    bench.deliver(plain, destination)
    whole = bench.wire.up.payload_bytes - before
    uid, _ = bench.study(1, f"cut-{destination}")
    size = bench.copies_bytes(uid)
    before = bench.wire.up.payload_bytes
    bucky(bench.box, "study", "send", uid, destination)
    wait_for(lambda: bench.wire.up.payload_bytes - before > 0.9 * size, 120, "90 % of the image")
    bench.wire.cut(CUT_S)
    bench.deliver(uid, destination)
    time.sleep(1)
    return bench.wire.up.payload_bytes - before - whole, size


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=4)
    parser.add_argument("--without-cut", action="store_true")
    args = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="bucky-line-") as folder,
        Wire(rate_bit_s=RATE_BIT_S, round_trip_s=ROUND_TRIP_S, loss=LOSS, name="bkl") as wire,
    ):
        run(Bench(wire, Path(folder)), args.pictures, cut=not args.without_cut)


def run(bench: Bench, pictures: int, *, cut: bool) -> None:
    """All of it, one after the other on the same line."""
    bench.set_up()
    reader = [sys.executable, "-m", "appliance", "reader", "--data", str(bench.reader), "--host", FAR]
    box = [sys.executable, "-m", "appliance", "run", "--data", str(bench.box), "--host", "127.0.0.1"]
    ports = ["--dicom-port", "0", "--dicom-tls-port", "0", "--no-mdns", "--http-port"]
    far_orthanc = ["/usr/sbin/Orthanc", str(orthanc_config(bench.folder / "far"))]
    with (
        running(
            bench.far,
            [*reader, *ports, str(READER_PORT)],
            f"http://{FAR}:{READER_PORT}/healthz",
            bench.folder / "r.log",
        ),
        running(bench.far, far_orthanc, f"http://{FAR}:{ORTHANC_PORT}/system", bench.folder / "o.log"),
    ):
        with running(bench.near, [*box, *ports, "8080"], "http://127.0.0.1:8080/healthz", bench.folder / "b.log"):
            print(
                f"line: {RATE_BIT_S / 1e6:.0f} Mbit/s, {ROUND_TRIP_S * 1000:.0f} ms, {LOSS:.1%} loss; {pictures} DX; "
                f"box's congestion control: {'BBR' if bbr_available() else 'cubic, this kernel has no BBR'}"
            )
            bench.warm_up()
            uid, files = bench.study(pictures, "line")
            size = bench.copies_bytes(uid)
            seconds = bench.deliver(uid, "Reader")
            print(f"box to reader, verified: {in_words(seconds, size)}")
            if cut:
                bench.wire.up.loss = bench.wire.down.loss = 0.0
                for destination, word in (("Reader", "resumable"), ("Orthanc", "plain STOW")):
                    extra, image = resent_bytes(bench, destination)
                    print(f"cut at 90 %, {word}: {extra / 1e6:.2f} MB of {image / 1e6:.1f} MB sent twice")
                bench.wire.up.loss = bench.wire.down.loss = LOSS
        congestion = _CONGESTION.read_text().strip()  # of programs that choose none; a namespace cannot change it
        seconds, size = orthanc_client(bench, files)
        print(f"Orthanc's client, {congestion}: {in_words(seconds, size)}")


if __name__ == "__main__":
    if not (shutil.which("ip") and Path("/dev/net/tun").exists()):
        raise SystemExit("ip and /dev/net/tun are needed, and root")
    main()
