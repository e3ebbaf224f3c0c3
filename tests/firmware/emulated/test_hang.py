"""A role that hangs without ending: systemd's watchdog notices."""

import pytest

from tests.firmware.emulated.board import BOOT_S, Board
from tests.firmware.emulated.outside import phantoms, store, wait_until_healthy
from tests.waiting import wait_for


def restarts(board: Board, role: str) -> int:
    """How often the role was started anew since the board was switched on."""
    return int(board.run(f"systemctl show -P NRestarts bucky-{role}"))


@pytest.mark.parametrize("role", ["receiver", "web"])
def test_a_role_that_hangs_is_ended_and_started_anew(board: Board, role: str) -> None:
    """Its process is there and does nothing; nobody has to come."""
    before = restarts(board, role)
    board.run(f"kill -STOP $(systemctl show -P MainPID bucky-{role})")
    wait_for(lambda: restarts(board, role) > before, BOOT_S, f"the end of a {role} that hangs")
    wait_until_healthy(board)
    assert len(store(board, phantoms(1, 0.25))) == 1
