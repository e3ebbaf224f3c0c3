"""The digest of a stored file's data set, read back from the disk."""

import hashlib
import struct
from pathlib import Path

_CHUNK_BYTES = 1 << 20
_META_LENGTH_AT = 132  # behind the preamble and the prefix: (0002,0000) UL, PS3.10 7.1


def dataset_offset(head: bytes) -> int:
    """Where the data set of one of our files begins; raises ValueError if the header is not ours."""
    if head[128:140] != b"DICM\x02\x00\x00\x00UL\x04\x00":
        raise ValueError("not a stored file")
    return _META_LENGTH_AT + 12 + int(struct.unpack_from("<I", head, _META_LENGTH_AT + 8)[0])


def dataset_digest(path: Path) -> str:
    """SHA-256 in hex of everything behind the file meta information; raises OSError, ValueError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(dataset_offset(file.read(_META_LENGTH_AT + 12)))
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
