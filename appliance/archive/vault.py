"""Encryption of backups by age: the box knows the public half only, the clinic keeps the printed secret half."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyrage

from appliance.archive.database import Database
from appliance.clock import stamp
from appliance.errors import BuckyError
from appliance.files import sync_file

RECIPIENT = "recovery_recipient"
MADE_AT = "recovery_made_at"
_CHUNK_BYTES = 1 << 20


class NoRecoveryKey(BuckyError):
    """Nothing to encrypt a backup to."""

    code = "no-recovery-key"
    message = "There is no recovery key yet, and a backup is never written without encryption."
    hint = "Print one on the page Safety, or run: bucky recovery-key"


class WrongRecoveryKey(BuckyError):
    """The backup was made for another key, or the text is none."""

    code = "wrong-recovery-key"
    message = "This recovery key does not open the backup."
    hint = "Type the key as it is printed, beginning with AGE-SECRET-KEY-1; if several were printed, try the others."


class RecoveryKeys:
    """The one key of this box to which new backups are encrypted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def make(self) -> str:
        """Make a new key and return its secret half, which is kept nowhere on the box."""
        identity = pyrage.x25519.Identity.generate()
        self._database.set_setting(RECIPIENT, str(identity.to_public()))
        self._database.set_setting(MADE_AT, stamp())
        return str(identity)

    @property
    def made_at(self) -> str | None:
        """When the present key was made."""
        return self._database.setting(MADE_AT)

    def lock(self) -> "Lock":
        """What encrypts; raises NoRecoveryKey."""
        recipient = self._database.setting(RECIPIENT)
        if recipient is None:
            raise NoRecoveryKey
        return Lock(recipient)


@dataclass(frozen=True)
class Lock:
    """Encrypts files to one recipient."""

    recipient: str

    @property
    def fingerprint(self) -> str:
        """Eight hex digits by which the backups of one key are told from those of another."""
        return hashlib.sha256(self.recipient.encode()).hexdigest()[:8]

    def seal(self, source: Path, target: Path) -> tuple[str, int]:
        """Encrypt a file, whole and synced or not at all; returns SHA-256 (hex) and size in bytes of the result."""
        part = target.with_name(f"{target.name}.part")
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as plain, part.open("wb") as file:
            digest = _Digesting(file)
            pyrage.encrypt_io(plain, digest, [pyrage.x25519.Recipient.from_str(self.recipient)])
        sync_file(part)
        part.replace(target)
        return digest.hex(), digest.size_bytes


class Key:
    """Decrypts what was sealed for it."""

    def __init__(self, text: str) -> None:
        """Raises WrongRecoveryKey if the text is no key at all."""
        try:
            self._identity = pyrage.x25519.Identity.from_str("".join(text.split()).upper())
        except pyrage.IdentityError as error:
            raise WrongRecoveryKey from error

    def open(self, source: Path, write: Callable[[bytes], int]) -> None:
        """Decrypt a file into `write`; raises WrongRecoveryKey, also for a file that was changed."""
        try:
            with source.open("rb") as sealed:
                pyrage.decrypt_io(sealed, _Writer(write), [self._identity])
        except (pyrage.DecryptError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:  # the disk's; the library's own has no number
                raise
            raise WrongRecoveryKey from error


class _Writer:
    def __init__(self, write: Callable[[bytes], int]) -> None:
        self._write = write

    def write(self, chunk: bytes) -> int:
        return self._write(bytes(chunk))

    def flush(self) -> None:
        """Nothing is held back."""


class _Digesting:
    """A file whose content is digested as it is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    def write(self, chunk: bytes) -> int:
        self._digest.update(chunk)
        self.size_bytes += len(chunk)
        return self._file.write(chunk)

    def flush(self) -> None:
        self._file.flush()

    def hex(self) -> str:
        return self._digest.hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a whole file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return digest.hexdigest()
