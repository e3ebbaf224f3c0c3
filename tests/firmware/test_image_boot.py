"""The scripts of the initramfs, by a shell against folders: keys, partitions, the mark of kept data."""

import subprocess
from pathlib import Path

import pytest

from firmware.image.initramfs import PARTS


def shell(script: str, **environment: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a piece of shell after the scripts of the initramfs."""
    words = {name: str(value) for name, value in environment.items()}
    return subprocess.run(
        ["sh", "-euc", f". {PARTS}/disk.sh; . {PARTS}/root.sh; {script}"],
        env={"PATH": "/usr/bin:/bin", "KEYS": str(PARTS / "keys"), **words},
        capture_output=True,
        text=True,
        check=False,
    )


def key(source: str, **environment: str | Path) -> subprocess.CompletedProcess[bytes]:
    """Run one source of keys."""
    name, _, argument = source.partition(":")
    words = {key: str(value) for key, value in environment.items()}
    return subprocess.run(["sh", PARTS / "keys" / name, argument], env=words, capture_output=True, check=False)


def test_the_boards_secret_is_the_key(tmp_path: Path) -> None:
    """32 bytes as the kernel shows them."""
    otp = tmp_path / "nvmem"
    otp.write_bytes(bytes(range(1, 33)))
    assert key("otp", OTP=otp).stdout == bytes(range(1, 33))


@pytest.mark.parametrize("content", [None, bytes(32), b"\x01" * 8 + bytes(24)], ids=["none", "never written", "short"])
def test_a_board_without_a_secret_gives_no_key(tmp_path: Path, content: bytes | None) -> None:
    """A disk must not be encrypted with a key that everybody knows."""
    otp = tmp_path / "nvmem"
    if content is not None:
        otp.write_bytes(content)
    done = key("otp", OTP=otp)
    assert done.returncode != 0
    assert done.stdout == b""
    assert b"bucky: " in done.stderr


def test_a_key_from_a_file(tmp_path: Path) -> None:
    """The source for tests."""
    (tmp_path / "key").write_bytes(b"k" * 40)
    assert key(f"file:{tmp_path}/key").stdout == b"k" * 40


def test_partitions_are_found_by_name(tmp_path: Path) -> None:
    """By the name in the partition table, however the kernel calls the disk."""
    for device, name in (("vda1", "cfg"), ("vda6", "data")):
        (tmp_path / "class/block" / device).mkdir(parents=True)
        (tmp_path / "class/block" / device / "uevent").write_text(f"MAJOR=1\nDEVNAME={device}\nPARTNAME={name}\n")
    assert shell("partition data", SYS=tmp_path).stdout == "/dev/vda6\n"
    assert shell("partition other", SYS=tmp_path, PATIENCE="1").returncode == 1


def test_the_mark_says_that_something_is_kept(tmp_path: Path) -> None:
    """A partition with the mark is never formatted; a fresh image has none, and setting it touches its sector alone."""
    data = tmp_path / "data"
    with data.open("wb") as file:
        file.truncate(32 << 20)
    assert shell(f"! is_kept {data} && mark_kept {data} && is_kept {data} && echo so").stdout == "so\n"
    content = data.read_bytes()
    assert len(content) == 32 << 20
    assert content.strip(b"\0").startswith(b"bucky: ")


def test_arguments_of_the_kernel(tmp_path: Path) -> None:
    """A value by its name, and nothing for a name that is the end of another."""
    (tmp_path / "cmdline").write_text("quiet my.bucky.slot=X bucky.slot=B bucky.key=file:/a=b\n")
    assert shell("argument bucky.slot; argument bucky.key", CMDLINE=tmp_path / "cmdline").stdout == "B\nfile:/a=b\n"
    assert shell("argument slot", CMDLINE=tmp_path / "cmdline").returncode == 1


def test_the_slot_is_told_by_the_kernels_arguments_or_the_boards_start_program(tmp_path: Path) -> None:
    """The emulator gives an argument; the board's start program says from which partition it took the kernel."""
    (tmp_path / "cmdline").write_text("quiet\n")
    for number, slot in ((2, "A\n"), (3, "B\n"), (1, "")):
        (tmp_path / "partition").write_bytes(number.to_bytes(4, "big"))
        done = shell("booted_slot", CMDLINE=tmp_path / "cmdline", BOOT_PARTITION=tmp_path / "partition")
        assert done.stdout == slot
    (tmp_path / "cmdline").write_text("bucky.slot=B\n")
    assert shell("booted_slot", CMDLINE=tmp_path / "cmdline").stdout == "B\n"


def test_keys_that_are_too_short_and_unknown_sources_are_refused(tmp_path: Path) -> None:
    """Nothing is formatted or opened with them."""
    (tmp_path / "short").write_bytes(b"k" * 31)
    for source in (f"file:{tmp_path}/short", f"file:{tmp_path}/none", "../sh:x", "tpm:x", "usb"):
        done = shell(f"key_into {tmp_path}/key {source}")
        assert done.returncode != 0, source
