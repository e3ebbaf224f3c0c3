"""The image of the whole disk: a GPT with cfg, bootA, bootB, choice, rootA, rootB and data, written without a mount."""

import hashlib
import os
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from firmware.image.words import EPOCH, MIB, Refused, need, run

_LINUX, _BASIC = "0FC63DAF-8483-4772-8E79-3D69D8477DE4", "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"


class Partition(NamedTuple):
    """One partition of the disk."""

    name: str
    size: int
    kind: str


LAYOUT = (
    Partition("cfg", 16 * MIB, _BASIC),
    Partition("bootA", 96 * MIB, _BASIC),
    Partition("bootB", 96 * MIB, _BASIC),
    Partition("choice", 8 * MIB, _LINUX),  # what image/start.py says of it; bootA and bootB are numbers 2 and 3 for all
    Partition("rootA", 448 * MIB, _LINUX),
    Partition("rootB", 448 * MIB, _LINUX),
    Partition("data", 32 * MIB, _LINUX),  # grows to the disk's end at the first boot
)
_FIRST = MIB


def named_uuid(name: str) -> str:
    """The same identifier for the same name in each image."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"bucky:{name}")).upper()


def places(layout: Sequence[Partition] = LAYOUT) -> dict[str, tuple[int, int]]:
    """Name of a partition: where it begins and how large it is, in bytes."""
    begin, found = _FIRST, dict[str, tuple[int, int]]()
    for partition in layout:
        found[partition.name] = (begin, partition.size)
        begin += partition.size
    return found


def fat(folder: Path, image: Path, size: int, label: str) -> None:
    """A FAT file system with what is in a folder, the same on each run."""
    need("mkfs.vfat", "mcopy")
    serial = hashlib.sha256(label.encode()).hexdigest()[:8]
    image.unlink(missing_ok=True)
    with image.open("wb") as file:
        file.truncate(size)
    run("mkfs.vfat", "--invariant", "-i", serial, "-n", label, image)
    for path in sorted(folder.rglob("*")):
        os.utime(path, (EPOCH, EPOCH))
        relative = path.relative_to(folder)
        if path.is_dir():
            run("mmd", "-i", image, f"::{relative}")
        else:
            run("mcopy", "-m", "-i", image, path, f"::{relative}")


def whole(image: Path, contents: dict[str, Path], layout: Sequence[Partition] = LAYOUT) -> None:
    """Write the disk with `contents` (name of a partition: its image); raises Refused where one is too large."""
    need("sfdisk")
    total = _FIRST + sum(partition.size for partition in layout) + MIB  # the last for the second partition table
    image.unlink(missing_ok=True)
    with image.open("wb") as file:
        file.truncate(total)
    table = [f"label: gpt\nlabel-id: {named_uuid('disk')}\nfirst-lba: {_FIRST // 512}\n"]
    for partition in layout:
        begin, size = places(layout)[partition.name]
        table.append(
            f"start={begin // 512}, size={size // 512}, type={partition.kind},"
            f' uuid={named_uuid(partition.name)}, name="{partition.name}"\n'
        )
    run("sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", image, stdin="".join(table).encode())
    with image.open("r+b") as file:
        for name, content in contents.items():
            begin, size = places(layout)[name]
            if content.stat().st_size > size:
                raise Refused(f"{name} has {content.stat().st_size} bytes, and its partition {size}")
            file.seek(begin)
            with content.open("rb") as source:
                shutil.copyfileobj(source, file, MIB)
