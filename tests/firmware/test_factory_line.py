"""A box at its manufacture: flashed and read back, tested by itself, registered, labelled, and clean."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.clock import now, stamp
from firmware.factory.flash import flash
from firmware.factory.station import PARTS, NotTaken, Station
from firmware.image.disk import fat, places
from firmware.image.words import Refused
from provisioning.fleet.service import Config, Fleet
from provisioning.fleet.tables import Box
from tests.firmware.device import Device, Started
from tests.orthanc import need

NOTE = "/run/bucky/factory.json"
AS_AGENT = "setpriv --reuid bucky-agent --regid bucky --clear-groups"
CFG_AT, CFG_SIZE = places()["cfg"]
_SYSTEMCTL = """#!/bin/sh
echo "$@" >> {folder}/asked
case "$1" in
stop) kill {pids}; for pid in {pids}; do while readlink /proc/$pid/exe; do sleep 0.1; done; done ;;
restart) systemd-tmpfiles --create --prefix=/var/lib/bucky ;;
esac >/dev/null 2>&1
"""


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An image of a disk that has its partition cfg at its place."""
    need("mcopy", "mkfs.vfat")
    (tmp_path / "cfg").mkdir()
    fat(tmp_path / "cfg", tmp_path / "cfg.vfat", CFG_SIZE, "CFG")
    path = tmp_path / "disk.img"
    path.write_bytes(os.urandom(CFG_AT) + (tmp_path / "cfg.vfat").read_bytes() + os.urandom(2**20))
    return path


def test_flashing_writes_reads_back_and_leaves_the_stations_address(image: Path, tmp_path: Path) -> None:
    """All but the note on cfg is the image's bytes."""
    device = tmp_path / "card"
    device.write_bytes(b"\xff" * (image.stat().st_size + 2**20))
    flash(image, device, "http://10.0.0.1:8400/x")
    held = device.read_bytes()
    assert held[:CFG_AT] == image.read_bytes()[:CFG_AT]
    assert held[image.stat().st_size - 2**20 : image.stat().st_size] == image.read_bytes()[-(2**20) :]
    note = subprocess.run(
        ["mcopy", "-i", f"{device}@@{CFG_AT}", "::factory.json", "-"], capture_output=True, check=True
    ).stdout
    assert json.loads(note) == {"station": "http://10.0.0.1:8400/x"}


def test_a_card_that_is_too_small_is_refused_untouched(image: Path, tmp_path: Path) -> None:
    """Before a byte is written."""
    device = tmp_path / "card"
    device.write_bytes(b"\xff" * 4096)
    with pytest.raises(Refused, match="MiB"):
        flash(image, device, "http://10.0.0.1:8400/x")
    assert device.read_bytes() == b"\xff" * 4096


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """The vendor's service, made but not serving: registering needs its folder only."""
    folder = tmp_path_factory.mktemp("fleet")
    made = Fleet(folder / "data")
    made.create(Config(url="https://fleet.example"), hosts=["fleet.example"], offline=folder / "offline")
    return made


def _report(serial: str, **changes: object) -> dict[str, object]:
    parts = [{"part": part, "passed": True, "words": "", "figures": {}} for part in PARTS]
    parts[PARTS.index("clock")]["figures"] = {"at": stamp()}
    return {"serial": serial, "fingerprint": serial.encode().hex().ljust(64, "0"), "parts": parts, **changes}


def test_a_box_that_failed_a_part_is_not_registered(fleet: Fleet, tmp_path: Path) -> None:
    """Nor one that left a part out, nor one whose clock is another day's."""
    station = Station(tmp_path / "bench", fleet.folder)
    late = _report("BK-LATE")
    late["parts"][PARTS.index("clock")]["figures"] = {"at": "2026-01-01T00:00:00.000000Z"}  # type: ignore[index]  # read from JSON
    hot = _report("BK-HOT")
    hot["parts"][PARTS.index("temperature")]["passed"] = False  # type: ignore[index]  # read from JSON
    less = _report("BK-LESS")
    less["parts"] = less["parts"][:-1]  # type: ignore[index]  # read from JSON
    for report in (late, hot, less):
        assert station.take(report, now()) == {"accepted": False}
    with pytest.raises(NotTaken):
        station.take(_report("../x"), now())
    assert not list((tmp_path / "bench").glob("*.trust.json"))


