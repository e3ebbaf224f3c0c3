"""Stepping through a process: it is killed in front of its Nth call that changes something, for every N."""

import mmap
import struct
import subprocess
from pathlib import Path

_SOURCE = Path(__file__).with_suffix(".c")
_HEAD = struct.Struct("<4i")
_LETTERS = 65536


class Steps:
    """The library to preload, and the memory shared with it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        library, file = folder / "steps.so", folder / "steps"
        subprocess.run(
            ["gcc", "-shared", "-fPIC", "-O1", "-w", "-o", str(library), str(_SOURCE), "-ldl"],
            check=True,
            capture_output=True,
        )
        file.write_bytes(bytes(_HEAD.size + _LETTERS))
        with file.open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), 0)
        self.environ = {"LD_PRELOAD": str(library), "STEPS_FILE": str(file)}

    def arm(self, kill_at: int) -> None:
        """Count from now on, and kill in front of call `kill_at` (from 1; 0 for never)."""
        self._memory[: _HEAD.size] = _HEAD.pack(0, 0, kill_at, 0)
        self._memory[:4] = struct.pack("<i", 1)

    def disarm(self) -> str:
        """Stop counting; returns the calls counted, a letter each: w write, f fsync, r rename, u unlink, s send."""
        self._memory[:4] = struct.pack("<i", 0)
        count = _HEAD.unpack(self._memory[: _HEAD.size])[1]
        return self._memory[_HEAD.size : _HEAD.size + count].decode()
