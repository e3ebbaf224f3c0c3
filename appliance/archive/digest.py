"""The digest of a stored file's data set, read back from the disk."""

import hashlib
import io
from pathlib import Path

from appliance.archive.part10 import HEAD_BYTES, split_head

_CHUNK_BYTES = 1 << 20


def dataset_digest(path: Path) -> str:
    """SHA-256 in hex of everything behind the file meta information; raises OSError, NotDicom."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        _, offset = split_head(file.read(HEAD_BYTES))
        file.seek(offset, io.SEEK_SET)
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
