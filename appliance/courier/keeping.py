"""The slow work that keeps pictures safe: eviction, recall, reading back, copies of the index, scheduled backups."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psutil

from appliance.archive.backup import Backup
from appliance.archive.blobs import BlobStore
from appliance.archive.check import Checker, Looked
from appliance.archive.damage import record_damage
from appliance.archive.database import Database
from appliance.archive.recovery import COPY_NAME
from appliance.archive.retention import Recalls, Retention, StoredFile
from appliance.clock import moment, now
from appliance.courier.destinations import Destination
from appliance.courier.refetch import Refetch
from appliance.courier.uplink import ArchiveClient
from appliance.errors import BuckyError, DiskFull, NotFound, PeerError
from appliance.reading.arrival import Sent

IDLE_S = 5.0
CHECK_EVERY_DAYS = 30
BACKUP_FOLDER, BACKUP_HOUR, BACKUP_ASKED = "backup_folder", "backup_hour", "backup_asked"
_SHARE_OF_TIME = 0.05  # at most so much of the time is spent reading back
_COPY_EVERY_S = 6 * 3600.0
_RETENTION_EVERY_S = 300.0
_RETRY_S = 30.0
_BACKUP_RETRY_S = 900.0


def stand_back() -> None:
    """Let this thread wait for the disk behind everybody else."""
    if hasattr(psutil, "IOPRIO_CLASS_IDLE"):
        psutil.Process(threading.get_native_id()).ionice(psutil.IOPRIO_CLASS_IDLE)


class RetentionWorker:
    """Evicts one study at a time, after each of its files was confirmed by a fresh query."""

    def __init__(
        self, retention: Retention, refetch: Refetch, client_for: Callable[[Destination], ArchiveClient]
    ) -> None:
        self._retention = retention
        self._refetch = refetch
        self._client_for = client_for
        self._not_before = 0.0

    def run_once(self) -> float:
        """Look for studies that may go; rest for a while when there are none."""
        if (rest_s := self._not_before - time.monotonic()) > 0:
            return rest_s
        gone = sum(self._evict(study_id) for study_id in self._retention.candidates())
        if not gone:
            self._not_before = time.monotonic() + _RETENTION_EVERY_S
        return 0.0

    def _evict(self, study_id: int) -> bool:
        files = self._retention.files(study_id)
        return all(self._is_there(file) for file in files) and self._retention.evict(study_id, files)

    def _is_there(self, file: StoredFile) -> bool:
        """Whether a destination that had it verified confirms it again now, by the best evidence that it gives."""
        sent = Sent(
            study_instance_uid=file.study_instance_uid,
            series_instance_uid=file.series_instance_uid,
            sop_instance_uid=file.sop_instance_uid,
            sop_class_uid=file.sop_class_uid,
            digests=self._retention.sent_digests(file),
            files=(self._retention.path(file),),
        )
        for destination in self._refetch.sources(file.instance_id):
            try:
                if self._client_for(destination).confirm(sent) is not None:
                    return True
            except PeerError:
                continue
        return False


@dataclass(frozen=True)
class RecallWorker:
    """Brings evicted studies back, one instance at a time."""

    recalls: Recalls
    refetch: Refetch
    database: Database

    def run_once(self) -> float:
        """One instance of the study that was opened last."""
        recall = self.recalls.next_due()
        if recall is None:
            return IDLE_S
        waiting = self.recalls.evicted(recall.study_id)
        if not waiting:
            self.recalls.finished(recall.study_id)
            return 0.0
        try:
            self._bring(recall.study_id, waiting[0])
        except BuckyError as error:
            self.recalls.trouble(recall.study_id, error.text, error.advice, _RETRY_S)
        except OSError as error:
            self.recalls.trouble(recall.study_id, DiskFull.message, DiskFull.hint, _RETRY_S)
            if error.errno is None:
                raise
        return 0.0

    def _bring(self, study_id: int, instance_id: int) -> None:
        """From the first destination that has it; a copy that is another picture is never taken."""
        trouble: BuckyError = NotFound(what="picture")
        for destination in self.refetch.sources(instance_id):
            try:
                outcome = self.refetch.bring(self.refetch.wanted(instance_id), destination)
            except PeerError as error:
                trouble = error
                continue
            if outcome != "differs":
                return self.recalls.came(study_id)
            with self.database.write() as db:  # the healing goes on with it, and the page tells
                record_damage(db, instance_id, "missing", None)
            return self.recalls.came(study_id)
        raise trouble


class CheckWorker:
    """Reads every file back once in a while, so slowly that nobody notices."""

    def __init__(self, checker: Checker) -> None:
        self._checker = checker
        self._files: Iterator[Looked] | None = None
        self._polite = False

    def run_once(self) -> float:
        """One file, and then a rest many times as long as it took."""
        if not self._polite:
            stand_back()
            self._polite = True
        if self._files is None:
            if not self._is_due():
                return IDLE_S
            self._files = self._checker.go_on(self._checker.begin("background"))
        began = time.monotonic()
        if next(self._files, None) is None:
            self._files = None
        return max(0.05, (time.monotonic() - began) / _SHARE_OF_TIME)

    def _is_due(self) -> bool:
        last = self._checker.latest()
        return last is None or now() - moment(str(last.ended_at)) > timedelta(days=CHECK_EVERY_DAYS)


class CopyWorker:
    """Keeps a copy of the database beside it, for the day on which the database cannot be read."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs
        self._version: int | None = None

    def run_once(self) -> float:
        """Copy when the last copy is old and something changed since."""
        target = self._blobs.folder / COPY_NAME
        age_s = time.time() - target.stat().st_mtime if target.exists() else _COPY_EVERY_S
        (version,) = self._database.read.conn.execute("PRAGMA data_version").fetchone()
        if 0 <= age_s < _COPY_EVERY_S or version == self._version:
            return IDLE_S
        if self._blobs.room_bytes() > 2 * self._database.path.stat().st_size:
            self._database.copy_to(target)
            self._version = version
        return IDLE_S


class BackupWorker:
    """Runs the backup once a night, and again after a while when it failed."""

    def __init__(self, backup: Backup, setting: Callable[[str], str | None]) -> None:
        self._backup = backup
        self._setting = setting
        self._not_before = 0.0
        self._asked_at = setting(BACKUP_ASKED)

    def run_once(self) -> float:
        """Back up if the night's backup has not been made."""
        folder = self._setting(BACKUP_FOLDER)
        asked_at = self._setting(BACKUP_ASKED)
        asked = asked_at is not None and asked_at != self._asked_at
        if not folder or not (asked or (time.monotonic() >= self._not_before and self._is_due())):
            return IDLE_S
        self._asked_at = asked_at
        try:
            self._backup.run(Path(folder), scheduled=not asked)
        except BuckyError:  # it is on the page, with what to do
            self._not_before = time.monotonic() + _BACKUP_RETRY_S
        return 0.0

    def _is_due(self) -> bool:
        good = self._backup.last_good()
        return good is None or moment(good.began_at) < last_night(int(self._setting(BACKUP_HOUR) or 2))


def last_night(hour: int) -> datetime:
    """The last moment, in this machine's own time, at which a nightly backup should have begun."""
    here = now().astimezone()
    due = here.replace(hour=hour, minute=0, second=0, microsecond=0)
    return due if due <= here else due - timedelta(days=1)
