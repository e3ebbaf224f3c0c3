"""The boot choice in U-Boot's environment, by its own tools, under power cuts."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.firmware.device import CHECKOUT, TREE
from tests.orthanc import need

SCRIPT = CHECKOUT / "firmware/update/uboot/boot.cmd"
_UBOOT = """
for name in bucky_proven bucky_next bucky_tries; do
    eval "$name=$(fw_printenv -c "$CONF" -n $name 2>/dev/null || true)"
done
setenv() {{ name=$1; shift; eval "$name=\\$*"; }}
saveenv() {{ {save} && fw_setenv -c "$CONF" -f /dev/null bucky_tries "$bucky_tries"; }}
load() {{ echo "$2 $4"; }}
booti() {{ echo "$bootargs"; exit; }}
devtype=mmc devnum=0 kernel_addr_r=0x80000 ramdisk_addr_r=0x2600000
"""
"""U-Boot's words for a shell, over the same environment; that U-Boot reads the script is seen in the emulator."""
CHOICE = TREE / "usr/lib/bucky/boot-choice"
SIZE = 0x1000


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """Two places for the environment, both empty."""
    need("fw_setenv", "fw_printenv")
    places = [tmp_path / "one", tmp_path / "two"]
    for place in places:
        place.write_bytes(bytes(SIZE))
    path = tmp_path / "fw_env.config"
    path.write_text("".join(f"{place} 0x0 {SIZE:#x}\n" for place in places))
    return path


def choice(conf: Path, *arguments: str, expect: int = 0) -> str:
    """One act."""
    environ = {**os.environ, "BUCKY_FW_ENV": str(conf)}
    done = subprocess.run([CHOICE, *arguments], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == expect, done.stderr
    return done.stdout.strip()


def test_a_new_board_starts_slot_a(conf: Path) -> None:
    """Before anything was kept."""
    assert (choice(conf, "proven"), choice(conf, "get-primary")) == ("A", "A")


def test_an_update_is_tried_and_stays_or_is_left(conf: Path) -> None:
    """As on the other boards."""
    choice(conf, "set-primary", "B")
    assert (choice(conf, "proven"), choice(conf, "get-primary")) == ("A", "B")
    choice(conf, "set-state", "B", "bad")
    assert choice(conf, "get-primary") == "A"
    choice(conf, "set-primary", "B")
    choice(conf, "set-state", "B", "good")
    assert (choice(conf, "proven"), choice(conf, "get-state", "A")) == ("B", "bad")
    choice(conf, "set-state", "B", "bad", expect=1)


def test_a_write_torn_anywhere_leaves_the_choice_before_or_the_new_one(conf: Path) -> None:
    """The copy that was being written is no whole one then, and the other counts."""
    choice(conf, "set-state", "B", "good")
    choice(conf, "set-primary", "A")
    places = [conf.with_name("one"), conf.with_name("two")]
    old = [place.read_bytes() for place in places]
    choice(conf, "set-state", "A", "good")
    new = [place.read_bytes() for place in places]
    (written,) = [number for number in (0, 1) if old[number] != new[number]]
    for at in (*range(64), *range(64, SIZE, 509)):
        places[written].write_bytes(new[written][:at] + old[written][at:])
        assert (choice(conf, "proven"), choice(conf, "get-primary")) in {("B", "A"), ("A", "A")}


def started(conf: Path, *, can_save: bool = True) -> str:
    """The slot that the board's next start takes."""
    words = _UBOOT.format(save=str(can_save).lower())
    done = subprocess.run(
        ["sh", "-c", words + SCRIPT.read_text()],
        env={"PATH": "/usr/bin:/bin", "CONF": str(conf)},
        capture_output=True,
        text=True,
        check=True,
    )
    said, kernel, initramfs, arguments = done.stdout.splitlines()
    slot = said.removeprefix("bucky: slot ")
    assert f"bucky.slot={slot}" in arguments
    part = {"A": "0:2", "B": "0:3"}[slot]
    assert (kernel, initramfs) == (f"{part} vmlinuz", f"{part} initramfs")
    return slot


def test_a_slot_on_trial_is_started_once(conf: Path) -> None:
    """One start is the other slot's, and the next one the proven one's, until the other proves itself."""
    assert started(conf) == "A"
    choice(conf, "set-primary", "B")
    assert [started(conf) for _ in range(3)] == ["B", "A", "A"]
    choice(conf, "set-primary", "B")
    assert started(conf) == "B"
    choice(conf, "set-state", "B", "good")
    assert [started(conf) for _ in range(2)] == ["B", "B"]
    choice(conf, "set-primary", "A")
    assert [started(conf) for _ in range(2)] == ["A", "B"]


def test_a_trial_that_cannot_be_noted_is_not_begun(conf: Path) -> None:
    """Else a slot that hangs would be started again and again."""
    choice(conf, "set-primary", "B")
    assert [started(conf, can_save=False) for _ in range(2)] == ["A", "A"]
    assert started(conf) == "B"
