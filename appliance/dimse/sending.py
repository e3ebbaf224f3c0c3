"""A stored instance as a file that its receiver takes: as it is, or written anew by a helper process."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.archive.blobs import BlobStore
from appliance.archive.copies import Copies
from appliance.archive.search import Stored
from appliance.archive.workshop import Workshop
from appliance.dicom.rewrite import rewrite
from appliance.dicom.transfer_syntaxes import SENDABLE
from appliance.errors import BuckyError

_IN_PROCESS_BYTES = 64 * 2**20  # a larger data set would be too much for the receiver's memory


class NotAccepted(BuckyError):
    """The receiver took no transfer syntax in which the instance can be sent."""

    code = "not-accepted"
    message = "The receiver does not take this kind of object."
    hint = "Allow this kind of object, uncompressed, on the workstation."


class Sending:
    """Prepares files; what it writes is removed as soon as it was sent."""

    def __init__(self, blobs: BlobStore, copies: Copies, workshop: Workshop) -> None:
        self._blobs = blobs
        self._copies = copies
        self._workshop = workshop

    @contextmanager
    def prepared(self, stored: Stored, accepted: Collection[str]) -> Iterator[Path]:
        """A file in one of the accepted transfer syntaxes; raises NotAccepted, CannotMake, and what a damaged
        data set makes pydicom raise.
        """
        copy = self._copies.get(stored.dataset_sha256)
        if copy.transfer_syntax_uid in accepted:
            yield copy.path
            return
        wanted = next((uid for uid in SENDABLE if uid in accepted), None)
        if wanted is None:
            raise NotAccepted
        with self._blobs.scratch() as scratch:
            if copy.transfer_syntax_uid in SENDABLE and stored.size_bytes <= _IN_PROCESS_BYTES:
                rewrite(copy.path, scratch, wanted)
            else:
                room = self._blobs.room_bytes() // 2  # the frames and the file that holds them
                self._workshop.make(copy.path, scratch, transfer_syntax_uid=wanted, max_bytes=room)
            yield scratch
