"""The plug is pulled while a unit sends: what was acknowledged is there afterwards."""

import threading

import pytest

from tests.firmware.emulated.board import Board
from tests.firmware.emulated.outside import kept, phantoms, store, wait_until_healthy


@pytest.mark.parametrize("until", [2, 9])
def test_no_acknowledged_picture_is_lost_when_the_power_goes_while_it_receives(board: Board, until: int) -> None:
    """The emulator is killed beside a running transfer."""
    enough = threading.Event()

    def pull() -> None:
        enough.wait()
        board.cut_power()

    plug = threading.Thread(target=pull, daemon=True)
    plug.start()
    pictures = phantoms(30, 0.5)
    acknowledged = store(board, pictures, lambda done: enough.set() if done == until else None)
    enough.set()
    plug.join()
    assert until <= len(acknowledged) < len(pictures)
    board.start()
    wait_until_healthy(board)
    there = kept(board)
    print(f"\npower cut after {len(acknowledged)} acknowledged pictures; {len(there)} in the box")
    assert set(acknowledged) <= there
    assert len(store(board, pictures[:3])) == 3
