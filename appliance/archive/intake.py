"""The one way into the archive, for the receiver, the web service, imports and results alike.

The order is invariant 1: temporary file, fsync, rename, directory fsync, one transaction, commit; then the caller
may answer success.
"""

import errno
import sqlite3
import threading
from collections import deque
from dataclasses import dataclass

from appliance.archive.blobs import BlobStore, Incoming, Provenance
from appliance.archive.database import Database
from appliance.archive.index import Receipt, add_instance, find_same
from appliance.archive.senders import rules_of
from appliance.dicom.record import CommandUids, InstanceRecord, read_record, read_record_of
from appliance.dicom.repair import Rules
from appliance.errors import DiskFull, NotDicom

_OUT_OF_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass
class _Arrived:
    """An instance whose file is synced; then its receipt, or why it was not kept."""

    incoming: Incoming
    record: InstanceRecord
    digest: str
    receipt: Receipt | None = None
    failure: Exception | None = None


class Intake:
    """Takes instances in; used by several threads and processes at once.

    Instances that arrive at the same time share the steps behind their own fsync: one thread gives all of them their
    names, syncs the folders and commits one transaction; each is answered after that commit.
    """

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs
        self._arrived: deque[_Arrived] = deque()
        self._turn = threading.Lock()

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
        rules = rules_of(self._database.read, incoming.provenance)
        record = _record_of(incoming, rules)
        if not record.sop_instance_uid:
            raise NotDicom(reason="it has no SOP Instance UID")
        arrived = _Arrived(incoming, record, digest)
        self._arrived.append(arrived)
        with self._turn:
            if arrived.receipt is None and arrived.failure is None:  # else the thread before took it along
                self._keep([self._arrived.popleft() for _ in range(len(self._arrived))])
        if arrived.failure is not None:
            raise arrived.failure
        assert arrived.receipt is not None  # noqa: S101 - it is one or the other
        return arrived.receipt

    def _keep(self, together: list[_Arrived]) -> None:
        """Names, folders, one commit; if that fails, one by one, so that each has its own outcome."""
        try:
            self._blobs.keep({one.digest: one.incoming for one in together if not self._is_kept(one)})
            with self._database.write() as db:
                receipts = [
                    add_instance(db, a.record, a.digest, a.incoming.size_bytes, a.incoming.provenance) for a in together
                ]
        except Exception as failure:  # an edge: it is raised in the thread of the instance that it belongs to
            if len(together) == 1:
                together[0].failure = failure
            else:
                for one in together:
                    self._keep([one])
            return
        for one, receipt in zip(together, receipts, strict=True):
            one.receipt = receipt

    def _is_kept(self, one: _Arrived) -> bool:
        """Whether a committed row has the same bytes already."""
        known = find_same(self._database.read, one.record.sop_instance_uid, one.digest) is not None
        return known and self._blobs.path(one.digest).exists()


def _record_of(incoming: Incoming, rules: Rules) -> InstanceRecord:
    """From the first bytes, which are in memory still; from the file if they do not reach."""
    whole = incoming.size_bytes <= len(incoming.head)
    found = read_record_of(incoming.head, incoming.said, rules, whole=whole)
    return found or read_record(incoming.path, incoming.said, rules)


def as_disk_full(error: OSError | sqlite3.OperationalError) -> Exception:
    """DiskFull for the system's and SQLite's own words for it, else the error itself."""
    if isinstance(error, OSError):
        return DiskFull() if error.errno in _OUT_OF_SPACE else error
    return DiskFull() if error.sqlite_errorcode == sqlite3.SQLITE_FULL else error
