"""Build the image of the device: `python -m firmware.image.build [FOLDER]`, by default firmware/.cache/image.

It holds disk.img (to write onto the device), the parts of which updates are made (rootfs.squashfs, boot.vfat), the
kernel and the initramfs for the emulator, sbom.json, and SHA256SUMS.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from firmware.image import disk, initramfs, sbom, tree
from firmware.image.debian import CACHE, HERE
from firmware.image.words import Refused, sha256

_START = ("start4.elf", "fixup4.dat")
_BOARDS = ("bcm2711-rpi-4-b.dtb", "bcm2711-rpi-cm4-io.dtb")


def build(out: Path, cache: Path = CACHE) -> Path:
    """Write everything into `out`; returns the image of the disk."""
    out.mkdir(parents=True, exist_ok=True)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="build-") as folder:
        work = Path(folder)
        root = work / "root"
        root.mkdir()
        tree.assemble(root, cache)
        sbom.write(root, out / "sbom.json")
        busybox = tree.unpacked("busybox-static", work, cache) / "usr/bin/busybox"
        initramfs.build(root, busybox, out / "initramfs")
        tree.squashed(root, out / "rootfs.squashfs")
        boot = work / "boot"
        boot.mkdir()
        _boot(boot, out / "initramfs", work, cache)
        shutil.copy(boot / "vmlinuz", out / "vmlinuz")
        disk.fat(boot, out / "boot.vfat", disk.places()["bootA"][1], "BUCKYBOOT")
        choice = work / "cfg"
        choice.mkdir()
        shutil.copy(HERE / "boot/autoboot.txt", choice)
        disk.fat(choice, work / "cfg.vfat", disk.places()["cfg"][1], "BUCKYCFG")
        disk.whole(
            out / "disk.img",
            {"cfg": work / "cfg.vfat", "bootA": out / "boot.vfat", "rootA": out / "rootfs.squashfs"},
        )
    _sums(out)
    return out / "disk.img"


def _boot(boot: Path, packed: Path, work: Path, cache: Path) -> None:
    """What the board's start program reads: itself, the kernel, the initramfs, the trees of devices."""
    firmware = tree.unpacked("raspi-firmware", work, cache) / "usr/lib/raspi-firmware"
    for name in _START:
        shutil.copy(firmware / name, boot / name)
    linux = tree.unpacked("linux-image-", work, cache)
    shutil.copy(next((linux / "boot").glob("vmlinuz-*")), boot / "vmlinuz")
    for name in _BOARDS:
        shutil.copy(next(linux.glob(f"usr/lib/linux-image-*/broadcom/{name}")), boot / name)
    shutil.copy(packed, boot / "initramfs")
    for name in ("config.txt", "cmdline.txt"):
        shutil.copy(HERE / "boot" / name, boot / name)


def _sums(out: Path) -> None:
    names = sorted(path.name for path in out.iterdir() if path.name != "SHA256SUMS")
    (out / "SHA256SUMS").write_text("".join(f"{sha256(out / name)}  {name}\n" for name in names))


def main() -> int:
    """Build, and say what came of it."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else CACHE / "image"
    try:
        image = build(out.absolute())
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"{error.cmd[0]}: {error.stderr.decode(errors='replace')[-4000:]}", file=sys.stderr)
        return 1
    print(f"{image} {image.stat().st_size >> 20} MiB")
    print((out / "SHA256SUMS").read_text(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
