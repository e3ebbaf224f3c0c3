"""What a stored file says of itself: enough to write its row anew."""

import io
import json
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydicom.filereader import _read_file_meta_info
from sqlite_utils import Database as SqliteUtils

from appliance.archive.blobs import IMPLEMENTATION_CLASS_UID, BlobStore, Provenance
from appliance.archive.index import Receipt, add_instance
from appliance.archive.part10 import HEAD_BYTES, split_head
from appliance.clock import stamp
from appliance.dicom.record import CommandUids, read_record
from appliance.errors import NotDicom

_PREFIX_END = 132
_FOUND = Provenance("import", "found on the disk", "", "")


@dataclass(frozen=True)
class Filed:
    """One stored file; `size_bytes` of its data set."""

    path: Path
    dataset_sha256: str
    said: CommandUids
    provenance: Provenance
    size_bytes: int

    def add_to(self, db: SqliteUtils) -> Receipt:
        """Write its row inside the caller's transaction, as the intake would have; raises NotDicom."""
        record = read_record(self.path, self.said)
        if not record.sop_instance_uid:
            raise NotDicom(reason="it has no SOP Instance UID")
        return add_instance(db, record, self.dataset_sha256, self.size_bytes, _as_known_now(db, self.provenance))


def read_filed(path: Path) -> Filed:
    """What a stored file says; raises NotDicom, OSError."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    said, offset = split_head(head)
    status = path.stat()
    return Filed(path, path.stem, said, _provenance(head, status.st_mtime), status.st_size - offset)


def filed(blobs: BlobStore, digests: list[str]) -> tuple[list[Filed], list[str]]:
    """Stored files in the order in which they came, and the digests of those that are none of ours."""
    good, strays = [], []
    for digest in digests:
        try:
            good.append(read_filed(blobs.path(digest)))
        except (NotDicom, OSError):
            strays.append(digest)
    return sorted(good, key=lambda f: (f.provenance.received_at, f.dataset_sha256)), strays


def _provenance(head: bytes, modified_at: float) -> Provenance:
    """The note that the intake left in the file meta information; files without it count as imported."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file = io.BytesIO(head)
            file.seek(_PREFIX_END)
            meta = _read_file_meta_info(file)
        if meta.PrivateInformationCreatorUID != IMPLEMENTATION_CLASS_UID:
            raise ValueError
        return Provenance(**json.loads(bytes(meta.PrivateInformation)))
    except Exception:  # no note, or one that cannot be read: the file counts all the same
        return Provenance(_FOUND.kind, _FOUND.name, _FOUND.address, _time(modified_at))


def _as_known_now(db: SqliteUtils, came: Provenance) -> Provenance:
    """A unit that changed its name or address since counts under the one that it has now."""
    row = db.conn.execute(
        "SELECT sender.kind, sender.name, sender.address FROM former_sender JOIN sender ON sender.id = sender_id"
        " WHERE (former_sender.kind, former_sender.name, former_sender.address) = (?, ?, ?) AND moved_at > ?",
        [came.kind, came.name, came.address, came.received_at],
    ).fetchone()
    return came if row is None else Provenance(row[0], row[1], row[2], came.received_at)


def _time(seconds: float) -> str:
    return stamp(datetime.fromtimestamp(seconds, UTC))
