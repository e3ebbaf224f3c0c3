"""The boot choice that U-Boot reads, under power cuts, and what the image gives to U-Boot. U-Boot itself: emulated."""

import binascii
import gzip
import os
import re
import subprocess
from pathlib import Path

import pytest

from firmware.image import start
from tests.firmware.device import TREE

ACT = TREE / "usr/lib/bucky/boot-choice"
KEPT = re.compile(rb"bucky_next=([AB])\0bucky_proven=([AB])\0bucky_tries=([01])\0+")
_SECTOR = 512
_START = ("start4.elf", "fixup4.dat", "start4cd.elf", "fixup4cd.dat")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The partition as it is flashed, and the command line of a kernel that U-Boot started."""
    (tmp_path / "cmdline").write_text("quiet bucky.start=u-boot bucky.slot=A\n")
    path = tmp_path / "choice"
    start.write_choice(path, start.choice("A", "A"))
    return path


def choice(place: Path, *arguments: str, expect: int = 0) -> str:
    """One act."""
    environ = {**os.environ, "BUCKY_CHOICE": str(place), "BUCKY_CMDLINE": str(place.with_name("cmdline"))}
    done = subprocess.run([ACT, *arguments], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == expect, done.stderr
    return done.stdout.strip()


def copies(place: Path) -> list[bytes]:
    """What lies in the two places."""
    content = place.read_bytes()
    return [content[at : at + _SECTOR] for at in start.COPIES]


def read(place: Path) -> str:
    """Proven, next and tries as U-Boot reads them: the first copy whose checksum is right."""
    for copy in copies(place):
        if binascii.crc32(copy[4:]) == int.from_bytes(copy[:4], "little"):
            found = KEPT.fullmatch(copy[4:])
            assert found
            return b"".join((found[2], found[1], found[3])).decode()
    return ""


def test_an_update_is_tried_and_stays_or_is_left(place: Path) -> None:
    """As on boards that start without U-Boot; each copy is what U-Boot can read."""
    assert (choice(place, "proven"), choice(place, "get-primary"), read(place)) == ("A", "A", "AA1")
    choice(place, "set-primary", "B")
    assert (choice(place, "proven"), choice(place, "get-primary"), read(place)) == ("A", "B", "AB1")
    assert [choice(place, "get-state", slot) for slot in "AB"] == ["good", "good"]
    choice(place, "set-state", "B", "bad")
    assert (choice(place, "get-primary"), read(place)) == ("A", "AA1")
    choice(place, "set-primary", "B")
    choice(place, "set-state", "B", "good")
    assert (choice(place, "proven"), choice(place, "get-state", "A"), read(place)) == ("B", "bad", "BB1")
    choice(place, "set-state", "B", "bad", expect=1)
    choice(place, "set-primary", "C", expect=2)
    assert copies(place) == [start.choice("B", "B")] * 2


def test_a_write_torn_anywhere_leaves_the_choice_before_or_the_new_one(place: Path) -> None:
    """The copy that was being written is no whole one then, and the other counts; the same act makes both whole."""
    choice(place, "set-primary", "B")
    old = copies(place)
    choice(place, "set-state", "B", "good")
    new = copies(place)
    for number, at in enumerate(start.COPIES):
        for cut in (*range(0, 64, 3), *range(64, _SECTOR, 89), _SECTOR):
            torn = [*new[:number], new[number][:cut] + old[number][cut:], *old[number + 1 :]]
            with place.open("r+b") as file:
                for where, copy in zip(start.COPIES, torn, strict=True):
                    file.seek(where)
                    file.write(copy)
            assert read(place) == ("BB1" if torn[0] == new[0] else "AB1"), f"{cut} bytes at {at}"
            assert (choice(place, "proven"), choice(place, "get-primary")) in {("A", "B"), ("B", "B")}
    choice(place, "set-state", "B", "good")
    assert copies(place) == new


def test_a_choice_that_cannot_be_read_is_told_and_never_guessed(place: Path) -> None:
    """U-Boot makes a new one at the next start; a slot that proves itself may be written at once."""
    place.write_bytes(bytes(8 << 20))
    choice(place, "proven", expect=1)
    choice(place, "set-primary", "B", expect=1)
    assert not any(place.read_bytes())
    choice(place, "set-state", "A", "good")
    assert read(place) == "AA1"


def test_the_kernels_command_line_says_whether_u_boot_started(place: Path, tmp_path: Path) -> None:
    """Without its word the choice is the start program's, in autoboot.txt."""
    autoboot = tmp_path / "autoboot.txt"
    autoboot.write_text((start.BOOT / "autoboot.txt").read_text().replace("next=A", "next=B"))
    for said, asked in (("bucky.start=u-boot", "A"), ("not.bucky.start=u-boot.at.all", "B"), ("", "B")):
        place.with_name("cmdline").write_text(f"quiet {said} panic=10\n")
        done = subprocess.run(
            [ACT, "get-primary"],
            env={
                **os.environ,
                "BUCKY_AUTOBOOT": str(autoboot),
                "BUCKY_CHOICE": str(place),
                "BUCKY_CMDLINE": str(place.with_name("cmdline")),
            },
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == asked, said


def _packages(folder: Path, kernel: bytes) -> start.Packages:
    """Debian's packages with the files that a board starts with, each holding its name."""
    files = {
        "firmware": [f"usr/lib/raspi-firmware/{name}" for name in _START],
        "linux": [f"usr/lib/linux-image-6/broadcom/bcm2711-rpi-{name}.dtb" for name in ("4-b", "cm4-io")],
        "uboot": ["usr/lib/u-boot/rpi_arm64/u-boot.bin"],
    }
    for package, names in files.items():
        for name in names:
            (folder / package / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / package / name).write_text(name)
    (folder / "linux/boot").mkdir()
    (folder / "linux/boot/vmlinuz-6").write_bytes(kernel)
    return start.Packages(*(folder / package for package in ("firmware", "linux", "uboot")))


@pytest.mark.parametrize("kernel", [b"a kernel", gzip.compress(b"a kernel")], ids=["plain", "packed"])
def test_a_kernel_without_tryboot_is_started_by_u_boot(tmp_path: Path, kernel: bytes) -> None:
    """The start program gets U-Boot for a kernel; nothing leads it past U-Boot into a slot's partition."""
    packages = _packages(tmp_path, kernel)
    for name in ("cfg", "slot"):
        (tmp_path / name).mkdir()
    start.lay_cfg(tmp_path / "cfg", packages)
    laid = {path.name for path in (tmp_path / "cfg").iterdir()}
    assert {*_START, "bcm2711-rpi-4-b.dtb", "bcm2711-rpi-cm4-io.dtb", "cmdline.txt", "boot.scr", "uboot.env"} <= laid
    assert "autoboot.txt" not in laid
    config = dict(line.split("=") for line in (tmp_path / "cfg/config.txt").read_text().splitlines() if "=" in line)
    assert (tmp_path / "cfg" / config["kernel"]).read_text() == "usr/lib/u-boot/rpi_arm64/u-boot.bin"
    assert config["arm_64bit"] == "1"
    assert "bucky.key=tpm" in (tmp_path / "cfg/cmdline.txt").read_text().split()  # no other source on such a kernel
    (tmp_path / "initramfs").write_text("packed")
    start.lay_slot(tmp_path / "slot", packages, tmp_path / "initramfs")
    assert (tmp_path / "slot/vmlinuz").read_bytes() == kernel
    assert "kernel=vmlinuz" in (tmp_path / "slot/config.txt").read_text().splitlines()


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "packed"])
def test_a_kernel_with_tryboot_is_started_by_the_boards_start_program(tmp_path: Path, pack: type[bytes]) -> None:
    """One file on cfg leads it to a slot's partition."""
    (tmp_path / "cfg").mkdir()
    start.lay_cfg(tmp_path / "cfg", _packages(tmp_path, pack(b"a kernel with tryboot in it")))
    assert [path.name for path in (tmp_path / "cfg").iterdir()] == ["autoboot.txt"]
