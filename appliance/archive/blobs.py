"""Stored files: written once, synced, named by the digest of their data set."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import struct
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from pydicom.uid import UID

from appliance.dicom.record import CommandUids
from appliance.errors import DiskFull, FolderNotWritable
from appliance.files import sync_file, sync_folder

IMPLEMENTATION_CLASS_UID = UID("2.25.210399287143806917021934226871830219467")
IMPLEMENTATION_VERSION_NAME = "BUCKY"
RESERVE_BYTES = 512 * 2**20  # free space that intake never touches; the database and the page need it
HEAD_BYTES = 1 << 16
_WRITE_BUFFER_BYTES = 1 << 16
_WRITE_AHEAD_BYTES = 1 << 22


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
        self.head = bytearray()
        """The first bytes of the data set: what the index keeps stands there, and is not read again."""
        self._under_way = 0
        self._digest = hashlib.sha256()
        self._file = _open_locked(path)  # until it has its name; another process looks for leftovers meanwhile
        self._file.write(file_preamble(said, provenance))

    def write(self, chunk: bytes | memoryview) -> int:
        """Append bytes of the data set as they came."""
        self._digest.update(chunk)
        if len(self.head) < HEAD_BYTES:
            self.head += chunk[: HEAD_BYTES - len(self.head)]
        self.size_bytes += len(chunk)
        written = self._file.write(chunk)
        if self.size_bytes - self._under_way >= _WRITE_AHEAD_BYTES:
            self._begin_writing()
        return written

    def _begin_writing(self) -> None:
        """Let the disk write while the rest arrives: dirty pages are written, not dropped, by this advice."""
        length = self.size_bytes - self._under_way
        os.posix_fadvise(self._file.fileno(), self._under_way, length, os.POSIX_FADV_DONTNEED)
        self._under_way = self.size_bytes

    def sync(self) -> str:
        """Make the bytes durable and return the data set's SHA-256 in hex."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._digest.hexdigest()

    def discard(self) -> None:
        """Forget the instance; safe to call at any time."""
        with contextlib.suppress(OSError):  # a full disk fails the last flush; the file goes all the same
            self._file.close()
        self.path.unlink(missing_ok=True)


def _open_locked(path: Path) -> BinaryIO:
    """A new file, locked for as long as it is open, which tells `remove_leftovers` that somebody is at work on it."""
    while True:
        file = path.open("xb", buffering=_WRITE_BUFFER_BYTES)
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # it was taken for a leftover before it was locked


def _make_locked_folder(path: Path) -> int:
    """The same for a folder, whose file somebody else may write or move; returns its descriptor."""
    while True:
        path.mkdir()
        with contextlib.suppress(FileNotFoundError):
            folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(folder, fcntl.LOCK_EX)
            if os.fstat(folder).st_nlink:
                return folder
            os.close(folder)


def file_preamble(said: CommandUids, provenance: Provenance) -> bytes:
    """A zeroed preamble (CVE-2019-11687), the prefix and our file meta information (PS3.10 7.1)."""
    meta = b"".join(
        (
            struct.pack("<HH2sHL2s", 2, 0x0001, b"OB", 0, 2, b"\x00\x01"),  # file meta information version
            _meta(0x0002, b"UI", said.sop_class_uid, b"\0"),
            _meta(0x0003, b"UI", said.sop_instance_uid, b"\0"),
            _meta(0x0010, b"UI", said.transfer_syntax_uid, b"\0"),
            _meta(0x0012, b"UI", IMPLEMENTATION_CLASS_UID, b"\0"),
            _meta(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME, b" "),
            _meta(0x0100, b"UI", IMPLEMENTATION_CLASS_UID, b"\0"),  # private information creator UID
            _private_information(provenance),
        )
    )
    return b"\0" * 128 + b"DICM" + struct.pack("<HH2sHL", 2, 0, b"UL", 4, len(meta)) + meta


def _meta(element: int, vr: bytes, text: str, padding: bytes) -> bytes:
    """An element of group 0002, Explicit VR Little Endian."""
    value = text.encode("ascii", "replace")
    value += padding * (len(value) % 2)
    return struct.pack("<HH2sH", 2, element, vr, len(value)) + value


def _private_information(provenance: Provenance) -> bytes:
    note = json.dumps(asdict(provenance)).encode()
    note += b" " * (len(note) % 2)
    return struct.pack("<HH2sHL", 2, 0x0102, b"OB", 0, len(note)) + note


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
        folder = _make_locked_folder(path)
        try:
            yield path / "passing"
        finally:
            shutil.rmtree(path, ignore_errors=True)
            os.close(folder)

    def room_bytes(self) -> int:
        """How many bytes may be written before the reserve is reached."""
        return max(0, shutil.disk_usage(self._incoming).free - self._reserve_bytes)

    def path(self, dataset_sha256: str) -> Path:
        """The place of the file whose data set has this digest (hex)."""
        return self._instances / dataset_sha256[:2] / f"{dataset_sha256}.dcm"

    def keep(self, synced: Mapping[str, Incoming]) -> None:
        """Give synced files, by the digest of their data set, their final names and make the names durable."""
        folders = set()
        for dataset_sha256, incoming in synced.items():
            target = self.path(dataset_sha256)
            if incoming.path.exists() or not target.exists():  # else it was renamed before its folder's sync failed
                incoming.path.rename(target)
            folders.add(target.parent)
        for folder in folders:
            sync_folder(folder)

    def settle(self, path: Path, dataset_sha256: str) -> Path:
        """Give a whole file, written on this file system, its place, durably; returns the place."""
        target = self.path(dataset_sha256)
        sync_file(path)
        path.rename(target)
        sync_folder(target.parent)
        return target

    @property
    def folder(self) -> Path:
        """The data folder."""
        return self._incoming.parent

    def free_bytes(self) -> int:
        """Free space of the disk, the reserve included."""
        return shutil.disk_usage(self._incoming).free

    def kept(self, first_byte: str) -> set[str]:
        """The digests (hex) of the stored files whose name begins with two hex digits."""
        return {entry.name[:-4] for entry in os.scandir(self._instances / first_byte) if entry.name.endswith(".dcm")}

    def set_aside(self, dataset_sha256: str) -> str | None:
        """Move a damaged file out of the archive into the folder `damaged`; returns its name there."""
        name = f"{dataset_sha256}-{os.urandom(4).hex()}.dcm"
        target = self.damaged(name)
        target.parent.mkdir(exist_ok=True)
        try:
            self.path(dataset_sha256).rename(target)
        except FileNotFoundError:
            return None
        sync_folder(target.parent)
        sync_folder(self.path(dataset_sha256).parent)
        return name

    def damaged(self, name: str) -> Path:
        """Where a damaged file of this name lies."""
        return self.folder / "damaged" / name

    def evict(self, dataset_sha256: str) -> None:
        """Remove a stored file; the caller has made sure that it is safe elsewhere."""
        self.path(dataset_sha256).unlink(missing_ok=True)

    def remove_leftovers(self) -> int:
        """Remove temporary files that a killed process left behind; returns how many."""
        return sum(_remove_if_unlocked(path) for path in list(self._incoming.glob("*.part")))


def _remove_if_unlocked(path: Path) -> bool:
    try:
        found = os.open(path, os.O_RDONLY)
    except FileNotFoundError:  # just finished
        return False
    try:
        fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    except (BlockingIOError, FileNotFoundError):  # in use by a living process, or just finished
        return False
    finally:
        os.close(found)
    return True
