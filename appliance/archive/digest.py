"""Digests of a file's data set and of its pixels, read back from the disk."""

import hashlib
import io
import warnings
from pathlib import Path
from typing import BinaryIO

from pydicom import dcmread

from appliance.archive.part10 import HEAD_BYTES, split_head

_CHUNK_BYTES = 1 << 20
_PIXEL_DATA = b"\xe0\x7f\x10\x00"  # (7FE0,0010) in little endian
_ITEM = b"\xfe\xff\x00\xe0"
_ELEMENT_HEAD_BYTES = 12
_UNDEFINED = 0xFFFFFFFF


def dataset_digest(path: Path) -> str:
    """SHA-256 in hex of everything behind the file meta information; raises OSError, NotDicom."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        _, offset = split_head(file.read(HEAD_BYTES))
        file.seek(offset, io.SEEK_SET)
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def pixel_digest(path: Path) -> str | None:
    """SHA-256 in hex of the pixels as they are coded, without offset table; None if there are no pixels to find."""
    try:
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")
            dcmread(file, stop_before_pixels=True)
            head = file.read(_ELEMENT_HEAD_BYTES)
            if head[:4] != _PIXEL_DATA:
                return None
            explicit = head[4:6].isalpha()
            length = int.from_bytes(head[8:12] if explicit else head[4:8], "little")
            file.seek((0 if explicit else -4), io.SEEK_CUR)
            return _digest_of_fragments(file) if length == _UNDEFINED else _digest_of(file, length)
    except OSError:
        raise
    except Exception:  # an edge: what a far side gave back may break anywhere in the parser
        return None


def _digest_of(file: BinaryIO, length: int) -> str:
    digest = hashlib.sha256()
    _feed(digest, file, length)
    return digest.hexdigest()


def _digest_of_fragments(file: BinaryIO) -> str:
    """PS3.5 A.4: the first item is the offset table, which archives write anew."""
    digest = hashlib.sha256()
    number = 0
    while (head := file.read(8))[:4] == _ITEM:
        length = int.from_bytes(head[4:], "little")
        if number == 0:
            file.seek(length, io.SEEK_CUR)
        else:
            _feed(digest, file, length)
        number += 1
    return digest.hexdigest()


def _feed(digest: "hashlib._Hash", file: BinaryIO, length: int) -> None:
    while length > 0 and (chunk := file.read(min(_CHUNK_BYTES, length))):
        digest.update(chunk)
        length -= len(chunk)
