"""What leaves the box and what is looked at: the original, or a copy by the rules of its unit.

Copies lie in a folder of their own and can be made anew at any time; those that nobody asked for are removed.
"""

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from appliance.archive.blobs import BlobStore
from appliance.archive.database import Database
from appliance.archive.workshop import Workshop
from appliance.dicom.repair import Rules
from appliance.dicom.transfer_syntaxes import SENDABLE
from appliance.files import for_roles

KEPT_S = 24 * 3600.0  # after the last use
_TIDY_S = 3600.0
_BIG_ENDIAN = "1.2.840.10008.1.2.2"


@dataclass(frozen=True)
class Copy:
    """A file to read; the original if there is nothing to repair."""

    path: Path
    transfer_syntax_uid: str


class Copies:
    """Makes repaired copies when they are first asked for; used by several threads and processes at once."""

    def __init__(self, folder: Path, database: Database, blobs: BlobStore, workshop: Workshop) -> None:
        self._folder = folder
        self._database = database
        self._blobs = blobs
        self._workshop = workshop

    def get(self, dataset_sha256: str) -> Copy:
        """The file of an instance for readers; raises CannotMake, DiskFull."""
        row = self._database.read.conn.execute(
            "SELECT transfer_syntax_uid, rules, repairs FROM instance JOIN sender ON sender.id = sender_id"
            " WHERE dataset_sha256 = ? ORDER BY instance.id LIMIT 1",
            [dataset_sha256],
        ).fetchone()
        original = self._blobs.path(dataset_sha256)
        if row is None or not row[2]:
            return Copy(original, row[0] if row else "")
        return self._repaired(original, dataset_sha256, row[0], Rules.from_json(row[1]), turned="orientation" in row[2])

    def _repaired(self, original: Path, name: str, syntax: str, rules: Rules, *, turned: bool) -> Copy:
        uncompressed = syntax not in SENDABLE and (turned or syntax == _BIG_ENDIAN)
        syntax = SENDABLE[0] if uncompressed else syntax
        path = self._folder / name[:2] / f"{name}-{rules.digest}.dcm"
        with contextlib.suppress(FileNotFoundError):
            os.utime(path)  # notes the use
            return Copy(path, syntax)
        path.parent.mkdir(parents=True, exist_ok=True, mode=for_roles(0o700))
        with self._blobs.scratch() as scratch:
            self._workshop.make(
                original, scratch, transfer_syntax_uid=syntax, max_bytes=self._blobs.room_bytes() // 2, rules=rules
            )
            scratch.replace(path)
        return Copy(path, syntax)

    def run_once(self) -> float:
        """Remove copies that were not used for a day."""
        oldest = time.time() - KEPT_S
        for path in self._folder.glob("??/*.dcm"):
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)
        return _TIDY_S
