"""The one way into the archive, for the receiver, the web service, imports and results alike.

The order is invariant 1: temporary file, fsync, rename, directory fsync, one transaction, commit; then the caller
may answer success.
"""

import errno
import sqlite3

from appliance.archive.blobs import BlobStore, Incoming, Provenance
from appliance.archive.database import Database
from appliance.archive.index import Receipt, add_instance, find_same
from appliance.dicom.record import CommandUids, read_record
from appliance.errors import DiskFull, NotDicom

_OUT_OF_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})


class Intake:
    """Takes instances in; used by several threads and processes at once."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs

    def open(self, said: CommandUids, provenance: Provenance) -> Incoming:
        """Begin an instance; its data set's bytes go to `write` of what is returned. Raises DiskFull."""
        try:
            return self._blobs.open_incoming(said, provenance)
        except OSError as error:
            raise as_disk_full(error) from error

    def commit(self, incoming: Incoming) -> Receipt:
        """Make the instance durable; when this returns it is kept. Raises DiskFull, NotDicom, OSError."""
        try:
            return self._commit(incoming)
        except (OSError, sqlite3.OperationalError) as error:
            raise as_disk_full(error) from error
        finally:
            incoming.discard()

    def _commit(self, incoming: Incoming) -> Receipt:
        if incoming.size_bytes == 0:
            raise NotDicom(reason="its data set is empty")
        digest = incoming.sync()
        record = read_record(incoming.path, incoming.said)
        if not record.sop_instance_uid:
            raise NotDicom(reason="it has no SOP Instance UID")
        kept = find_same(self._database.read, record.sop_instance_uid, digest) is not None
        if not (kept and self._blobs.path(digest).exists()):
            self._blobs.keep(incoming, digest)
        with self._database.write() as db:
            return add_instance(db, record, digest, incoming.size_bytes, incoming.provenance)


def as_disk_full(error: OSError | sqlite3.OperationalError) -> Exception:
    """DiskFull for the system's and SQLite's own words for it, else the error itself."""
    if isinstance(error, OSError):
        return DiskFull() if error.errno in _OUT_OF_SPACE else error
    return DiskFull() if error.sqlite_errorcode == sqlite3.SQLITE_FULL else error
