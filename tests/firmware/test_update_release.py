"""Releases of the product alone, on the device: which one runs, and the way back from one that cannot start."""

import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from firmware.update.release import make
from provisioning.agent.guard import STARTS
from tests.firmware.device import CHECKOUT, Device

RELEASES = "/var/lib/bucky/releases"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The product as a wheel of version 99.0."""
    path = tmp_path_factory.mktemp("wheel") / "bucky-99.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as packed:
        for package in ("appliance", "webui", "provisioning"):
            for file in sorted((CHECKOUT / package).rglob("*")):
                if file.suffix in (".py", ".sql", ".csv"):
                    packed.write(file, str(file.relative_to(CHECKOUT)))
        packed.writestr("bucky-99.0.dist-info/METADATA", "")
    return path


def _lay(device: Device, wheel: Path, folder: Path, version: str) -> None:
    """Unpack the release as the agent does, under a version of its own, and point to it."""
    with tarfile.open(make(wheel, folder)) as archive:
        archive.extractall(folder / version, filter="data")
    init = folder / version / "appliance/__init__.py"
    lines = [f'__version__ = "{version}"' if "__version__" in line else line for line in init.read_text().splitlines()]
    init.write_text("\n".join(lines) + "\n")
    device.run("sh", "-euc", f"cp -r {folder}/{version} {RELEASES}/; ln -sfn {version} {RELEASES}/current")


def test_the_same_wheel_makes_the_same_release(wheel: Path, tmp_path: Path) -> None:
    """Byte by byte, and of the packages alone."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    first, second = make(wheel, tmp_path / "one"), make(wheel, tmp_path / "two")
    assert first.read_bytes() == second.read_bytes()
    with tarfile.open(first) as archive:
        assert {name.split("/")[0] for name in archive.getnames()} == {"appliance", "webui", "provisioning"}


def test_the_newer_of_image_and_release_runs(device: Device, wheel: Path, tmp_path: Path) -> None:
    """A release that came by the link, until an image is newer; a release that is gone leaves the image's."""
    own = device.run("bucky", "--version")
    _lay(device, wheel, tmp_path, "99.0")
    assert device.run("bucky", "--version") == "bucky 99.0"
    _lay(device, wheel, tmp_path, "0.0.1")
    assert device.run("bucky", "--version") == own
    device.run("rm", "-r", f"{RELEASES}/0.0.1")
    assert device.run("bucky", "--version") == own


def test_a_release_that_cannot_start_makes_way(device: Device, wheel: Path, tmp_path: Path) -> None:
    """After three starts in vain the guard of the image points to the one before."""
    _lay(device, wheel, tmp_path, "99.1")
    device.run("sh", "-euc", f"echo 'raise SystemExit(3)' > {RELEASES}/99.1/appliance/cli.py")
    trial = json.dumps({"from": "image", "to": "99.1", "version": 1, "until": "", "starts": 0})
    device.run("sh", "-c", f"cat > {RELEASES}/pending", text=trial)
    for _ in range(STARTS):
        device.run("/usr/lib/bucky/release", "guard")
        device.run("bucky", "--version", expect=3)
    device.run("/usr/lib/bucky/release", "guard")
    assert device.run("readlink", f"{RELEASES}/current") == "image"
    device.run("bucky", "--version")
