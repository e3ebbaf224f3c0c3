"""A box at its manufacture: flashed, tested by itself, registered by the station, labelled, and clean."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.factory.flash import flash
from firmware.factory.station import PARTS
from firmware.image.wheels import CHECKOUT
from provisioning.fleet.service import Config, Fleet
from tests.firmware.emulated.board import BOOT_S, Board, powered
from tests.firmware.emulated.images import scratch
from tests.firmware.emulated.outside import wait_until_healthy
from tests.waiting import wait_for

_HOST_FROM_WITHIN = "10.0.2.2"
_SENSOR = """[Unit]
DefaultDependencies=no
After=sysinit.target
Before=bucky-factory.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -ec 'mkdir -p /run/warm/thermal_zone0; echo 41500 >/run/warm/thermal_zone0/temp'
ExecStart=/bin/mount --bind /run/warm /sys/class/thermal
"""
"""The emulated board has no sensor of temperature."""


class Bench:
    """The station at work; keeps what it says."""

    def __init__(self, folder: Path) -> None:
        self.out, self.said = folder / "out", list[list[str]]()
        fleet = Fleet(folder / "fleet")
        fleet.create(Config(url="https://fleet.example"), hosts=["fleet.example"], offline=folder / "offline")
        command = [
            sys.executable,
            "-m",
            "firmware.factory.station",
            str(self.out),
            "--fleet",
            str(fleet.folder),
            "--listen",
            "127.0.0.1:0",
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT)
        assert self._process.stdout
        _, _, address = self._process.stdout.readline().strip().partition(" ")
        self.address_from_box = address.replace("127.0.0.1", _HOST_FROM_WITHIN)
        threading.Thread(target=self._hear, daemon=True).start()

    def _hear(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            print(f"station: {line}", end="")
            self.said.append(line.rstrip("\n").split("\t"))

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A station with a new vendor's service."""
    folder = scratch("bench")
    made = Bench(folder)
    yield made
    made.close()
    shutil.rmtree(folder)


def test_a_flashed_box_tests_itself_is_registered_and_switches_itself_off(image: Path, bench: Bench) -> None:
    """Every part passes; started again, it belongs to the vendor and holds nothing of the test."""
    folder = scratch("factory")
    with powered(Board(folder / "one", image)) as board:
        flash(image, board.disk, bench.address_from_box)
        board.cable = board.forwarded("restrict=off")
        board.units["sensor"] = _SENSOR
        board.start()
        wait_for(lambda: len(bench.said) >= len(PARTS), BOOT_S, "the box's report")
        wait_for(lambda: len(bench.said) > len(PARTS) or "FAIL" in str(bench.said), BOOT_S, "its registration")
        serial = bench.said[0][0]
        assert [line[:3] for line in bench.said[: len(PARTS)]] == [[serial, part, "pass"] for part in PARTS]
        assert bench.said[len(PARTS)][:2] == [serial, "registered"]
        board.wait_until_off()
        label = (bench.out / f"{serial}.pdf").read_bytes()
        board.units.pop("sensor")
        board.start()
        wait_until_healthy(board)
        assert board.run("cat /var/lib/bucky/vendor/setup-code").strip().encode() in label
        assert board.run("bucky study list --json").strip() == "[]"
        assert board.run("bucky modality list --json").strip() == "[]"
        assert serial in board.run("cat /var/lib/bucky/vendor/trust.json")
    shutil.rmtree(folder)
