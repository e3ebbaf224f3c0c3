"""Room on the disk, and for how many days it lasts at today's rate."""

import shutil
from dataclasses import dataclass

from appliance.archive.blobs import BlobStore
from appliance.archive.database import Database
from appliance.clock import after, moment, now

RATE_DAYS = 14  # over which the rate is taken
_DAY_S = 86_400


@dataclass(frozen=True)
class Space:
    """Bytes free above the reserve, of the whole disk, and received a day; `days_left` is None while nothing comes."""

    room_bytes: int
    total_bytes: int
    bytes_a_day: int

    @property
    def days_left(self) -> int | None:
        """Until the X-ray unit is refused."""
        return self.room_bytes // self.bytes_a_day if self.bytes_a_day else None


def measure(database: Database, blobs: BlobStore) -> Space:
    """Look now."""
    since = after(-RATE_DAYS * _DAY_S)
    size, first = database.read.conn.execute(
        "SELECT coalesce(sum(size_bytes), 0), min(instance.received_at) FROM instance WHERE study_id IN"
        " (SELECT id FROM study WHERE instance_count > 0 AND last_received_at >= ?) AND instance.received_at >= ?",
        [since, since],
    ).fetchone()
    days = min(RATE_DAYS, max(1.0, (now() - moment(first)).total_seconds() / _DAY_S)) if first else RATE_DAYS
    return Space(blobs.room_bytes(), shutil.disk_usage(blobs.folder).total, int(size / days))
