"""The button of the case: who holds it at the start and lets go resets the box, as the unit's user with its folders."""

import subprocess
from pathlib import Path

import pytest

from tests.firmware.device import TREE, Device

_SECOND = """#!/bin/sh
echo passed >> {folder}/seconds
[ "$(wc -l < {folder}/seconds)" -lt {held} ] || echo 1 > {folder}/gpio516/value
"""
"""Stands in for sleep(1): the finger goes when enough seconds are over."""


def button(folder: Path, *, held: int, chip: str = "pinctrl-bcm2711") -> subprocess.CompletedProcess[str]:
    """Look at the pin of a board whose button is held for so many seconds."""
    for name, text in (("gpiochip512/label", chip), ("gpiochip512/base", "512"), ("gpio516/value", str(int(not held)))):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(f"{text}\n")
    (folder / "bin").mkdir()
    (folder / "bin/sleep").write_text(_SECOND.format(folder=folder, held=held))
    (folder / "bin/sleep").chmod(0o755)
    return subprocess.run(
        [TREE / "usr/lib/bucky/button", folder],
        env={"PATH": f"{folder}/bin:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(("held", "status"), [(0, 1), (9, 1), (10, 0), (90, 0)])
def test_who_holds_it_long_enough_and_lets_go_resets_the_box(tmp_path: Path, held: int, status: int) -> None:
    """Ten seconds at least; a touch is none, and a start without a finger takes no time."""
    done = button(tmp_path, held=held)
    assert (done.returncode, done.stderr) == (status, "")
    assert (tmp_path / "seconds").exists() == (held > 0)


def test_a_button_that_never_comes_up_resets_nothing(tmp_path: Path) -> None:
    """It is broken, or lies under something; the start goes on after a minute and a half."""
    done = button(tmp_path, held=1000)
    assert done.returncode == 1
    assert "does not come up" in done.stderr
    assert len((tmp_path / "seconds").read_text().splitlines()) == 90


def test_another_chip_has_no_button(tmp_path: Path) -> None:
    """As in a machine that is no such board."""
    assert button(tmp_path, held=20, chip="9030000.pl061").returncode == 1


def test_the_pin_is_asked_of_the_kernel(tmp_path: Path) -> None:
    """By its number on the board's chip; one that the kernel refuses resets nothing."""
    for name, text in (("label", "pinctrl-bcm2711"), ("base", "600")):
        (tmp_path / "gpiochip600").mkdir(exist_ok=True)
        (tmp_path / "gpiochip600" / name).write_text(f"{text}\n")
    done = subprocess.run([TREE / "usr/lib/bucky/button", tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert (tmp_path / "export").read_text() == "604\n"


def test_the_reset_takes_what_every_role_made_and_leaves_the_label_true(device: Device) -> None:
    """As the unit runs it: its user, its folders, its filter; then the folders are made anew."""
    as_role = "setpriv --reuid bucky-{} --regid bucky --clear-groups"
    device.run("sh", "-euc", f"umask 7; {as_role.format('agent')} /usr/lib/bucky/first-boot /var/lib/bucky")
    for role, path in (("receiver", "instances/1/2"), ("courier", "previews/3"), ("agent", "releases/1.0/code")):
        made = f"mkdir -p $(dirname {path}); touch {path}"
        device.run("sh", "-euc", f"umask 7; cd /var/lib/bucky; {as_role.format(role)} sh -euc '{made}'")
    code = device.run("cat", "/var/lib/bucky/vendor/setup-code")
    reset = device.start("bucky-button.service")
    assert reset.process.wait(120) == 0, reset.log.read_text()
    assert not device.run("sh", "-c", "cd /var/lib/bucky; ls -d instances previews releases || true")
    assert device.run("cat", "/var/lib/bucky/vendor/setup-code") == code
    device.run("systemd-tmpfiles", "--create", "--prefix=/var/lib/bucky")
    assert device.run("readlink", "/var/lib/bucky/releases/current") == "image"
