"""The boot choice under power cuts: whatever part of a write reached the card, a slot is started that was meant."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.firmware.device import CHECKOUT, TREE, Device

CHOICE = TREE / "usr/lib/bucky/boot-choice"
FLASHED = (CHECKOUT / "firmware/image/boot/autoboot.txt").read_text()
SLOTS = {"2": "A", "3": "B"}
_LATE = """
mount -t tmpfs dev /dev
mknod -m 666 /dev/null c 1 3
mkdir -p /run/bucky /dev/disk/by-partlabel {bin}
printf '#!/bin/sh\\n[ -e "$5" ] && cat >"$6/autoboot.txt" <<END\\n{flashed}END\\n' >{bin}/mount
printf '#!/bin/sh\\nrm "$1/autoboot.txt"\\n' >{bin}/umount
chmod +x {bin}/*
(sleep 2; touch /dev/disk/by-partlabel/cfg) &
PATH={bin}:$PATH /usr/lib/bucky/boot-choice proven
"""


def choice(file: Path, *arguments: str, expect: int = 0) -> str:
    """One act on a file."""
    environ = {**os.environ, "BUCKY_AUTOBOOT": str(file)}
    done = subprocess.run([CHOICE, *arguments], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == expect, done.stderr
    return done.stdout.strip()


def starts(text: str) -> tuple[str, str]:
    """What the start program takes from the file: the slot of a usual start, and of one on trial."""
    found = dict(re.findall(r"^\[(\w+)\]\n(?:tryboot_a_b=1\n)?boot_partition=(\d)$", text, re.MULTILINE))
    return SLOTS[found["all"]], SLOTS[found["tryboot"]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """As it is flashed."""
    path = tmp_path / "autoboot.txt"
    path.write_text(FLASHED)
    return path


def test_an_update_is_tried_and_stays_when_it_proves_itself(file: Path) -> None:
    """As RAUC calls it: the other slot is bad while it is written, then the first choice, then good."""
    assert (choice(file, "get-primary"), choice(file, "proven")) == ("A", "A")
    choice(file, "set-state", "B", "bad")
    choice(file, "set-primary", "B")
    assert choice(file, "get-primary") == "B"
    assert choice(file, "get-state", "B") == "good"
    assert starts(file.read_text()) == ("A", "B")  # a usual start is still the proven one's
    choice(file, "set-state", "B", "good")
    assert starts(file.read_text()) == ("B", "A")
    assert (choice(file, "get-state", "A"), choice(file, "get-state", "B")) == ("bad", "good")


def test_an_update_that_fails_leaves_the_proven_slot(file: Path) -> None:
    """And nothing is asked for any more."""
    choice(file, "set-primary", "B")
    choice(file, "set-state", "B", "bad")
    assert file.read_text() == FLASHED


def test_the_proven_slot_cannot_be_given_up(file: Path) -> None:
    """There would be nothing to start; slots that there are not are refused."""
    choice(file, "set-state", "A", "bad", expect=1)
    choice(file, "set-primary", "C", expect=2)
    assert file.read_text() == FLASHED


_WRITES = (
    ("set-primary B", ()),
    ("set-state B good", ("set-primary B",)),
    ("set-state B bad", ("set-primary B",)),
    ("set-state B good", ()),
    ("set-primary A", ("set-state B good",)),
    ("set-state A good", ("set-state B good", "set-primary A")),
)


@pytest.mark.parametrize(("write", "before"), _WRITES)
def test_a_write_torn_at_any_byte_leaves_a_choice_that_was_meant(
    file: Path, write: str, before: tuple[str, ...]
) -> None:
    """The file keeps its length and sector; each torn state starts the old or the new slot, and can be gone on from."""
    for act in before:
        choice(file, *act.split())
    old = file.read_text()
    choice(file, *write.split())
    new = file.read_text()
    assert len(old) == len(new) == len(FLASHED) <= 512
    for torn in {new[:at] + old[at:] for at in range(len(new) + 1)}:
        usual, on_trial = starts(torn)
        assert usual in {starts(old)[0], starts(new)[0]}
        assert on_trial in {"A", "B"}
        file.write_text(torn)
        assert choice(file, "get-primary") in {"A", "B"}
        choice(file, *write.split())
        assert file.read_text() == new


def test_a_start_that_is_earlier_than_its_disk_waits_for_it(device: Device) -> None:
    """A trial that could not read the choice would never commit; `mount` is a stand-in that needs the partition."""
    script = _LATE.format(bin="/run/late", flashed=FLASHED.replace("\n", "\\n"))
    assert device.run("unshare", "--mount", "sh", "-euc", script) == "A"
