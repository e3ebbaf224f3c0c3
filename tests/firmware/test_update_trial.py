"""A slot on trial against running roles: it stays when all is well, is left when not, and the vendor link is told.

RAUC's own writing needs the device mapper: it is tried in the emulator. Here a stand-in of it copies nothing and
calls the boot choice as RAUC does.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.update import bundle, keys
from tests.firmware.device import CHECKOUT, Device, Started

UPDATES = "/var/lib/bucky/updates"
CHOICE = "/run/bucky/cfg/autoboot.txt"
AS_AGENT = "setpriv --reuid bucky-agent --regid bucky --clear-groups"
AS_PAGE = AS_AGENT.replace("agent", "web")
_SYSTEMCTL = """#!/bin/sh
[ "$*" != "start bucky-healthy.service" ] || exec {as_page} /usr/lib/bucky/healthy /var/lib/bucky $SECONDS_TO_PROVE
echo "$@" >> {folder}/asked
"""
_STAND_IN = """#!/bin/sh
[ "$1" = install ] || exec /usr/bin/rauc "$@"
/usr/lib/bucky/boot-choice set-state B bad && /usr/lib/bucky/boot-choice set-primary B
"""
UNREADABLE = ("", "nonsense", "[]", "{}")


@pytest.fixture(scope="module")
def box(device: Device, started: dict[str, Started], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    """A device whose roles and web server run."""
    device.start("bucky-front.service").wait_listening(device, 443)
    bin_folder = tmp_path_factory.mktemp("bin")
    for name, text in (("rauc", _STAND_IN), ("systemctl", _SYSTEMCTL.format(as_page=AS_PAGE, folder=bin_folder))):
        (bin_folder / name).write_text(text)
        (bin_folder / name).chmod(0o755)
    device.bin = bin_folder
    yield device


@pytest.fixture(autouse=True)
def flashed(box: Device) -> None:
    """The boot choice as it is flashed, slot A runs, nothing is under way."""
    text = (CHECKOUT / "firmware/image/boot/autoboot.txt").read_text()
    act(box, f"mkdir -p /run/bucky/cfg; cat > {CHOICE}; echo A > /run/bucky/slot; rm -f {UPDATES}/*", text=text)


def act(box: Device, command: str, *, text: str = "", expect: int = 0) -> str:
    """A shell command on the device, with its boot choice in a file."""
    line = f"umask 7; export BUCKY_ROLES_APART=1 BUCKY_AUTOBOOT={CHOICE} PATH={box.bin}:$PATH; {command}"
    return box.run("sh", "-euc", line, text=text, expect=expect)


def outcome(box: Device) -> dict[str, object]:
    """What the vendor link is told, by a file that its role can read and remove."""
    found: dict[str, object] = json.loads(act(box, f"{AS_AGENT} cat {UPDATES}/outcome.json"))
    act(box, f"{AS_AGENT} rm {UPDATES}/outcome.json")
    return found


def _in_slot_b(box: Device) -> None:
    trial = json.dumps({"release": "1.2", "version": 7, "slot": "B"})
    act(
        box,
        f"/usr/lib/bucky/boot-choice set-primary B; echo B > /run/bucky/slot; cat > {UPDATES}/trial.json",
        text=trial,
    )


def test_a_healthy_slot_stays(box: Device) -> None:
    """Receiver, page over TLS, database, disk and clock are good: the next usual start is this slot's."""
    _in_slot_b(box)
    assert act(box, f"SECONDS_TO_PROVE=60 /usr/lib/bucky/trial {UPDATES}") == ""
    assert act(box, "/usr/lib/bucky/boot-choice proven") == "B"
    assert outcome(box) == {"version": 7, "done": True, "reason": ""}
    assert act(box, f"/usr/lib/bucky/trial {UPDATES}") == ""


def test_a_slot_whose_page_is_dead_is_left(box: Device) -> None:
    """The unit restarts the board then; back in the proven slot the update counts as returned."""
    box.started[-1].terminate()
    box.started[-1].wait(30)
    _in_slot_b(box)
    assert act(box, f"SECONDS_TO_PROVE=0 /usr/lib/bucky/trial {UPDATES}", expect=1) == "not yet: page"
    assert act(box, "/usr/lib/bucky/boot-choice proven") == "A"
    act(box, f"echo A > /run/bucky/slot; /usr/lib/bucky/trial {UPDATES}")
    assert outcome(box) == {"version": 7, "done": False, "reason": "returned"}
    assert act(box, "/usr/lib/bucky/boot-choice get-primary") == "A"
    box.start("bucky-front.service").wait_listening(box, 443)


def test_the_look_at_a_slot_needs_no_more_than_its_unit_opens(box: Device) -> None:
    """By the page's user, in the closed folders of the unit, with its filter of system calls."""
    looked = box.start("bucky-healthy.service")
    assert looked.process.wait(120) == 0, looked.log.read_text()


