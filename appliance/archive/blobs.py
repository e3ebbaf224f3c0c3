"""Stored files: written once, synced, named by the digest of their data set."""

import contextlib
import fcntl
import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID

from appliance.dicom.record import CommandUids
from appliance.errors import DiskFull, FolderNotWritable

IMPLEMENTATION_CLASS_UID = UID("2.25.210399287143806917021934226871830219467")
IMPLEMENTATION_VERSION_NAME = "BUCKY"
RESERVE_BYTES = 512 * 2**20  # free space that intake never touches; the database and the page need it
_WRITE_BUFFER_BYTES = 1 << 20


@dataclass(frozen=True)
class Provenance:
    """Where an instance came from; kept in the file too, so that the index can be rebuilt from the files."""

    kind: str
    name: str
    address: str
    received_at: str


class Incoming:
    """One instance on its way in: a temporary file on the archive's file system with its digest so far."""

    def __init__(self, path: Path, said: CommandUids, provenance: Provenance) -> None:
        self.path = path
        self.said = said
        self.provenance = provenance
        self.size_bytes = 0
        self._digest = hashlib.sha256()
        self._file: BinaryIO = path.open("xb", buffering=_WRITE_BUFFER_BYTES)
        fcntl.flock(self._file, fcntl.LOCK_EX)  # tells `remove_leftovers` that somebody is at work on it
        self._file.write(file_preamble(said, provenance))

    def write(self, chunk: bytes) -> int:
        """Append bytes of the data set as they came."""
        self._digest.update(chunk)
        self.size_bytes += len(chunk)
        return self._file.write(chunk)

    def sync(self) -> str:
        """Make the bytes durable and return the data set's SHA-256 in hex."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._digest.hexdigest()

    def discard(self) -> None:
        """Forget the instance; safe to call at any time."""
        with contextlib.suppress(OSError):  # a full disk fails the last flush; the file goes all the same
            self._file.close()
        self.path.unlink(missing_ok=True)


def file_preamble(said: CommandUids, provenance: Provenance) -> bytes:
    """A zeroed preamble (CVE-2019-11687), the prefix and our file meta information (PS3.10 7.1)."""
    meta = FileMetaDataset()
    meta.FileMetaInformationGroupLength = 0  # there, so that pydicom writes the right one
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = UID(said.sop_class_uid)
    meta.MediaStorageSOPInstanceUID = UID(said.sop_instance_uid)
    meta.TransferSyntaxUID = UID(said.transfer_syntax_uid)
    meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    meta.PrivateInformationCreatorUID = IMPLEMENTATION_CLASS_UID
    note = json.dumps(asdict(provenance)).encode()
    meta.PrivateInformation = note + b" " * (len(note) % 2)
    buffer = io.BytesIO()
    buffer.write(b"\x00" * 128 + b"DICM")
    write_file_meta_info(DicomIO(buffer), meta, enforce_standard=False)
    return buffer.getvalue()


class BlobStore:
    """The folder of stored files: `incoming/` for those on their way, `instances/ab/<sha256>.dcm` for kept ones."""

    def __init__(self, folder: Path, *, reserve_bytes: int = RESERVE_BYTES) -> None:
        self._incoming = folder / "incoming"
        self._instances = folder / "instances"
        self._reserve_bytes = reserve_bytes
        try:
            self._incoming.mkdir(parents=True, exist_ok=True)
            for number in range(256):
                (self._instances / f"{number:02x}").mkdir(parents=True, exist_ok=True)
            sync_folder(self._instances)
            sync_folder(folder)
        except OSError as error:
            raise FolderNotWritable(path=folder, reason=error.strerror) from error

    def open_incoming(self, said: CommandUids, provenance: Provenance) -> Incoming:
        """Begin an instance; raises DiskFull when the reserve is reached."""
        if shutil.disk_usage(self._incoming).free < self._reserve_bytes:
            raise DiskFull
        name = os.urandom(16).hex()
        return Incoming(self._incoming / f"{name}.part", said, provenance)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A name for a passing file, which is removed at the end, and by the next start if the process dies."""
        path = self._incoming / f"{os.urandom(16).hex()}.part"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def room_bytes(self) -> int:
        """How many bytes may be written before the reserve is reached."""
        return max(0, shutil.disk_usage(self._incoming).free - self._reserve_bytes)

    def path(self, dataset_sha256: str) -> Path:
        """The place of the file whose data set has this digest (hex)."""
        return self._instances / dataset_sha256[:2] / f"{dataset_sha256}.dcm"

    def keep(self, incoming: Incoming, dataset_sha256: str) -> Path:
        """Give a synced file its final name and make the name durable."""
        target = self.path(dataset_sha256)
        incoming.path.rename(target)
        sync_folder(target.parent)
        return target

    def remove_leftovers(self) -> int:
        """Remove temporary files that a killed process left behind; returns how many."""
        return sum(_remove_if_unlocked(path) for path in list(self._incoming.glob("*.part")))


def _remove_if_unlocked(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    except (BlockingIOError, FileNotFoundError):  # in use by a living process, or just finished
        return False
    return True


def sync_folder(folder: Path) -> None:
    """fsync a directory, so that a rename in it survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
