"""What the image is made of comes out the same, bit by bit, from the same content (toy trees, built twice)."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware.image import disk, initramfs, tree
from firmware.image.words import MIB, SYSTEM_PATH, TOOLS, MissingTool, Refused, need, run

SMALL = [part._replace(size=min(part.size, (32 if part.name == "data" else 4) * MIB)) for part in disk.LAYOUT]


def _needs(*programs: str) -> pytest.MarkDecorator:
    missing = [TOOLS[name] for name in programs if not shutil.which(name, path=SYSTEM_PATH)]
    return pytest.mark.skipif(bool(missing), reason=f"needs {' '.join(missing)}")


def _toy(folder: Path, names: list[str], time: float) -> Path:
    """A tree whose files were written in the given order, at the given time."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}\n" * 50)
        os.utime(path, (time, time))
    (folder / "link").symlink_to(names[0] if names[0] < names[-1] else names[-1])
    return folder


def _twice(tmp_path: Path, build: Callable[[Path, Path], None]) -> tuple[bytes, bytes]:
    """What `build(tree, image)` makes of the same toy tree, written in two orders at two times."""
    names = ["bin/a", "bin/b", "lib/modules/c", "init"]
    made = []
    for number, (order, time) in enumerate(((names, 1.9e9), (names[::-1], 1.95e9))):
        image = tmp_path / f"image-{number}"
        build(_toy(tmp_path / f"tree-{number}", order, time), image)
        made.append(image.read_bytes())
    return made[0], made[1]


@_needs("cpio", "zstd")
def test_an_initramfs_is_the_same_on_repeat(tmp_path: Path) -> None:
    """Order and times of the files on the build machine do not count."""
    first, second = _twice(tmp_path, initramfs.pack)
    assert first == second


@_needs("mksquashfs")
def test_a_root_is_the_same_on_repeat(tmp_path: Path) -> None:
    """The same for the squashfs."""
    first, second = _twice(tmp_path, tree.squashed)
    assert first == second


@_needs("mkfs.vfat", "mcopy", "sfdisk")
def test_a_disk_is_the_same_on_repeat(tmp_path: Path) -> None:
    """The same for the whole disk with a FAT partition in it."""

    def build(folder: Path, image: Path) -> None:
        (folder / "link").unlink()
        disk.fat(folder, image.with_suffix(".vfat"), 4 * MIB, "TOY")
        disk.whole(image, {"bootA": image.with_suffix(".vfat")}, SMALL)

    first, second = _twice(tmp_path, build)
    assert first == second
    table = run("sfdisk", "--dump", tmp_path / "image-0")
    assert [line.split('name="')[1].rstrip('"') for line in table.splitlines() if "name=" in line] == [
        "cfg",
        "bootA",
        "bootB",
        "choice",
        "rootA",
        "rootB",
        "data",
    ]


@_needs("sfdisk")
def test_what_does_not_fit_its_partition_is_refused(tmp_path: Path) -> None:
    """A root that grew over its slot never becomes an image."""
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(disk.places()["cfg"][1] + 1)
    with pytest.raises(Refused, match="cfg"):
        disk.whole(tmp_path / "disk.img", {"cfg": large})


def test_a_missing_tool_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever builds learns what to install."""
    monkeypatch.setitem(TOOLS, "no-such-program", "its-package")
    with pytest.raises(MissingTool, match="apt-get install its-package"):
        need("no-such-program")


def test_modules_come_with_what_they_need() -> None:
    """The initramfs gets the modules of the list and those below them, once each; what is built in is no fault."""
    dependencies = "kernel/a/dm-crypt.ko.xz: kernel/a/dm-mod.ko.xz\nkernel/a/dm-mod.ko.xz:\nkernel/b/unused.ko.xz:\n"
    assert initramfs.closure(["dm_crypt", "built_in"], dependencies) == [
        "kernel/a/dm-crypt.ko.xz",
        "kernel/a/dm-mod.ko.xz",
    ]


def test_a_layer_keeps_what_may_be_run_and_gets_its_links(tmp_path: Path) -> None:
    """A tree of the repository is laid over the root whatever the umask of its checkout was."""
    layer, root = tmp_path / "layer", tmp_path / "root"
    (layer / "etc").mkdir(parents=True)
    root.mkdir()
    for name, mode in (("plain", 0o660), ("program", 0o770)):
        (layer / "etc" / name).write_text(name)
        (layer / "etc" / name).chmod(mode)
    tree.lay(layer, root)
    for target in ("/elsewhere", "../plain"):
        tree.link({"etc/wanted": target}, root)
    assert [(root / "etc" / name).stat().st_mode & 0o777 for name in ("plain", "program")] == [0o644, 0o755]
    assert (root / "etc/wanted").readlink() == Path("../plain")
