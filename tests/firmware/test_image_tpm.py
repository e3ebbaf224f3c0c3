"""The key of the data partition from a TPM 2.0: a software TPM of the specification's own code, behind a terminal."""

import os
import socket
import subprocess
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.image.initramfs import PARTS
from tests.orthanc import need
from tests.waiting import wait_for

_CLEAR = bytes.fromhex("80020000001b000001264000000c00000009400000090000000000")
"""TPM2_Clear by the lockout hierarchy without a password: the owner's seed is made anew."""


class Tpm:
    """A TPM that is switched on, as a character device: a whole command in, its answer out."""

    def __init__(self, state: Path) -> None:
        state.mkdir(exist_ok=True)
        path = state / "socket"
        command = ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state}", "--server", f"type=unixio,path={path}"]
        self._process = subprocess.Popen([*command, "--flags", "not-need-init,startup-clear"])
        self._line = socket.socket(socket.AF_UNIX)
        wait_for(lambda: self._line.connect_ex(str(path)) == 0, 60, "the TPM's socket")
        self._ours, theirs = os.openpty()
        tty.setraw(theirs)
        self.device, self._theirs = os.ttyname(theirs), theirs
        threading.Thread(target=self._carry, daemon=True).start()

    def _carry(self) -> None:
        while asked := os.read(self._ours, 4096):
            self._line.sendall(asked)
            os.write(self._ours, self._line.recv(4096))

    def ask(self, command: bytes) -> bytes:
        """The answer to a command."""
        os.write(self._theirs, command)
        return os.read(self._theirs, 4096)

    def close(self) -> None:
        """Switch it off."""
        self._process.terminate()
        self._process.wait(30)


def key(tpm: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run the source by the initramfs' own shell, which writes line by line where nobody stops it."""
    words = {"PATH": "/usr/bin:/bin", "TPM": tpm, **environment}
    command = ["busybox", "sh", PARTS / "keys/tpm"]
    return subprocess.run(command, env=words, capture_output=True, timeout=120, check=False)


@pytest.fixture
def tpm(tmp_path: Path) -> Iterator[Tpm]:
    """One of a board."""
    need("swtpm", "busybox")
    made = Tpm(tmp_path / "one")
    yield made
    made.close()


def test_a_tpm_gives_the_same_key_at_each_start(tpm: Tpm, tmp_path: Path) -> None:
    """256 bit, and nothing is kept of it but the TPM's own seed."""
    first = key(tpm.device)
    assert first.returncode == 0, first.stderr
    assert len(first.stdout) == 32
    assert len(set(first.stdout)) > 8
    assert key(tpm.device).stdout == first.stdout
    tpm.close()
    again = Tpm(tmp_path / "one")
    assert key(again.device).stdout == first.stdout
    again.close()


def test_another_tpm_gives_another_key(tpm: Tpm, tmp_path: Path) -> None:
    """A card in another board opens nothing."""
    other = Tpm(tmp_path / "other")
    assert len(key(other.device).stdout) == 32
    assert key(other.device).stdout != key(tpm.device).stdout
    other.close()


def test_a_tpm_that_was_cleared_gives_another_key(tpm: Tpm) -> None:
    """So clearing it is an end of the data as well."""
    before = key(tpm.device).stdout
    assert tpm.ask(_CLEAR)[6:10] == bytes(4)
    assert len(key(tpm.device).stdout) == 32
    assert key(tpm.device).stdout != before


def test_a_board_without_a_tpm_gives_no_key() -> None:
    """It is said, and nothing is formatted with nothing."""
    need("busybox")
    done = key("/dev/no-tpm", PATIENCE="1")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"bucky: this board has no TPM" in done.stderr


def test_a_tpm_that_refuses_gives_no_key(tpm: Tpm) -> None:
    """Its code is said: here somebody gave the owner a password."""
    change = bytes.fromhex("8002000000230000012940000001000000094000000900000000000006") + b"secret"
    assert tpm.ask(change)[6:10] == bytes(4)
    done = key(tpm.device)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"bucky: the TPM answers 0x0000" in done.stderr
