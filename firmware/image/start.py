"""How a board starts: what lies in a slot's boot partition and on *cfg*, and the first boot choice.

A kernel that hands "0 tryboot" to the board's start program needs autoboot.txt alone on *cfg*. Any other is started by
U-Boot: that lies on *cfg*, which is never written again, runs boot.cmd and keeps its choice in the partition *choice*.
"""

import binascii
import gzip
import shutil
import struct
from pathlib import Path
from typing import NamedTuple

from firmware.image.debian import HERE
from firmware.image.words import EPOCH, MIB

BOOT = HERE / "boot"
COPIES = (0, 4 * MIB)
"""Where the two copies of the choice lie in its partition: far apart, since a card loses more than a sector at once."""
_COPY_BYTES = 512
_ENVIRONMENT_BYTES = 0x4000  # CONFIG_ENV_SIZE of Debian's rpi_arm64
_START = ("start4.elf", "fixup4.dat", "start4cd.elf", "fixup4cd.dat")  # the latter are what gpu_mem=16 asks for
_BOARDS = ("bcm2711-rpi-4-b.dtb", "bcm2711-rpi-cm4-io.dtb")
_MAGIC, _LINUX, _ARM64, _SCRIPT, _PLAIN = 0x27051956, 5, 22, 6, 0  # include/image.h of U-Boot
_HEADER = struct.Struct(">7I4B32s")
_GZIP = b"\x1f\x8b"


class Packages(NamedTuple):
    """Debian's packages that a board starts with, unpacked."""

    firmware: Path
    linux: Path
    uboot: Path

    @property
    def kernel(self) -> Path:
        """The one kernel."""
        return next((self.linux / "boot").glob("vmlinuz-*"))


def lay_slot(folder: Path, packages: Packages, initramfs: Path) -> None:
    """What a slot's boot partition holds: the same for each way to start, so that one bundle serves all boxes."""
    _lay_board(folder, packages, BOOT)
    shutil.copy(packages.kernel, folder / "vmlinuz")
    shutil.copy(initramfs, folder / "initramfs")


def lay_cfg(folder: Path, packages: Packages) -> None:
    """What *cfg* holds for this kernel."""
    if knows_tryboot(packages.kernel):
        shutil.copy(BOOT / "autoboot.txt", folder)
        return
    _lay_board(folder, packages, BOOT / "uboot")
    shutil.copy(packages.uboot / "usr/lib/u-boot/rpi_arm64/u-boot.bin", folder)
    lay_commands(folder)


def lay_commands(folder: Path) -> None:
    """What U-Boot does: its environment, so that no key and no noise on the serial line stops it, and the script."""
    (folder / "uboot.env").write_bytes(_summed((BOOT / "uboot/environment.txt").read_text(), _ENVIRONMENT_BYTES))
    (folder / "boot.scr").write_bytes(script((BOOT / "uboot/boot.cmd").read_bytes()))


def _lay_board(folder: Path, packages: Packages, told: Path) -> None:
    for name in _START:
        shutil.copy(packages.firmware / "usr/lib/raspi-firmware" / name, folder)
    for name in _BOARDS:
        shutil.copy(next(packages.linux.glob(f"usr/lib/linux-image-*/broadcom/{name}")), folder)
    for name in ("config.txt", "cmdline.txt"):
        shutil.copy(told / name, folder)


def knows_tryboot(kernel: Path) -> bool:
    """Whether a kernel, packed or not, hands the argument of a restart to the board's start program."""
    content = kernel.read_bytes()
    return b"tryboot" in (gzip.decompress(content) if content.startswith(_GZIP) else content)


def script(commands: bytes) -> bytes:
    """Commands in the form in which U-Boot runs them from a file (boot.scr), as `mkimage -T script` makes it."""
    body = struct.pack(">2I", len(commands), 0) + commands

    def header(checksum: int) -> bytes:
        kind = (_LINUX, _ARM64, _SCRIPT, _PLAIN)
        return _HEADER.pack(_MAGIC, checksum, EPOCH, len(body), 0, 0, binascii.crc32(body), *kind, b"bucky")

    return header(binascii.crc32(header(0))) + body


def choice(proven: str, following: str, tries: int = 1) -> bytes:
    """One copy of a boot choice."""
    return _summed(f"bucky_next={following}\nbucky_proven={proven}\nbucky_tries={tries}\n", _COPY_BYTES)


def _summed(lines: str, size: int) -> bytes:
    """Variables as U-Boot keeps them (`env export -c`): CRC-32, little-endian, then each with a zero behind it."""
    body = lines.replace("\n", "\0").encode().ljust(size - 4, b"\0")
    return binascii.crc32(body).to_bytes(4, "little") + body


def write_choice(image: Path, copy: bytes) -> None:
    """An image of the partition *choice* with this copy in both places."""
    with image.open("wb") as file:
        for at in COPIES:
            file.seek(at)
            file.write(copy)
