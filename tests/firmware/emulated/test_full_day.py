"""A hundred radiographs of 15 MB at once on a machine of 1 GiB."""

import time

from tests.firmware.emulated.board import Board
from tests.firmware.emulated.outside import kept, phantoms, store

ROLES = ("receiver", "web", "courier", "front")
COUNT = 100


def told(board: Board, when: str) -> None:
    """Print what is used of the machine, and the peak of each role."""
    memory = board.memory()
    used, swapped = memory["MemTotal"] - memory["MemAvailable"], memory["SwapTotal"] - memory["SwapFree"]
    print(f"\n{when}: {used} of {memory['MemTotal']} MiB used, {swapped} MiB in zram")
    for role in ROLES:
        peak = int(board.run(f"systemctl show -P MemoryPeak bucky-{role}")) >> 20
        print(f"  {role}: peak {peak} MiB")


def restarts(board: Board) -> str:
    """How often each role was started anew since the board was switched on."""
    return board.run(f"systemctl show -P NRestarts {' '.join(f'bucky-{role}' for role in ROLES)}")


def test_a_full_day_at_once(board: Board) -> None:
    """All are acknowledged and kept; no process is killed for memory, no role starts anew."""
    before = restarts(board)
    told(board, "at rest")
    began, total, acknowledged = time.monotonic(), 0, set[str]()
    for _ in range(COUNT // 4):
        pictures = phantoms(4, 1.0)
        total += sum(len(ds.PixelData) for ds in pictures)
        acknowledged |= set(store(board, pictures))
    assert len(acknowledged) == COUNT
    print(f"\n{len(acknowledged)} pictures, {total / 1e6:.0f} MB of pixels, in {time.monotonic() - began:.0f} s")
    told(board, "after receiving")
    assert acknowledged <= kept(board)
    told(board, "after reading everything back")
    kernel = board.run("journalctl -k --no-pager").lower()
    assert "out of memory" not in kernel
    assert "oom-kill" not in kernel
    assert restarts(board) == before
