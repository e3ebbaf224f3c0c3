"""The end of a box, as the role of the vendor link does it on the device: its own user, closed folders, its filter."""

import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from tests.firmware.device import CHECKOUT, TREE, Device, Started, unit
from tests.orthanc import need

INITRAMFS = CHECKOUT / "firmware/image/initramfs.d"
ERASE = TREE / "usr/lib/bucky/erase"

WIPE = (
    "/opt/bucky/venv/bin/python -P -s -c "
    '\'from pathlib import Path; from appliance.archive import wipe; data = Path("/var/lib/bucky");'
    ' wipe.begin(data); wipe.finish(data); print("gone")\''
)


def test_the_vendor_link_may_destroy_everything_of_the_clinic(
    device: Device, started: dict[str, Started], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of every role; the vendor's keys and the clock's folder stay, and the next start makes the folders anew."""
    lines = defaultdict(list, {**unit("bucky-agent.service"), "ExecStart": [WIPE], "WatchdogSec": []})
    monkeypatch.setattr("tests.firmware.device.unit", lambda name: lines)
    device.run("sh", "-euc", "ls /var/lib/bucky/bucky.sqlite; touch /var/lib/bucky/vendor/identity.pem")
    ended = device.start("bucky-agent.service")
    assert ended.process.wait(120) == 0, ended.log.read_text()
    assert "gone" in ended.log.read_text()
    left = set(device.run("ls", "/var/lib/bucky").split())
    assert left - {"lost+found"} == {"vendor", "chrony"}
    assert device.run("ls", "/var/lib/bucky/vendor") == "identity.pem"
    device.run("systemd-tmpfiles", "--create", "--prefix=/var/lib/bucky")
    assert device.run("readlink", "/var/lib/bucky/releases/current") == "image"


def _shell(script: str, expect: int = 0) -> None:
    done = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=False)
    assert done.returncode == expect, done.stdout + done.stderr


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A data partition as the initramfs makes it, but for what needs the device mapper."""
    need("cryptsetup")
    (tmp_path / "key").write_bytes(bytes(range(64)))
    (tmp_path / "disk").write_bytes(b"")
    _shell(
        f". {INITRAMFS}/disk.sh; truncate -s 64M {tmp_path}/disk; cryptsetup luksFormat --batch-mode --type luks2"
        " --offset $((PAYLOAD / 512)) --luks2-keyslots-size 8m --pbkdf pbkdf2 --pbkdf-force-iterations 1000"
        f" --key-file {tmp_path}/key {tmp_path}/disk; mark_kept {tmp_path}/disk"
    )
    return tmp_path / "disk"


def _opens(disk: Path, expect: int) -> None:
    _shell(f"cryptsetup open --test-passphrase --key-file {disk.parent}/key {disk}", expect)


def test_the_keys_of_the_disk_are_destroyed_and_the_next_start_makes_it_anew(disk: Path) -> None:
    """No key opens it, and the initramfs does not believe that anything is kept there."""
    _opens(disk, 0)
    _shell(f". {INITRAMFS}/disk.sh; is_kept {disk}")
    (disk.parent / "erase").touch()
    _shell(f"BUCKY_DATA_PARTITION={disk} {ERASE} {disk.parent}")
    assert not (disk.parent / "erase").exists()
    _opens(disk, 1)
    _shell(f". {INITRAMFS}/disk.sh; is_kept {disk}", 1)


def test_another_partition_is_left_alone(disk: Path) -> None:
    """Without the mark of the initramfs it is not Bucky's; what was asked for stays, and so does not count as done."""
    _shell(f"dd if=/dev/zero of={disk} bs=512 seek=$((24 * 2048)) count=1 conv=notrunc 2>/dev/null")
    (disk.parent / "erase").touch()
    _shell(f"BUCKY_DATA_PARTITION={disk} {ERASE} {disk.parent}", 1)
    assert (disk.parent / "erase").exists()
    _opens(disk, 0)
