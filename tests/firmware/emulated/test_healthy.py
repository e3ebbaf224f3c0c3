"""From a flashed disk to a healthy box, seen from outside."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import urllib3

from firmware.image.words import sha256
from tests.firmware.emulated.board import BOOT_S, HOST, Board, powered
from tests.firmware.emulated.images import built, scratch
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def image() -> Iterator[Path]:
    """The image, built twice and the same; or the one that BUCKY_IMAGE names, while somebody works on the tests."""
    if given := os.environ.get("BUCKY_IMAGE"):
        yield Path(given)
        return
    folder = scratch("image")
    first = built(folder / "first")
    second = built(folder / "second")
    assert (folder / "first/SHA256SUMS").read_text() == (folder / "second/SHA256SUMS").read_text()
    assert sha256(first) == sha256(second)
    yield first
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def board(image: Path) -> Iterator[Board]:
    """A board flashed with it, switched on."""
    folder = scratch("board")
    with powered(Board(folder / "one", image)) as made:
        made.start()
        yield made
    shutil.rmtree(folder)


def echoes(board: Board) -> bool:
    """Whether the receiver answers a C-ECHO."""
    command = ["echoscu", "-to", "20", "-ta", "20", "-td", "20", "-aec", "BUCKY", HOST, str(board.ports["dicom"])]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def page(board: Board) -> bool:
    """Whether the page says over TLS that it is well."""
    urllib3.disable_warnings()
    try:
        return requests.get(f"https://{HOST}:{board.ports['page']}/healthz", verify=False, timeout=30).ok  # noqa: S501
    except requests.RequestException:
        return False


def wait_until_healthy(board: Board) -> None:
    """The receiver answers, then the page; prints how long each took."""
    began = time.monotonic()
    try:
        wait_for(lambda: echoes(board), BOOT_S, "an answer to C-ECHO")
        echoed = time.monotonic() - began
        wait_for(lambda: page(board), BOOT_S, "the page over TLS")
    except AssertionError:
        print(f"the console's last words:\n{board.said()[-3000:]}")
        raise
    print(f"\nslot {board.slot}: C-ECHO after {echoed:.0f} s, page over TLS after {time.monotonic() - began:.0f} s")


def test_a_flashed_disk_boots_to_a_healthy_box(board: Board) -> None:
    """First boot included: the disk grows, the data partition is encrypted, identity and code are made."""
    wait_until_healthy(board)
    assert "crypto_LUKS" in board.run("blkid -p /dev/disk/by-partlabel/data")
    size = int(board.run("cat /sys/class/block/vda6/size")) // 2048
    assert size > 2500, f"data has {size} MiB of a disk of 4096"
    label = board.run("cat /var/lib/bucky/vendor/label.json")
    assert board.run("cat /var/lib/bucky/vendor/setup-code").strip() in label
    assert board.run("cat /etc/machine-id").strip() != ""
    assert board.run("systemctl --failed --no-legend --plain").strip() == ""


def test_the_root_cannot_be_written(board: Board) -> None:
    """Not even by root."""
    wait_until_healthy(board)
    with pytest.raises(subprocess.CalledProcessError, match="1"):
        board.run("touch /usr/new")
    assert "squashfs ro" in board.run("findmnt -no FSTYPE,OPTIONS /")


def test_a_phantom_sent_from_outside_is_kept(board: Board, tmp_path: Path) -> None:
    """C-STORE of a phantom study: every picture is acknowledged and lies in the archive."""
    from appliance.phantom.dataset import phantom_study

    wait_until_healthy(board)
    files = []
    for number, ds in enumerate(phantom_study(scale=0.25)):
        files.append(tmp_path / f"{number}.dcm")
        ds.save_as(files[-1], enforce_file_format=True)
    subprocess.run(
        ["storescu", "-aec", "BUCKY", HOST, str(board.ports["dicom"]), *files], check=True, capture_output=True
    )
    kept = board.run("find /var/lib/bucky/instances -type f | wc -l")
    assert int(kept) >= len(files)


def test_memory_at_rest(board: Board) -> None:
    """Printed; the machine has 1 GiB."""
    wait_until_healthy(board)
    memory = board.memory()
    used = memory["MemTotal"] - memory["MemAvailable"]
    print(f"\nmemory at rest: {used} of {memory['MemTotal']} MiB used, {memory['MemAvailable']} MiB available")
    print(board.run("ps -eo rss,comm --sort=-rss | head -15"))
    assert "Out of memory" not in board.said()


def test_after_a_power_cut_the_same_box_comes_back(board: Board) -> None:
    """Identity, label and pictures are those of before, and nothing is formatted again."""
    wait_until_healthy(board)
    before = board.run("cat /etc/machine-id /var/lib/bucky/vendor/label.json; ls /var/lib/bucky/instances | wc -l")
    board.cut_power()
    board.start()
    wait_until_healthy(board)
    after = board.run("cat /etc/machine-id /var/lib/bucky/vendor/label.json; ls /var/lib/bucky/instances | wc -l")
    assert after == before
