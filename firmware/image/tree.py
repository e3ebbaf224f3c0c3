"""The root of the box as a folder: Debian, the kernel's modules, the product, our own files; then as a squashfs."""

import shutil
import tempfile
from pathlib import Path

from firmware.image import initramfs, wheels
from firmware.image.debian import CACHE, HERE, debs, read, root_tar
from firmware.image.words import Refused, need, run
from firmware.update import keys

SYSTEM = HERE.parent / "system" / "overlay"  # units, users, rules: laid over the root
OURS = HERE / "overlay"
LINKS = HERE / "links.txt"
_NOT_FOR_THIS_BOARD = (  # of the kernel's modules; nothing of it can be plugged into the box
    "sound",
    "net/bluetooth",
    "net/mac80211",
    "net/wireless",
    "drivers/gpu",
    "drivers/media",
    "drivers/infiniband",
    "drivers/iio",
    "drivers/bluetooth",
    "drivers/net/wireless",
    "drivers/staging",
    "drivers/comedi",
    "drivers/scsi/lpfc",
    "drivers/scsi/qla2xxx",
    "drivers/net/ethernet/mellanox",
    "drivers/net/ethernet/chelsio",
    "drivers/net/ethernet/qlogic",
    "drivers/net/ethernet/broadcom/bnx2x",
)
_EMPTIED = ("var/log", "var/cache", "var/lib/apt", "var/lib/dpkg/info", "boot", "tmp", "var/tmp", "run", "dev")
_POINTS = ("var/lib/bucky", "dev", "proc", "sys", "run", "tmp")


def assemble(root: Path, cache: Path = CACHE) -> None:
    """Put the root together in an empty folder."""
    need("systemd-sysusers", "depmod")
    run("tar", "-xpf", root_tar(cache), "-C", root, "--numeric-owner")
    _kernel(root, cache)
    _licences(root, cache)
    wheels.environment(root, cache)
    for layer in (OURS, SYSTEM):
        lay(layer, root)
    link(links(), root)
    keys.make(cache / "keys")  # a vendor puts its own there; what is made here is good for tests
    shutil.copyfile(cache / "keys/authority.pem", root / "etc/rauc/keyring.pem")
    run("systemd-sysusers", f"--root={root}")
    _tidy(root)


def lay(layer: Path, root: Path) -> None:
    """Lay a tree of the repository over the root: modes by what may be run."""
    for source in sorted(layer.rglob("*")):
        target = root / source.relative_to(layer)
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            shutil.copyfile(source, target)
            target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)


def links() -> dict[str, str]:
    """The root's own symbolic links: where each leads, by its path."""
    lines = (line.split() for line in LINKS.read_text().splitlines() if not line.startswith("#"))
    return dict(lines)


def link(wanted: dict[str, str], root: Path) -> None:
    """Make symbolic links below the root."""
    for path, target in wanted.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).unlink(missing_ok=True)
        (root / path).symlink_to(target)


def unpacked(name: str, into: Path, cache: Path = CACHE) -> Path:
    """A package that is only unpacked, by the beginning of its name, in a folder of its own below `into`."""
    found = [package for package in read() if package.use == "unpack" and package.name.startswith(name)]
    if len(found) != 1:
        raise Refused(f"One package {name} is expected in the lock, not {len(found)}")
    folder = into / found[0].name
    folder.mkdir(parents=True)
    run("dpkg-deb", "-x", debs(found, cache) / found[0].file, folder)
    return folder


def _kernel(root: Path, cache: Path) -> None:
    """The modules that can be of use."""
    with tempfile.TemporaryDirectory(dir=root.parent) as folder:
        linux = unpacked("linux-image-", Path(folder), cache)
        shutil.copytree(linux / "usr/lib/modules", root / "usr/lib/modules", symlinks=True)
    version = initramfs.kernel(root)
    for name in _NOT_FOR_THIS_BOARD:
        shutil.rmtree(root / "usr/lib/modules" / version / "kernel" / name, ignore_errors=True)
    run("depmod", "-b", root, version)


def _licences(root: Path, cache: Path) -> None:
    """Those of what is only unpacked; the root's own lie there already."""
    with tempfile.TemporaryDirectory(dir=root.parent) as folder:
        for package in read():
            if package.use == "unpack":
                text = unpacked(package.name, Path(folder), cache) / "usr/share/doc" / package.name / "copyright"
                (root / "usr/share/doc" / package.name).mkdir(parents=True, exist_ok=True)
                shutil.copy(text, root / "usr/share/doc" / package.name / "copyright")


def _tidy(root: Path) -> None:
    """Take away what differs from build to build or is of no use in a root that is never written."""
    for name in _EMPTIED:
        shutil.rmtree(root / name, ignore_errors=True)
    for name in _POINTS:
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in ("tmp", "var/tmp"):
        (root / name).mkdir(exist_ok=True)
        (root / name).chmod(0o1777)
    (root / "etc/machine-id").write_text("")
    for name in ("etc", "var"):  # systemd need not look for what a package's installation left to be done
        (root / name / ".updated").write_text("")
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    (root / "etc/resolv.conf").symlink_to("../run/systemd/resolve/stub-resolv.conf")
    for backup in ("passwd-", "group-", "shadow-", "gshadow-", ".pwd.lock"):
        (root / "etc" / backup).unlink(missing_ok=True)


def squashed(root: Path, image: Path) -> None:
    """The root as a squashfs, the same bytes for the same content."""
    need("mksquashfs")
    image.unlink(missing_ok=True)
    run(
        *("mksquashfs", root, image, "-comp", "zstd", "-Xcompression-level", "6", "-b", "256K"),
        *("-noappend", "-no-xattrs", "-no-progress", "-quiet"),
    )
