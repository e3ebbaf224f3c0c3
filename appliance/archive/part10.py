"""Part 10 files on their way in: from uploads, imports and a reader's answers; the same intake as the receiver's."""

import io
import struct
import warnings
from pathlib import Path

from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import _read_file_meta_info
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from appliance.archive.blobs import Incoming, Provenance
from appliance.archive.index import Receipt
from appliance.archive.intake import Intake
from appliance.dicom.record import CommandUids
from appliance.dicom.transfer_syntaxes import REFUSED
from appliance.errors import NotDicom

HEAD_BYTES = 64 * 1024  # enough for any file meta information; what exceeds it is refused
_CHUNK_BYTES = 1 << 20
_PREAMBLE_BYTES = 132


class Part10Sink:
    """Takes the bytes of one Part 10 file in any portions; `finish` returns once the instance is kept."""

    def __init__(self, intake: Intake, provenance: Provenance) -> None:
        self._intake = intake
        self._provenance = provenance
        self._head = bytearray()
        self._incoming: Incoming | None = None

    def write(self, chunk: bytes) -> int:
        """Append bytes of the file; raises NotDicom, DiskFull."""
        if self._incoming is not None:
            return self._incoming.write(chunk)
        self._head += chunk
        if len(self._head) >= HEAD_BYTES:
            self._begin()
        return len(chunk)

    def finish(self) -> Receipt:
        """Keep the instance; raises NotDicom, DiskFull."""
        if self._incoming is None:
            self._begin()
        assert self._incoming is not None  # noqa: S101 - tells the type checker what _begin has done
        return self._intake.commit(self._incoming)

    def discard(self) -> None:
        """Forget what was received; safe at any time."""
        if self._incoming is not None:
            self._incoming.discard()

    def _begin(self) -> None:
        said, offset = split_head(bytes(self._head))
        self._incoming = self._intake.open(said, self._provenance)
        self._incoming.write(bytes(self._head[offset:]))
        self._head.clear()


def take_file(intake: Intake, path: Path, provenance: Provenance) -> Receipt:
    """Take a file from disk into the archive; raises NotDicom, DiskFull, OSError."""
    sink = Part10Sink(intake, provenance)
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                sink.write(chunk)
        return sink.finish()
    finally:
        sink.discard()


def split_head(head: bytes) -> tuple[CommandUids, int]:
    """What the file meta information says, and the offset of the data set; files without either are recognised."""
    meta, offset = _read_meta(head)
    syntax = str(meta.get("TransferSyntaxUID") or _guess_syntax(head[offset:]))
    if syntax in REFUSED:
        raise NotDicom(reason="it is in a deflated transfer syntax; export it uncompressed or as JPEG-LS")
    said = CommandUids(
        sop_class_uid=str(meta.get("MediaStorageSOPClassUID") or ""),
        sop_instance_uid=str(meta.get("MediaStorageSOPInstanceUID") or ""),
        transfer_syntax_uid=syntax,
    )
    return said, offset


def _read_meta(head: bytes) -> tuple[FileMetaDataset, int]:
    """PS3.10 7.1, lenient: the preamble, or the whole of it, may be missing in files of old units."""
    start = _PREAMBLE_BYTES if head[128:132] == b"DICM" else 0
    if start == 0 and head[:2] != b"\x02\x00":
        return FileMetaDataset(), 0
    file = io.BytesIO(head)
    file.seek(start)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _read_file_meta_info(file), file.tell()
        except Exception as error:  # hostile bytes raise anything
            raise NotDicom(reason="its file header cannot be read") from error


def _guess_syntax(data_set: bytes) -> str:
    """The transfer syntax from the first element, PS3.5 7.1: group 0008 in either byte order, a VR or a length."""
    if len(data_set) < 8:
        raise NotDicom(reason="it is too short")
    little, big = struct.unpack("<H", data_set[:2])[0], struct.unpack(">H", data_set[:2])[0]
    has_vr = data_set[4:6].isalpha() and data_set[4:6].isupper()
    if little in range(2, 0x21):
        return str(ExplicitVRLittleEndian if has_vr else ImplicitVRLittleEndian)
    if big in range(2, 0x21) and has_vr:
        return str(ExplicitVRBigEndian)
    raise NotDicom(reason="it does not look like DICOM")


def take_dataset(intake: Intake, ds: Dataset, provenance: Provenance) -> Receipt:
    """Keep an object that the box itself made, in Explicit VR Little Endian."""
    buffer = io.BytesIO()
    dcmwrite(buffer, ds, implicit_vr=False, little_endian=True, enforce_file_format=True)
    sink = Part10Sink(intake, provenance)
    try:
        sink.write(buffer.getvalue())
        return sink.finish()
    finally:
        sink.discard()
