"""The plug is pulled while pictures come in, on a disk that really loses what was not synced."""

import contextlib
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.box import PASSWORD
from tests.fault.counts import report, trials
from tests.fault.ledger import Ledger, look
from tests.fault.role import Role
from tests.pictures import small_study
from tests.waiting import wait_for

CUTS = trials(4, 100)
SENDERS = 2
pytestmark = pytest.mark.skipif(
    shutil.which("fusermount3") is None or not Path("/dev/fuse").exists(), reason="FUSE is not available"
)


class Disk:
    """The mounted file system, and its plug."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fault.powerless", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        wait_for(self._is_mounted, 20, "the mount")

    def _is_mounted(self) -> bool:
        return any(line.split()[1] == str(self.folder) for line in Path("/proc/mounts").read_text().splitlines())

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def cut(self, seed: int) -> None:
        """Nothing is read or written from here on."""
        assert self._process.stdout is not None
        self._say(f"cut {seed}")
        assert self._process.stdout.readline() == "cut\n"

    def power_on(self) -> None:
        """What survived is mounted again, with no cache of the kernel left."""
        assert self._process.stdout is not None
        self._unmount()
        self._say("on")
        assert self._process.stdout.readline() == "on\n"
        wait_for(self._is_mounted, 20, "the mount")

    def _unmount(self) -> None:
        def done() -> bool:
            subprocess.run(["fusermount3", "-u", str(self.folder)], capture_output=True, check=False)
            return not self._is_mounted()

        wait_for(done, 20, "the end of the mount")

    def close(self) -> None:
        """Unmount for good."""
        with contextlib.suppress(AssertionError):
            self._unmount()
        self._process.kill()
        self._process.wait()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A disk with a plug."""
    made = Disk(tmp_path / "disk")
    yield made
    made.close()


def _set_up(data: Path) -> None:
    """A box in service: set up and its unit accepted, by a process of its own."""
    script = (
        "import sys; from pathlib import Path; from appliance.settings import load; from appliance.wiring import Box;"
        "box = Box(load(Path(sys.argv[1]), command_line={}, environ={})); box.recover();"
        "box.first_run.set_up(clinic='Paw', kind='vet', name='Ann', password=sys.argv[2]);"
        "box.senders.accept_title('PHANTOM-DX', '127.0.0.1')"
    )
    subprocess.run([sys.executable, "-c", script, str(data), PASSWORD], check=True, timeout=120)


def _send_until_cut(ledger: Ledger, port: int, stop: threading.Event) -> None:
    while not stop.is_set():
        ledger.send(small_study("canine-thorax", 0.05), port)


def test_power_cuts_during_ingest_lose_nothing_acknowledged(disk: Disk) -> None:
    """After each cut: every acknowledged instance once and with its digest, and a sound database."""
    data, ledger, rng = disk.folder / "data", Ledger(), random.Random(11)
    _set_up(data)
    losses: list[str] = []
    unacknowledged_kept = 0
    for number in range(CUTS):
        role = Role("receiver", data)
        role.log = disk.folder.parent / "receiver.log"
        role.start()
        stop = threading.Event()
        senders = [threading.Thread(target=_send_until_cut, args=[ledger, role.port, stop]) for _ in range(SENDERS)]
        for sender in senders:
            sender.start()
        time.sleep(rng.uniform(0.05, 1.5))
        disk.cut(number)
        stop.set()
        role.kill()
        for sender in senders:
            sender.join()
        disk.power_on()
        kept = look(data)
        losses += [f"cut {number}: {loss}" for loss in ledger.losses_in(kept)]
        unacknowledged_kept = len(kept["rows"].keys() - ledger.acknowledged)
        assert kept["leftovers"] == []
    assert len(ledger.acknowledged) > CUTS
    report(
        "power cut during ingest",
        CUTS,
        losses,
        acknowledged=len(ledger.acknowledged),
        unacknowledged_and_kept=unacknowledged_kept,
    )


def test_the_disk_of_this_test_really_loses_what_was_not_synced(disk: Disk) -> None:
    """Else the test above could not fail: content, a new name and a rename are gone without their fsync."""
    script = (
        "import os, sys; from pathlib import Path; from appliance.files import sync_file, sync_folder;"
        "f = Path(sys.argv[1]); (f / 'synced').write_text('x'); sync_file(f / 'synced'); sync_folder(f);"
        "(f / 'name').write_text('x'); sync_file(f / 'name');"  # its name is not synced
        "(f / 'synced').rename(f / 'renamed');"
        "g = (f / 'renamed').open('a'); g.write('y'); g.flush()"
    )
    subprocess.run([sys.executable, "-c", script, str(disk.folder)], check=True, timeout=60)
    assert {path.name for path in disk.folder.iterdir()} == {"name", "renamed"}
    disk.cut(0)
    disk.power_on()
    assert {path.name: path.read_text() for path in disk.folder.iterdir()} == {"synced": "x"}


def test_a_box_set_up_before_the_cut_is_set_up_after_it(disk: Disk) -> None:
    """The database's own name is synced too."""
    data = disk.folder / "data"
    data.mkdir()
    subprocess.run(["sync", "-d", str(disk.folder)], check=True)
    _set_up(data)
    disk.cut(0)
    disk.power_on()
    found = look(data)
    assert found["sound"]
    script = (
        "import sys; from pathlib import Path; from appliance.settings import load; from appliance.wiring import Box;"
        "print(Box(load(Path(sys.argv[1]), command_line={}, environ={})).first_run.needed)"
    )
    told = subprocess.run([sys.executable, "-c", script, str(data)], capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"
