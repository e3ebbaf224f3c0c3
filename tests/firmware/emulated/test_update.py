"""A whole update by RAUC: into the other slot, on trial, and back by itself where it is no good or the power goes."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.firmware.emulated.board import BOOT_S, Board
from tests.firmware.emulated.outside import kept, phantoms, store, wait_until_healthy
from tests.waiting import wait_for

UPDATES = "/var/lib/bucky/updates"
OTHER = {"A": "B", "B": "A"}
_BEGINNING = 16 << 20
_OFFER = """umask 7; cd {folder}; rm -f outcome.json
head -c {size} /dev/disk/by-id/virtio-{name} > bundle.raucb
echo '{wanted}' > wanted.new && sync && mv wanted.new wanted.json && sync"""


@pytest.fixture
def pictures(board: Board) -> set[str]:
    """What the box had acknowledged before the update."""
    return set(store(board, phantoms(3, 0.25)))


def offer(board: Board, bundles: dict[str, Path], name: str) -> None:
    """Lay the bundle where the vendor link lays one, as it does: the wish last."""
    wanted = json.dumps({"release": name, "version": 7})
    size = bundles[name].stat().st_size
    board.run(_OFFER.format(folder=UPDATES, size=size, name=name, wanted=wanted))


def restarted(board: Board) -> str:
    """The slot that starts when the bundle is written; plays the vendor link, which sees that the door is quiet."""
    wait_for(lambda: "written" in board.run(f"ls {UPDATES}"), BOOT_S, "the bundle in the other slot")
    board.run(f"rm {UPDATES}/written")
    return board.wait_for_restart()


def outcome(board: Board) -> dict[str, Any]:
    """What the vendor link will tell the vendor, once it is known."""
    wait_for(lambda: "outcome.json" in board.run(f"ls {UPDATES}"), BOOT_S, "the outcome of the update")
    found: dict[str, Any] = json.loads(board.run(f"cat {UPDATES}/outcome.json"))
    return found


def proven(board: Board) -> str:
    """The slot that the next usual start takes."""
    return board.run("/usr/lib/bucky/boot-choice proven").strip()


def idle(board: Board) -> tuple[str, str]:
    """The SHA-256 of the partitions of the slot that does not run."""
    board.run("sync")
    other = OTHER[board.slot]
    return board.flashed(f"root{other}"), board.flashed(f"boot{other}")


@pytest.mark.parametrize(("name", "reason"), [("foreign", "bundle-signature"), ("spoilt", "bundle-damaged")])
def test_what_is_not_the_vendors_is_refused_and_the_idle_slot_unharmed(
    board: Board, bundles: dict[str, Path], name: str, reason: str
) -> None:
    """A foreign signer; one bit of the vendor's bundle flipped."""
    before = idle(board)
    offer(board, bundles, name)
    assert outcome(board) == {"version": 7, "done": False, "reason": reason}
    assert idle(board) == before
    assert proven(board) == board.slot


def test_a_good_release_boots_in_the_other_slot_and_stays(
    board: Board, bundles: dict[str, Path], pictures: set[str]
) -> None:
    """It proves itself, is taken at each start from then on, and the clinic's data is what it was."""
    identity = board.run("cat /etc/machine-id /var/lib/bucky/vendor/label.json")
    new = OTHER[board.slot]
    offer(board, bundles, "good")
    assert restarted(board) == new
    wait_until_healthy(board)
    assert outcome(board) == {"version": 7, "done": True, "reason": ""}
    assert proven(board) == new
    partition = board.run(f"readlink -f /dev/disk/by-partlabel/root{new}").strip()
    assert board.run("findmnt -no SOURCE /").strip() == partition
    assert board.run("cat /etc/machine-id /var/lib/bucky/vendor/label.json") == identity
    assert pictures <= kept(board)
    board.cut_power()
    assert board.start().slot == new
    wait_until_healthy(board)


def test_an_unhealthy_release_returns_by_itself(board: Board, bundles: dict[str, Path], pictures: set[str]) -> None:
    """No role of it starts; after its time is over the board is back in the slot that proved itself."""
    old = board.slot
    offer(board, bundles, "unhealthy")
    assert restarted(board) == OTHER[old]
    assert board.wait_for_restart() == old
    wait_until_healthy(board)
    assert outcome(board) == {"version": 7, "done": False, "reason": "returned"}
    assert proven(board) == old
    assert pictures <= kept(board)


def test_a_power_cut_during_the_trial_leads_back(board: Board, bundles: dict[str, Path], pictures: set[str]) -> None:
    """Before the new slot could prove itself."""
    old = board.slot
    offer(board, bundles, "good")
    assert restarted(board) == OTHER[old]
    wait_for(lambda: "systemd" in board.run("cat /proc/1/comm"), BOOT_S, "the trial's first words")
    assert proven(board) == old
    board.cut_power()
    assert board.start().slot == old
    wait_until_healthy(board)
    assert outcome(board)["reason"] == "returned"
    assert pictures <= kept(board)


def test_a_power_cut_while_rauc_writes_costs_nothing(
    board: Board, bundles: dict[str, Path], pictures: set[str]
) -> None:
    """The proven slot starts, the installation begins anew by itself and comes to its end."""
    old, new = board.slot, OTHER[board.slot]
    board.run(f"dd if=/dev/zero of=/dev/disk/by-partlabel/root{new} bs=1M count=16 conv=fsync")
    before = board.flashed(f"root{new}", _BEGINNING)
    offer(board, bundles, "good")
    wait_for(lambda: board.flashed(f"root{new}", _BEGINNING) != before, BOOT_S, "RAUC writes")
    board.cut_power()
    assert board.start().slot == old
    wait_until_healthy(board)
    assert pictures <= kept(board)
    assert restarted(board) == new
    wait_until_healthy(board)
    assert outcome(board)["done"] is True
    assert pictures <= kept(board)