def test_a_power_cut_during_a_trial_returns_too(box: Device) -> None:
    """The start program takes the proven slot at the next start, and that one tells so."""
    _in_slot_b(box)
    act(box, f"echo A > /run/bucky/slot; /usr/lib/bucky/trial {UPDATES}")
    assert outcome(box)["reason"] == "returned"


def test_a_power_cut_after_the_proof_is_no_return(box: Device) -> None:
    """The slot proved itself; only the word to the vendor link was lost, and is made up for."""
    _in_slot_b(box)
    act(box, f"/usr/lib/bucky/boot-choice set-state B good; /usr/lib/bucky/trial {UPDATES}")
    assert outcome(box)["done"] is True


def test_a_proven_slot_is_not_restarted_whatever_is_wrong(box: Device) -> None:
    """Notes that cannot be read, which bar no later update, and a boot choice that is gone: the box goes on."""
    asked = box.bin / "asked"
    asked.unlink(missing_ok=True)
    for note in UNREADABLE:
        settled = f"/usr/lib/bucky/trial {UPDATES} && test ! -e {UPDATES}/trial.json"
        act(box, f"cat > {UPDATES}/trial.json; {settled}", text=note)
    act(box, f"rm {CHOICE}; /usr/lib/bucky/trial {UPDATES}")
    assert not asked.exists()


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory, box: Device) -> Path:
    """A bundle of the vendor whose authority the device believes."""
    folder = tmp_path_factory.mktemp("signed")
    keys.make(folder / "keys")
    (folder / "part").write_bytes(os.urandom(50_000))
    bundle.build("1.2", folder / "part", folder / "part", folder / "bundle.raucb", keys=folder / "keys")
    box.run("sh", "-c", "cat > /etc/rauc/keyring.pem", text=(folder / "keys/authority.pem").read_text())
    return folder / "bundle.raucb"


def test_a_good_bundle_leads_to_a_restart_on_trial(box: Device, signed: Path) -> None:
    """The other slot is asked for once, and the notes for its trial are there."""
    wanted = json.dumps({"release": "1.2", "version": 8})
    act(box, f"cp {signed} {UPDATES}/bundle.raucb; cat > {UPDATES}/wanted.json", text=wanted)
    (box.bin / "asked").unlink(missing_ok=True)
    agent_lets_it = f"{AS_AGENT} rm {UPDATES}/written"
    waits = f"while [ ! -e {UPDATES}/written ]; do sleep 0.2; done; [ ! -e {box.bin}/asked ]"
    act(box, f"/usr/lib/bucky/install {UPDATES} 3600 & {waits}; {agent_lets_it}; wait $!")
    assert (box.bin / "asked").read_text() == "reboot --reboot-argument=0 tryboot\n"
    assert act(box, "/usr/lib/bucky/boot-choice get-primary") == "B"
    assert json.loads(act(box, f"cat {UPDATES}/trial.json")) == {"release": "1.2", "version": 8, "slot": "B"}
    assert act(box, f"ls {UPDATES}") == "trial.json"


def test_a_restart_does_not_wait_for_ever(box: Device, signed: Path) -> None:
    """For a unit that never leaves, or a vendor link that is dead."""
    (box.bin / "asked").unlink(missing_ok=True)
    wanted = json.dumps({"release": "1.2", "version": 8})
    act(box, f"cp {signed} {UPDATES}/bundle.raucb; cat > {UPDATES}/wanted.json", text=wanted)
    act(box, f"/usr/lib/bucky/install {UPDATES} 0")
    assert (box.bin / "asked").exists()
    assert act(box, f"ls {UPDATES}") == "trial.json"


def test_a_spoilt_bundle_changes_nothing(box: Device, signed: Path) -> None:
    """It is removed, the vendor link is told why, and the idle slot was not touched."""
    good = signed.read_bytes()
    spoilt = signed.with_name("spoilt")
    spoilt.write_bytes(good[:9000] + bytes([good[9000] ^ 1]) + good[9001:])
    wanted = json.dumps({"release": "1.2", "version": 9})
    act(box, f"cp {spoilt} {UPDATES}/bundle.raucb; cat > {UPDATES}/wanted.json", text=wanted)
    act(box, f"/usr/lib/bucky/install {UPDATES}")
    assert outcome(box) == {"version": 9, "done": False, "reason": "bundle-damaged"}
    assert act(box, "/usr/lib/bucky/boot-choice get-primary") == "A"
    assert act(box, f"ls {UPDATES}") == ""


def test_a_wish_that_cannot_be_read_is_removed(box: Device, signed: Path) -> None:
    """A damaged card: it does not keep the box busy for ever, and the vendor link may ask again."""
    for note in UNREADABLE:
        brought = f"cp {signed} {UPDATES}/bundle.raucb; cat > {UPDATES}/wanted.json"
        act(box, f"{brought}; /usr/lib/bucky/install {UPDATES}", text=note)
        assert act(box, f"ls {UPDATES}") == ""
