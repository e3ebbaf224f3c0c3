"""From a flashed disk to a healthy box, seen from outside."""

import subprocess

import pytest

from tests.firmware.emulated.board import Board
from tests.firmware.emulated.outside import kept, phantoms, store, wait_until_healthy


def test_a_flashed_disk_boots_to_a_healthy_box(board: Board) -> None:
    """First boot included: the disk grows, the data partition is encrypted, identity and code are made."""
    assert "crypto_LUKS" in board.run("blkid -p /dev/disk/by-partlabel/data")
    size = int(board.run("blockdev --getsize64 /dev/disk/by-partlabel/data")) >> 20
    assert size > 6500, f"data has {size} MiB of a disk of 8192"
    label = board.run("cat /var/lib/bucky/vendor/label.json")
    assert board.run("cat /var/lib/bucky/vendor/setup-code").strip() in label
    assert board.run("cat /etc/machine-id").strip() != ""
    assert board.run("systemctl --failed --no-legend --plain").strip() == ""


def test_the_root_cannot_be_written(board: Board) -> None:
    """Not even by root."""
    with pytest.raises(subprocess.CalledProcessError, match="1"):
        board.run("touch /usr/new")
    assert "squashfs ro" in board.run("findmnt -no FSTYPE,OPTIONS /")


def test_nothing_wears_the_card_and_only_what_is_served_is_open(board: Board) -> None:
    """Journal and swap are in memory, reading writes no times, the rules are loaded."""
    assert "noatime" in board.run("findmnt -no OPTIONS /var/lib/bucky")
    assert [line.split()[0] for line in board.run("cat /proc/swaps").splitlines()[1:]] == ["/dev/zram0"]
    assert board.run("findmnt -no FSTYPE -T /run/log/journal").strip() == "tmpfs"
    assert board.run("ls /run/log/journal").strip() == board.run("cat /etc/machine-id").strip()
    assert "policy drop" in board.run("nft list chain inet bucky input")


def test_pictures_sent_from_outside_are_kept(board: Board) -> None:
    """C-STORE of a phantom study: every picture is acknowledged and in the archive as it was sent."""
    acknowledged = store(board, phantoms(3, 0.25))
    assert len(acknowledged) == 3
    assert set(acknowledged) <= kept(board)


def test_memory_at_rest(board: Board) -> None:
    """Printed; the machine has 1 GiB."""
    memory = board.memory()
    used = memory["MemTotal"] - memory["MemAvailable"]
    print(f"\nmemory at rest: {used} of {memory['MemTotal']} MiB used, {memory['MemAvailable']} MiB available")
    print(board.run("ps -eo rss,comm --sort=-rss | head -15"))
    assert "Out of memory" not in board.said()


def test_after_a_power_cut_the_same_box_comes_back(board: Board) -> None:
    """Identity, label and pictures are those of before, and nothing is formatted again."""
    before = board.run("cat /etc/machine-id /var/lib/bucky/vendor/label.json; ls /var/lib/bucky/instances | wc -l")
    board.cut_power()
    board.start()
    wait_until_healthy(board)
    after = board.run("cat /etc/machine-id /var/lib/bucky/vendor/label.json; ls /var/lib/bucky/instances | wc -l")
    assert after == before