def test_a_box_that_comes_again_gets_a_new_code(fleet: Fleet, tmp_path: Path) -> None:
    """Its first label is void; the trust file stays."""
    station = Station(tmp_path / "bench", fleet.folder)
    first, again = station.take(_report("BK-AGAIN"), now()), station.take(_report("BK-AGAIN"), now())
    assert first["accepted"]
    assert again["accepted"]
    assert first["trust"] == again["trust"]
    assert first["setup_code"] != again["setup_code"]
    assert again["setup_code"].encode() in (tmp_path / "bench/BK-AGAIN.pdf").read_bytes()


@pytest.fixture(scope="module")
def bench(
    device: Device, started: dict[str, Started], fleet: Fleet, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Device, Path, subprocess.Popen[str]]]:
    """A running box with a cable and a sensor, its notes on cfg, and the station on the same network."""
    device.start("bucky-front.service").wait_listening(device, 443)
    device.run("ip", "link", "add", "cable", "type", "veth", "peer", "name", "wall")
    device.run("sh", "-euc", "ip link set wall up; ip link set cable up; ip addr add 10.99.79.1/24 dev cable")
    device.run("sh", "-euc", "mkdir -p /run/sensor/thermal_zone0; echo 41500 > /run/sensor/thermal_zone0/temp")
    device.run("mount", "--bind", "/run/sensor", "/sys/class/thermal")
    device.run(
        "sh",
        "-euc",
        f"umask 7; BUCKY_ROLES_APART=1 {AS_AGENT} /usr/lib/bucky/first-boot /var/lib/bucky",
    )
    folder = tmp_path_factory.mktemp("bench")
    command = [sys.executable, "-m", "firmware.factory.station", str(folder / "out"), "--fleet", str(fleet.folder)]
    station = subprocess.Popen(
        ["nsenter", "--target", str(device.pid), "--net", *command, "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert station.stdout is not None
    address = station.stdout.readline().split()[1]
    device.run(
        "sh",
        "-euc",
        f"mkdir -p {Path(NOTE).parent}; cat > {NOTE}",
        text=f'{{"station": "{address}"}}',
    )
    yield device, folder, station
    station.terminate()
    station.wait(30)


def test_a_box_tests_itself_is_registered_labelled_and_clean(
    bench: tuple[Device, Path, subprocess.Popen[str]], fleet: Fleet
) -> None:
    """Each part passes, a phantom is received and shown; then the box belongs to the vendor and holds nothing else."""
    device, folder, station = bench
    pids = " ".join(str(process.pid) for process in device.started)
    (folder / "systemctl").write_text(_SYSTEMCTL.format(folder=folder, pids=pids))
    (folder / "systemctl").chmod(0o755)
    device.run(
        "sh",
        "-euc",
        f"export BUCKY_ROLES_APART=1; umask 7; PATH={folder}:$PATH /usr/lib/bucky/factory {NOTE}",
    )
    serial = next((folder / "out").glob("*.trust.json")).name.removesuffix(".trust.json")
    assert station.stdout is not None
    said = [station.stdout.readline().split("\t") for _ in range(len(PARTS) + 1)]
    assert [(line[0], line[1], line[2]) for line in said[:-1]] == [(serial, part, "pass") for part in PARTS]
    assert (folder / "asked").read_text().splitlines()[-1] == "poweroff"
    assert (folder / "out" / f"{serial}.pdf").read_bytes().startswith(b"%PDF")
    report = json.loads((folder / "out" / f"{serial}.json").read_text())
    with fleet.store.read() as session:
        assert session.get_one(Box, serial).identity == report["fingerprint"]
    assert device.run("bucky", "vendor", "identity") == report["fingerprint"]
    code = device.run("cat", "/var/lib/bucky/vendor/setup-code")
    assert code.encode() in (folder / "out" / f"{serial}.pdf").read_bytes()
    assert device.run("bucky", "study", "list", "--json") == "[]"
    assert device.run("bucky", "modality", "list", "--json") == "[]"


def test_a_box_that_has_a_vendor_listens_to_no_note(bench: tuple[Device, Path, subprocess.Popen[str]]) -> None:
    """Whoever lays a note on the card of a clinic's box gets nothing."""
    device, folder, _ = bench
    device.run("sh", "-c", 'echo \'{"station": "http://127.0.0.1:1/x"}\' > ' + NOTE)
    before = (folder / "asked").read_text()
    device.run("/usr/lib/bucky/factory", NOTE)
    assert (folder / "asked").read_text() == before
