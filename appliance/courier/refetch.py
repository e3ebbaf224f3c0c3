"""Brings a lost or evicted file back from a destination that holds a verified copy."""

import contextlib
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from appliance.archive.blobs import BlobStore, Provenance, file_preamble
from appliance.archive.database import Database
from appliance.archive.digest import dataset_digest
from appliance.archive.part10 import HEAD_BYTES, split_head
from appliance.courier.destinations import Destination, Destinations
from appliance.courier.uplink import ArchiveClient
from appliance.dicom.record import CommandUids
from appliance.dicom.transfer_syntaxes import SENDABLE
from appliance.errors import DiskFull, NotDicom, NotFound
from appliance.imaging.sameness import digests_apart

Outcome = Literal["same bytes", "same pixels", "differs"]
_RECODE_TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Wanted:
    """An instance whose file is not here, and what the file must be."""

    instance_id: int
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    dataset_sha256: str
    pixels_sha256: str | None
    provenance: Provenance


_SELECT = """
    SELECT instance.id AS instance_id, study_instance_uid, series_instance_uid, sop_instance_uid, sop_class_uid,
           transfer_syntax_uid, dataset_sha256, pixels_sha256, kind, name, address, instance.received_at
    FROM instance JOIN study ON study.id = instance.study_id JOIN series ON series.id = series_id
         JOIN sender ON sender.id = sender_id
    WHERE instance.id = ? AND instance.quarantined = 0
"""
_SOURCES = """
    SELECT destination.id FROM delivery JOIN destination ON destination.id = destination_id
    WHERE instance_id = ? AND delivery.state = 'verified' AND removed_at IS NULL
    UNION
    SELECT destination.id FROM instance JOIN sender ON sender.id = sender_id JOIN destination USING (name)
    WHERE instance.id = ? AND sender.kind = 'result' AND removed_at IS NULL
"""


class Refetch:
    """Fetches, proves and puts in place; one attempt, whose failure is the caller's to repeat."""

    def __init__(
        self,
        *,
        database: Database,
        blobs: BlobStore,
        destinations: Destinations,
        client_for: Callable[[Destination], ArchiveClient],
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._destinations = destinations
        self._client_for = client_for

    def wanted(self, instance_id: int) -> Wanted:
        """What has to come back; raises NotFound for what is gone, deleted or in quarantine."""
        row = next(self._database.read.query(_SELECT, [instance_id]), None)
        if row is None:
            raise NotFound(what="picture")
        came = Provenance(**{name: row.pop(name) for name in Provenance.__dataclass_fields__})
        return Wanted(provenance=came, **row)

    def sources(self, instance_id: int) -> list[Destination]:
        """The destinations whose own query showed the instance, or from which it came."""
        rows = self._database.read.conn.execute(_SOURCES, [instance_id, instance_id]).fetchall()
        return [self._destinations.get(row[0]) for row in rows]

    def bring(self, wanted: Wanted, destination: Destination, damaged: Path | None = None) -> Outcome:
        """Fetch one instance and put it in place if it is what it must be; raises PeerError, DiskFull, OSError.

        `damaged` is the file that was set aside: where no digest of the pixels is known, its pixels are the proof.
        """
        if self._blobs.room_bytes() == 0:
            raise DiskFull
        with self._blobs.scratch() as fetched, self._blobs.scratch() as recoded:
            with fetched.open("wb") as file:
                self._client_for(destination).fetch(
                    wanted.study_instance_uid, wanted.series_instance_uid, wanted.sop_instance_uid, file
                )
            return self._judge(wanted, fetched, recoded, damaged)

    def _judge(self, wanted: Wanted, fetched: Path, recoded: Path, damaged: Path | None) -> Outcome:
        """The data set bit by bit; else recoded as it was; else the pixels."""
        try:
            said = _said(fetched)
            digest = dataset_digest(fetched)
        except NotDicom:
            return "differs"
        if said.sop_instance_uid not in (wanted.sop_instance_uid, ""):
            return "differs"
        if digest == wanted.dataset_sha256:
            self._place(wanted, fetched, digest, said.transfer_syntax_uid)
            return "same bytes"
        if _recode(fetched, recoded, wanted.transfer_syntax_uid) and dataset_digest(recoded) == wanted.dataset_sha256:
            self._place(wanted, recoded, wanted.dataset_sha256, wanted.transfer_syntax_uid)
            return "same bytes"
        if not _same_pixels(wanted, fetched, damaged) or not self._adopt_coding(wanted, fetched, digest, said):
            return "differs"
        self._place(wanted, fetched, digest, said.transfer_syntax_uid)
        return "same pixels"

    def _adopt_coding(self, wanted: Wanted, fetched: Path, digest: str, said: CommandUids) -> bool:
        """The row first: a kill before the file is in place leaves a row whose file is fetched again."""
        with fetched.open("rb") as file:
            size_bytes = fetched.stat().st_size - split_head(file.read(HEAD_BYTES))[1]
        try:
            with self._database.write() as db:
                db.conn.execute(
                    "UPDATE instance SET dataset_sha256 = ?, transfer_syntax_uid = ?, size_bytes = ? WHERE id = ?",
                    [digest, said.transfer_syntax_uid, size_bytes, wanted.instance_id],
                )
        except sqlite3.IntegrityError:  # the very copy is kept already, as another instance with this UID
            return False
        return True

    def _place(self, wanted: Wanted, source: Path, digest: str, transfer_syntax_uid: str) -> None:
        """With our own file meta, so that the index can be rebuilt from it; then the row counts it as here."""
        said = CommandUids(wanted.sop_class_uid, wanted.sop_instance_uid, transfer_syntax_uid)
        with self._blobs.scratch() as whole:
            with source.open("rb") as file, whole.open("wb") as target:
                offset = split_head(file.read(HEAD_BYTES))[1]
                file.seek(offset)
                target.write(file_preamble(said, wanted.provenance))
                shutil.copyfileobj(file, target, 1 << 20)
            self._blobs.settle(whole, digest)
        with self._database.write() as db:
            db.conn.execute("UPDATE instance SET file_state = 'here' WHERE id = ?", [wanted.instance_id])


def _said(path: Path) -> CommandUids:
    with path.open("rb") as file:
        return split_head(file.read(HEAD_BYTES))[0]


def _recode(source: Path, target: Path, transfer_syntax_uid: str) -> bool:
    """Undo a lossless compression that was made on the way, in a process of its own."""
    if transfer_syntax_uid not in SENDABLE:
        return False
    command = [sys.executable, "-m", "appliance.imaging.transcode", str(source), str(target)]
    with contextlib.suppress(subprocess.TimeoutExpired):
        done = subprocess.run(
            [*command, "--to", transfer_syntax_uid], capture_output=True, timeout=_RECODE_TIMEOUT_S, check=False
        )
        return done.returncode == 0
    return False


def _same_pixels(wanted: Wanted, fetched: Path, damaged: Path | None) -> bool:
    paths = [fetched] if wanted.pixels_sha256 or damaged is None or not damaged.exists() else [fetched, damaged]
    theirs, *ours = digests_apart(paths)
    known = wanted.pixels_sha256 or (ours[0] if ours else None)
    return theirs is not None and theirs == known
