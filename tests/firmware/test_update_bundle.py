"""Bundles by the real RAUC: a good one is taken, and every spoilt or foreign one refused before a byte is written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.update import bundle, keys
from tests.firmware.device import TREE
from tests.orthanc import need

VERIFY = TREE / "usr/lib/bucky/verify"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with keys, RAUC's configuration as on the device, images and a bundle of them."""
    need("rauc", "mksquashfs", "veritysetup", "openssl")
    folder = tmp_path_factory.mktemp("bundle")
    keys.make(folder / "keys")
    conf = (TREE / "etc/rauc/system.conf").read_text()
    (folder / "system.conf").write_text(conf.replace("/etc/rauc/keyring.pem", str(folder / "keys/authority.pem")))
    (folder / "root").write_bytes(os.urandom(700_000))
    (folder / "boot").write_bytes(os.urandom(100_000))
    bundle.build("1.2", folder / "root", folder / "boot", folder / "good.raucb", keys=folder / "keys")
    return folder


def verify(place: Path, file: Path) -> tuple[int, str]:
    """Exit status and words of the program on the device."""
    command = [sys.executable, str(VERIFY), str(file), str(place / "system.conf")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.strip()


def test_a_good_bundle_tells_its_version(place: Path) -> None:
    """Signed by the vendor, whole, and for this kind of box."""
    assert verify(place, place / "good.raucb") == (0, "1.2")


def test_a_bundle_of_a_foreign_signer_is_refused(place: Path, tmp_path: Path) -> None:
    """Built with the same tools by somebody with an authority of his own."""
    keys.make(tmp_path / "keys")
    bundle.build("1.3", place / "root", place / "boot", tmp_path / "foreign.raucb", keys=tmp_path / "keys")
    assert verify(place, tmp_path / "foreign.raucb") == (1, "signature")


def test_a_bundle_for_another_kind_of_box_is_refused(place: Path, tmp_path: Path) -> None:
    """Although the vendor signed it."""
    other = tmp_path / "other.raucb"
    bundle.build("1.3", place / "root", place / "boot", other, keys=place / "keys", compatible="bucky-desk")
    assert verify(place, other) == (1, "another-kind")


def test_a_bit_that_flipped_anywhere_is_found(place: Path, tmp_path: Path) -> None:
    """In the images, in the tree of hashes, in the signature: nothing of it would have been written yet."""
    good = (place / "good.raucb").read_bytes()
    spoilt = tmp_path / "spoilt.raucb"
    for at in (0, 97, *range(4096, len(good), 61_111), len(good) - 1500, len(good) - 9, len(good) - 1):
        spoilt.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        status, words = verify(place, spoilt)
        assert (status, words) in {(1, "damaged"), (1, "signature")}, at


@pytest.mark.parametrize("size", [0, 7, 4096, 400_000])
def test_a_bundle_that_came_in_part_is_refused(place: Path, tmp_path: Path, size: int) -> None:
    """Whatever its length."""
    part = tmp_path / "part.raucb"
    part.write_bytes((place / "good.raucb").read_bytes()[:size])
    assert verify(place, part) == (1, "signature")
