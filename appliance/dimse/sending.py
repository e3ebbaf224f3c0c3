"""A stored instance as a file that its receiver takes: as it is, written anew, or decompressed by a helper process."""

import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.archive.blobs import BlobStore
from appliance.archive.search import Stored
from appliance.dicom.rewrite import rewrite
from appliance.dicom.transfer_syntaxes import SENDABLE
from appliance.errors import BuckyError

HELPER_TIMEOUT_S = 120
_IN_PROCESS_BYTES = 64 * 2**20  # a larger data set would be too much for the receiver's memory


class NotAccepted(BuckyError):
    """The receiver took no transfer syntax in which the instance can be sent."""

    code = "not-accepted"
    message = "The receiver does not take this kind of object."
    hint = "Allow this kind of object, uncompressed, on the workstation."


class CannotTranscode(BuckyError):
    """The pixels could not be decompressed; the stored file is unaffected."""

    code = "cannot-transcode"
    message = "This picture could not be decompressed for the receiver."
    hint = "Let the workstation accept the picture's own transfer syntax."


class Sending:
    """Prepares files; what it writes is removed as soon as it was sent."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    @contextmanager
    def prepared(self, stored: Stored, accepted: Collection[str]) -> Iterator[Path]:
        """A file in one of the accepted transfer syntaxes; raises NotAccepted, CannotTranscode, and what a damaged
        data set makes pydicom raise.
        """
        path = self._blobs.path(stored.dataset_sha256)
        if stored.transfer_syntax_uid in accepted:
            yield path
            return
        wanted = next((uid for uid in SENDABLE if uid in accepted), None)
        if wanted is None:
            raise NotAccepted
        with self._blobs.scratch() as scratch:
            if stored.transfer_syntax_uid in SENDABLE and stored.size_bytes <= _IN_PROCESS_BYTES:
                rewrite(path, scratch, wanted)
            else:
                self._run_helper(path, scratch, wanted)
            yield scratch

    def _run_helper(self, source: Path, target: Path, transfer_syntax_uid: str) -> None:
        room = self._blobs.room_bytes() // 2  # the frames and the file that holds them
        arguments = [str(source), str(target), "--to", transfer_syntax_uid, "--max-bytes", str(room)]
        try:
            done = subprocess.run(
                [sys.executable, "-m", "appliance.imaging.transcode", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=HELPER_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise CannotTranscode from error
        if done.returncode != 0:
            raise CannotTranscode
