"""The emulated board takes minutes: `make firmware-test` runs these, `make test` does not."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.image.debian import CACHE
from firmware.image.words import sha256
from firmware.update import bundle, keys
from tests.firmware.emulated.board import Board, powered
from tests.firmware.emulated.images import built, scratch, unhealthy_root
from tests.firmware.emulated.outside import accept_the_unit, wait_until_healthy

collect_ignore_glob = [] if os.environ.get("BUCKY_EMULATED") else ["test_*.py"]


@pytest.fixture(scope="session")
def image() -> Iterator[Path]:
    """The image, built twice and the same; or the one that BUCKY_IMAGE names, while somebody works on the tests."""
    if given := os.environ.get("BUCKY_IMAGE"):
        yield Path(given)
        return
    folder = scratch("image")
    first = built(folder / "first")
    second = built(folder / "second")
    assert (folder / "first/SHA256SUMS").read_text() == (folder / "second/SHA256SUMS").read_text()
    assert sha256(first) == sha256(second)
    yield first
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def bundles(image: Path) -> Iterator[dict[str, Path]]:
    """One of each kind, by name."""
    folder = scratch("bundles")
    found = {name: folder / f"{name}.raucb" for name in ("good", "unhealthy", "foreign", "spoilt")}
    root, boot = image.parent / "rootfs.squashfs", image.parent / "boot.vfat"
    bundle.build("good", root, boot, found["good"], keys=CACHE / "keys")
    bundle.build("unhealthy", unhealthy_root(folder), boot, found["unhealthy"], keys=CACHE / "keys")
    keys.make(folder / "foreign")
    bundle.build("foreign", boot, boot, found["foreign"], keys=folder / "foreign")
    shutil.copyfile(found["good"], found["spoilt"])
    with found["spoilt"].open("r+b") as file:
        at = found["spoilt"].stat().st_size // 2
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))
    yield found
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def first_board(image: Path, bundles: dict[str, Path]) -> Iterator[Board]:
    """The board of all tests that need no other, flashed; the bundles lie on drives that are plugged in."""
    folder = scratch("board")
    with powered(Board(folder / "one", image, disk_mib=8192)) as made:
        for name, path in bundles.items():
            made.plug(name, path)
        made.start()
        wait_until_healthy(made)
        accept_the_unit(made)
        yield made
    shutil.rmtree(folder)


@pytest.fixture
def board(first_board: Board) -> Board:
    """That board, switched on and healthy; it has accepted the unit."""
    if not first_board.process:
        first_board.start()
    wait_until_healthy(first_board)
    return first_board
