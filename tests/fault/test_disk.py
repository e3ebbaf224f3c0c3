"""Disks that are full, turn read-only or lie, and a clock that stands ten years back."""

import contextlib
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.settings import load
from appliance.wiring import Box as Services
from tests.box import HOST, PASSWORD, Box
from tests.fault.counts import report, trials
from tests.fault.ledger import Ledger, look
from tests.fault.role import Role
from tests.pictures import small_study
from tests.waiting import wait_for

needs_mounts = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
STAGES = trials(6, 40)
_DISK_BYTES = 24 * 2**20
_TEN_YEARS_BACK = "-3650d"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 24 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def _set_up(data: Path) -> None:
    box = Services(load(data, command_line={}, environ={}))
    box.first_run.set_up(clinic="Paw", kind="vet", name="Ann", password=PASSWORD)
    box.senders.accept_title("PHANTOM-DX", "127.0.0.1")
    box.database.close()


def _fill(folder: Path, leave_bytes: int) -> Path:
    """Take the room of the disk but for some bytes."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            while file.write(bytes(65_536)):
                continue
        file.truncate(max(0, file.tell() - leave_bytes))
    return ballast


@needs_mounts
def test_a_disk_full_at_every_stage_loses_nothing_and_recovers_by_itself(small_disk: Path) -> None:
    """From no room at all to room for the file but not for its row; with room again everything goes on."""
    data, ledger = small_disk / "data", Ledger()
    _set_up(data)
    role = Role("receiver", data, {"BUCKY_DISK_RESERVE_MB": "0"})
    role.log = small_disk.parent / "receiver.log"
    role.start()
    assert ledger.send(small_study("cervical-spine", 0.2), role.port)
    refused = 0
    for stage in range(STAGES):
        ballast = _fill(small_disk, stage * (1_600_000 // STAGES))
        studies = [small_study("cervical-spine", 0.2) for _ in range(3)]
        refused += sum(not ledger.send(study, role.port) for study in studies)
        ballast.unlink()
        assert not role.is_dead, "the receiver ended"
        assert ledger.send(small_study("cervical-spine", 0.05), role.port), "it does not take pictures again"
    role.kill()
    assert refused > 0
    report("disk full at every stage", STAGES, ledger.losses(data), refused=refused)


@needs_mounts
def test_a_disk_that_turns_read_only_refuses_and_goes_on_when_it_can_be_written(small_disk: Path) -> None:
    """As failing disks do: nothing is acknowledged meanwhile, and no restart is needed."""
    data, ledger = small_disk / "data", Ledger()
    _set_up(data)
    role = Role("receiver", data, {"BUCKY_DISK_RESERVE_MB": "0"})
    role.log = small_disk.parent / "receiver.log"
    role.start()
    assert ledger.send(small_study("cervical-spine", 0.05), role.port)
    before = set(ledger.acknowledged)
    _remount(small_disk, "ro")
    assert not ledger.send(small_study("cervical-spine", 0.05), role.port)
    assert ledger.acknowledged == before
    _remount(small_disk, "rw")
    wait_for(lambda: ledger.send(small_study("cervical-spine", 0.05), role.port), 30, "the receiver to go on")
    role.kill()
    report("read-only remount", 1, ledger.losses(data))


def _remount(folder: Path, how: str) -> None:
    """A file open for writing keeps a file system from turning read-only, unless it is forced as by a fault."""
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=how == "rw", capture_output=True)
    if how == "ro" and "ro" not in _options(folder):
        subprocess.run(["mount", "--bind", str(folder), str(folder)], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)


def _options(folder: Path) -> list[str]:
    lines = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    return next(fields[3].split(",") for fields in reversed(lines) if fields[1] == str(folder))


def test_noise_over_the_database_of_a_running_box_is_recovered_without_a_person(make_box: Callable[..., Box]) -> None:
    """The receiver ends itself, starts again, and every acknowledged picture is there."""
    box, ledger = make_box().set_up(), Ledger()
    box.start()
    box.accept("PHANTOM-DX")
    for _ in range(3):
        assert ledger.send(small_study("cervical-spine", 0.05), box.dicom_port)
    database = box.data / "bucky.sqlite"
    with database.open("r+b") as file:
        file.write(random.Random(3).randbytes(database.stat().st_size))

    def goes_on() -> bool:
        if ledger.send(small_study("cervical-spine", 0.05), box.dicom_port):
            return True
        box.bucky("modality", "accept", "PHANTOM-DX", "--address", HOST, expect=None)  # the index may be in the making
        return False

    wait_for(goes_on, 90, "the receiver to take pictures again")
    box.stop()
    report("noise over the database", 1, ledger.losses(box.data))
    codes = {n.code for n in Services(load(box.data, command_line={}, environ={})).notices.unread()}
    assert codes & {"index-from-files", "index-from-copy", "index-repaired"}


def test_one_flipped_bit_is_found_by_the_command_and_told(make_box: Callable[..., Box]) -> None:
    """While the box runs; the file is set aside, not deleted."""
    box, ledger = make_box().set_up(), Ledger()
    box.start()
    box.accept("PHANTOM-DX")
    assert ledger.send(small_study("cervical-spine", 0.05), box.dicom_port)
    assert box.facts("check")["damaged"] == 0
    (file,) = (box.data / "instances").rglob("*.dcm")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0x10
    file.write_bytes(content)
    found = box.facts("check", expect=1)
    assert (found["damaged"], found["not_healed"]) == (1, 1)
    (aside,) = (box.data / "damaged").iterdir()
    assert aside.read_bytes() == bytes(content)


@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")
def test_a_clock_ten_years_back_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """No clock chip, no network: pictures come in, and the order of rows does not depend on the clock."""
    data, ledger = tmp_path / "data", Ledger()
    _set_up(data)
    role = Role("receiver", data).start()
    assert ledger.send(small_study("cervical-spine", 0.05), role.port)
    role.kill()
    back = Role("receiver", data, {"LD_PRELOAD": _faketime(), "FAKETIME": _TEN_YEARS_BACK, "DONT_FAKE_MONOTONIC": "1"})
    back.start()
    for study in (again := small_study("canine-thorax", 0.05)), again:
        assert ledger.send(study, back.port)
    back.kill()
    assert any("2016" in row for row in _received(data)), "the clock was not set back"
    role.start()
    assert ledger.send(small_study("cervical-spine", 0.05), role.port)
    role.kill()
    report("clock set back ten years", 1, ledger.losses(data))
    assert len(look(data)["rows"]) == 5


def _faketime() -> str:
    done = subprocess.run(
        ["faketime", "-f", "+0", "printenv", "LD_PRELOAD"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _received(data: Path) -> list[str]:
    box = Services(load(data, command_line={}, environ={}))
    return [row[0] for row in box.database.read.conn.execute("SELECT received_at FROM instance")]
