"""The initramfs: busybox, tools and modules of the disk, and our own first program; made natively."""

import lzma
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from firmware.image.debian import HERE
from firmware.image.words import EPOCH, Refused, need, run

PARTS = HERE / "initramfs.d"
PROGRAMS = ("cryptsetup", "mke2fs", "e2fsck", "sfdisk")
APPLETS = (  # what our scripts call
    *("sh", "cat", "mkdir", "mount", "modprobe", "sleep", "grep", "sed", "tr", "wc", "dd", "rm", "echo", "printf"),
    *("sync", "reboot", "switch_root", "blockdev", "basename", "dirname", "readlink", "od", "head"),
)
_LIBRARIES = ("usr/lib/aarch64-linux-gnu", "usr/lib", "lib/aarch64-linux-gnu", "lib")
_LOADER = "ld-linux-aarch64.so.1"


def build(root: Path, busybox: Path, image: Path) -> None:
    """Write the initramfs for the programs and the kernel of `root`."""
    need("cpio", "zstd", "depmod", "readelf")
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        _programs(root, busybox, tree)
        _modules(root, tree)
        _own(tree)
        pack(tree, image)


def pack(tree: Path, image: Path) -> None:
    """A folder as a compressed archive that is the same whenever and wherever it is made."""
    names = sorted(str(path.relative_to(tree)) for path in tree.rglob("*"))
    for name in [*names, "."]:
        os.utime(tree / name, (EPOCH, EPOCH), follow_symlinks=False)
    listed = "\0".join(names).encode()
    archive = image.with_suffix(".cpio")
    run(
        *("cpio", "--quiet", "--create", "--null", "--format=newc", "--reproducible", "--owner=+0:+0"),
        *("-D", tree, "-F", archive),
        stdin=listed,
    )
    run("zstd", "--quiet", "--force", "--rm", "-19", "--single-thread", archive, "-o", image)


def kernel(root: Path) -> str:
    """The version of the one kernel whose modules `root` has."""
    versions = [path.name for path in (root / "usr/lib/modules").iterdir()]
    if len(versions) != 1:
        raise Refused(f"One kernel is expected in the root, not {len(versions)}")
    return versions[0]


def _programs(root: Path, busybox: Path, tree: Path) -> None:
    for folder in ("bin", "sbin", "lib", "dev", "proc", "sys", "run", "sysroot", "tmp"):
        (tree / folder).mkdir()
    shutil.copy(busybox, tree / "bin/busybox")
    for applet in APPLETS:
        (tree / "bin" / applet).symlink_to("busybox")
    for name in PROGRAMS:
        program = next(path for place in ("usr/sbin", "usr/bin") if (path := root / place / name).exists())
        shutil.copy(program, tree / "sbin" / name)
        for library in _needed(program, root):
            shutil.copy(library, tree / "lib" / library.name)
    shutil.copy(_library(_LOADER, root), tree / "lib" / _LOADER)
    (tree / "usr").mkdir()
    (tree / "usr/lib").symlink_to("../lib")


def _needed(binary: Path, root: Path) -> Iterator[Path]:
    """The shared libraries that a program needs, and those that these need."""
    for name in re.findall(r"\(NEEDED\).*\[(.+)\]", run("readelf", "-d", binary)):
        library = _library(name, root)
        yield library
        if library.name != "libc.so.6":
            yield from _needed(library, root)


def _library(name: str, root: Path) -> Path:
    for folder in _LIBRARIES:
        if (root / folder / name).exists():
            return root / folder / name
    raise Refused(f"The root has no library {name}")


def _modules(root: Path, tree: Path) -> None:
    version = kernel(root)
    source, target = root / "usr/lib/modules" / version, tree / "lib/modules" / version
    target.mkdir(parents=True)
    for name in ("modules.builtin", "modules.order"):
        shutil.copy(source / name, target / name)
    for relative in closure(wanted_modules(), (source / "modules.dep").read_text()):
        plain = target / relative.removesuffix(".xz")
        plain.parent.mkdir(parents=True, exist_ok=True)
        packed = (source / relative).read_bytes()
        plain.write_bytes(lzma.decompress(packed) if relative.endswith(".xz") else packed)
    run("depmod", "-b", tree, version)


def wanted_modules() -> list[str]:
    """The names in the list of modules."""
    lines = (line.split("#")[0].strip() for line in (PARTS / "modules").read_text().splitlines())
    return [line for line in lines if line]


def closure(names: Iterable[str], dependencies: str) -> list[str]:
    """Files of the modules of these names and of all they need; what is no module here is built in."""
    needs = {head: tail.split() for head, tail in (line.split(":", 1) for line in dependencies.splitlines())}
    files = {Path(path).name.split(".")[0].replace("-", "_"): path for path in needs}
    found = {path for name in names if (path := files.get(name.replace("-", "_")))}
    return sorted(found.union(*(needs[path] for path in found)))


def _own(tree: Path) -> None:
    ours = tree / "lib/bucky"
    shutil.copytree(PARTS / "keys", ours / "keys")
    for name in ("disk.sh", "root.sh"):
        shutil.copy(PARTS / name, ours / name)
    (ours / "modules").write_text("".join(f"{name}\n" for name in wanted_modules()))
    shutil.copy(PARTS / "init", tree / "init")
