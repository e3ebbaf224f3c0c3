"""Build the image of the device: `python -m firmware.image.build [FOLDER]`, by default firmware/.cache/image.

It holds disk.img (to write onto the device), the parts of which updates are made (rootfs.squashfs, boot.vfat), the
kernel and the initramfs for the emulator, sbom.json, and SHA256SUMS.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from firmware.image import disk, initramfs, sbom, start, tree
from firmware.image.debian import CACHE
from firmware.image.words import Refused, sha256

_STARTS_WITH = ("raspi-firmware", "linux-image-", "u-boot-rpi")


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
        packages = start.Packages(*(tree.unpacked(name, work, cache) for name in _STARTS_WITH))
        shutil.copy(packages.kernel, out / "vmlinuz")
        boot, cfg = work / "boot", work / "cfg"
        boot.mkdir()
        start.lay_slot(boot, packages, out / "initramfs")
        disk.fat(boot, out / "boot.vfat", disk.places()["bootA"][1], "BUCKYBOOT")
        cfg.mkdir()
        start.lay_cfg(cfg, packages)
        disk.fat(cfg, work / "cfg.vfat", disk.places()["cfg"][1], "BUCKYCFG")
        start.write_choice(work / "choice", start.choice("A", "A"))
        contents = {"cfg": work / "cfg.vfat", "bootA": out / "boot.vfat", "choice": work / "choice"}
        disk.whole(out / "disk.img", {**contents, "rootA": out / "rootfs.squashfs"})
    _sums(out)
    return out / "disk.img"


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
