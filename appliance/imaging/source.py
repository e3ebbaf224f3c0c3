"""A stored file opened for its pixels: its header in memory, its frames read one at a time."""

import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import get_frame
from pydicom.filereader import _read_file_meta_info, read_preamble
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from appliance.dicom.record import text
from appliance.errors import CannotDisplay

VIDEO = "1.2.840.10008.1.2.4.10"  # MPEG-2, MPEG-4 and HEVC: all of .100 to .108
MAX_SAMPLES = 100_000_000  # of one frame, all its colours; larger ones are refused before anything is allocated
_MAX_INFLATED_BYTES = 256 * 1024 * 1024
_DEFER_BYTES = 1 << 20  # an element of the header above this stays on disk
_UNDEFINED = 0xFFFFFFFF
_KEYWORDS = {0x7FE00010: "PixelData", 0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData"}
# Functional groups whose content a single-frame object has at its top level, PS3.3 C.7.6.16.2
_GROUPS = ("PixelValueTransformationSequence", "FrameVOILUTSequence", "PixelMeasuresSequence")


@dataclass(frozen=True)
class PixelSource:
    """A file positioned by `offset` at the value of its pixel data; `length` in bytes, None if encapsulated."""

    file: BinaryIO
    header: Dataset
    keyword: str
    vr: str
    offset: int
    length: int | None

    @property
    def transfer_syntax_uid(self) -> str:
        """The transfer syntax of the pixels."""
        return str(self.header.file_meta.TransferSyntaxUID)

    def encapsulated_frame(self, index: int) -> bytes:
        """The compressed bytes of one frame, counted from 0; raises ValueError."""
        self.file.seek(self.offset)
        tables = self.header.get("ExtendedOffsetTable"), self.header.get("ExtendedOffsetTableLengths")
        offsets = (tables[0], tables[1]) if tables[0] and tables[1] else None
        return get_frame(self.file, index, number_of_frames=number_of_frames(self.header), extended_offsets=offsets)

    def native_bytes(self) -> int:
        """How many bytes of uncompressed pixel data are really there."""
        end = self.file.seek(0, io.SEEK_END)
        return min(self.length or 0, max(0, end - self.offset))


@contextmanager
def open_pixels(path: Path) -> Iterator[PixelSource]:
    """Open a stored file for its pixels; raises CannotDisplay, and whatever a hostile header makes pydicom raise."""
    with path.open("rb") as stored:
        meta, start = _meta(stored)
    syntax = str(meta.get("TransferSyntaxUID") or "")
    if not syntax:
        raise CannotDisplay(reason="its transfer syntax is missing")
    if syntax.startswith(VIDEO):
        raise CannotDisplay(reason="it is a video; it is kept and sent, but this page does not play it")
    with path.open("rb") as stored:
        if syntax == DeflatedExplicitVRLittleEndian:
            yield _located(*_inflated(stored, meta, start))
        else:
            yield _located(stored, dcmread(stored, stop_before_pixels=True, defer_size=_DEFER_BYTES))


def _meta(stored: BinaryIO) -> tuple[FileMetaDataset, int]:
    """The file meta information, and where the data set starts."""
    read_preamble(stored, force=False)
    return _read_file_meta_info(stored), stored.tell()


def _inflated(stored: BinaryIO, meta: FileMetaDataset, start: int) -> tuple[BinaryIO, Dataset]:
    """A deflated data set (PS3.5 A.5) as a plain one in memory, within bounds, for pydicom would unpack any size."""
    stored.seek(start)
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    plain = unpacker.decompress(stored.read(_MAX_INFLATED_BYTES), _MAX_INFLATED_BYTES)
    if unpacker.unconsumed_tail:
        raise CannotDisplay(reason="it is deflated and too big to unpack")
    file = io.BytesIO(plain)
    header = dcmread(file, stop_before_pixels=True, force=True)
    header.file_meta = meta
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return file, header


def _located(file: BinaryIO, header: Dataset) -> PixelSource:
    """Read the head of the pixel data element, at which reading the header has stopped (PS3.5 7.1)."""
    little = bool(header.original_encoding[1] if header.original_encoding[1] is not None else True)
    order: Literal["little", "big"] = "little" if little else "big"
    head = file.read(12)
    if len(head) < 8:
        raise CannotDisplay(reason="it has no pixels")
    tag = int.from_bytes(head[0:2], order) << 16 | int.from_bytes(head[2:4], order)
    if tag not in _KEYWORDS:
        raise CannotDisplay(reason="it has no pixels")
    explicit = head[4:6].isalpha() and head[4:6].isupper()
    length = int.from_bytes(head[8:12] if explicit else head[4:8], order)
    offset = file.tell() - (0 if explicit else len(head) - 8)
    vr = head[4:6].decode("ascii") if explicit else "OW"
    return PixelSource(file, header, _KEYWORDS[tag], vr, offset, None if length == _UNDEFINED else length)


def number_of_frames(header: Dataset) -> int:
    """The declared number of frames, at least 1."""
    try:
        return max(1, int(text(header, "NumberOfFrames") or 1))
    except ValueError:
        return 1


def integer(header: Dataset, keyword: str, otherwise: int) -> int:
    """A number of the header, or `otherwise` where it is missing or no number."""
    try:
        return int(header[keyword].value)
    except (KeyError, TypeError, ValueError):
        return otherwise


def frame_header(header: Dataset, frame: int) -> Dataset:
    """Give the header one frame's functional groups' values at its top level, where readers look (PS3.3 C.7.6.16)."""
    shared = header.get("SharedFunctionalGroupsSequence") or []
    each = header.get("PerFrameFunctionalGroupsSequence") or []
    for group in (*shared[:1], *each[frame - 1 : frame]):
        for keyword in _GROUPS:
            for item in (group.get(keyword) or [])[:1]:
                header.update({element.tag: element for element in item})
    return header
