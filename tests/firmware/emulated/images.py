"""The image under test: built once for a run, from the cached root."""

import os
import shutil
import time
from pathlib import Path

from firmware.image import tree
from firmware.image.build import build
from firmware.image.debian import CACHE


def built(folder: Path) -> Path:
    """A freshly built image in `folder`; prints how long it took."""
    began = time.monotonic()
    image = build(folder)
    used, size = allocated_mib(image), image.stat().st_size >> 20
    print(f"\nimage built in {time.monotonic() - began:.0f} s, {used} of {size} MiB used")
    return image


def allocated_mib(path: Path) -> int:
    """What a sparse file takes on the disk, in MiB."""
    return path.stat().st_blocks * 512 >> 20


def scratch(name: str) -> Path:
    """A folder for large things, beside the cache."""
    folder = CACHE / "emulated" / f"{name}-{os.getpid()}"
    folder.mkdir(parents=True)
    return folder


def unhealthy_root(folder: Path) -> Path:
    """A root whose roles end at once; it gives itself a minute of trial, so that nobody waits for ten."""
    root = folder / "unhealthy"
    root.mkdir()
    tree.assemble(root)
    (root / "usr/lib/bucky/run").write_text("#!/bin/sh\nexit 1\n")
    hasty = root / "usr/lib/systemd/system/bucky-healthy.service.d/zz-hasty.conf"
    hasty.parent.mkdir()
    hasty.write_text("[Service]\nExecStart=\nExecStart=/usr/lib/bucky/healthy /var/lib/bucky 60\n")
    tree.squashed(root, folder / "unhealthy.squashfs")
    shutil.rmtree(root)
    return folder / "unhealthy.squashfs"
