"""Lossless copies for the line, made ahead of it by a process that may crash, kept only as long as they are needed."""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from appliance.archive import copies as archive_copies
from appliance.archive.blobs import BlobStore
from appliance.archive.database import Database
from appliance.archive.digest import dataset_digest
from appliance.clock import after, stamp
from appliance.courier.compression import CODECS, LEAST_BYTES, choose
from appliance.courier.destinations import Destinations
from appliance.courier.found import Found
from appliance.courier.queue import Delivery

IDLE_S = 5.0
HELPER_TIMEOUT_S = 300
MAXIMUM_BYTES = 4 * 2**30  # of all copies; what waits beyond that goes as it is or is made later
_MAXIMUM_ATTEMPTS = 2  # that ended with this process
_NATIVE = "'1.2.840.10008.1.2.1', '1.2.840.10008.1.2'"
_SPEED = "encode_speed"  # setting: this machine's speed to that of the codec table
_UNSENT_S = 24 * 3600.0  # a copy made ahead of a request that did not come
_NEWEST = 200  # instances for which copies are made before anybody sends them
_NOT_NEEDED = """
    SELECT dataset_sha256, transfer_syntax_uid FROM encoded_copy AS copy WHERE state = 'ready'
    AND NOT EXISTS (SELECT 1 FROM delivery JOIN instance ON instance.id = instance_id
                    WHERE instance.dataset_sha256 = copy.dataset_sha256 AND delivery.state IN ('waiting', 'answered'))
    AND (made_at < ? OR EXISTS (SELECT 1 FROM delivery JOIN instance ON instance.id = instance_id
                                WHERE instance.dataset_sha256 = copy.dataset_sha256))
"""
_ENCODABLE = f"""
    SELECT instance.dataset_sha256, instance.size_bytes FROM instance
    JOIN sender ON sender.id = sender_id AND sender.kind <> 'result'
    LEFT JOIN delivery ON delivery.instance_id = instance.id
    LEFT JOIN encoded_copy AS copy ON copy.dataset_sha256 = instance.dataset_sha256 AND copy.transfer_syntax_uid = ?
    WHERE instance.quarantined = 0 AND instance.rows IS NOT NULL AND instance.size_bytes >= ?
    AND instance.transfer_syntax_uid IN ({_NATIVE}) AND coalesce(copy.state, 'making') = 'making'
"""  # noqa: S608 - our own text
_WAITING = f"{_ENCODABLE} AND delivery.state = 'waiting' AND destination_id = ? ORDER BY priority, delivery.id LIMIT 1"
_NEW = f"""
    {_ENCODABLE} AND delivery.id IS NULL AND instance.id > (SELECT coalesce(max(id), 0) FROM instance) - ?
    ORDER BY instance.id DESC LIMIT 1
"""  # noqa: S608 - our own text


@dataclass(frozen=True)
class Content:
    """The file that goes out for a delivery."""

    path: Path
    transfer_syntax_uid: str
    dataset_sha256: str


@dataclass(frozen=True)
class _Job:
    dataset_sha256: str
    size_bytes: int
    transfer_syntax_uid: str


class Copies:
    """The folder of copies and what is known of each."""

    def __init__(self, database: Database, blobs: BlobStore, folder: Path, repaired: archive_copies.Copies) -> None:
        self._repaired = repaired
        self._database = database
        self._blobs = blobs
        self._folder = folder

    def content(self, delivery: Delivery, transfer_syntax_uid: str | None) -> Content:
        """The copy in a transfer syntax if it is ready, else the original."""
        repaired = self._repaired.get(delivery.dataset_sha256)
        if repaired.path != self._blobs.path(delivery.dataset_sha256):  # the rules of its unit come first
            return Content(repaired.path, repaired.transfer_syntax_uid, dataset_digest(repaired.path))
        row = self._row(delivery.dataset_sha256, transfer_syntax_uid)
        if transfer_syntax_uid is not None and row is not None and row[0] == "ready":
            path = self._path(delivery.dataset_sha256, transfer_syntax_uid)
            if path.exists():
                return Content(path, transfer_syntax_uid, str(row[1]))
        original = self._blobs.path(delivery.dataset_sha256)
        return Content(original, delivery.transfer_syntax_uid, delivery.dataset_sha256)

    def files(self, delivery: Delivery) -> tuple[Path, ...]:
        """Every file that may have gone out for a delivery and is still here."""
        copies = (self._path(delivery.dataset_sha256, codec.transfer_syntax_uid) for codec in CODECS)
        repaired = self._repaired.get(delivery.dataset_sha256).path
        return *dict.fromkeys((self._blobs.path(delivery.dataset_sha256), repaired)), *(
            path for path in copies if path.exists()
        )

    def syntax_for(self, delivery: Delivery, found: Found) -> str | None:
        """The transfer syntax to send in: of a copy that is ready and taken there, else the one that is best."""
        best = choose(found, self.cpu())
        taken = [c.transfer_syntax_uid for c in CODECS if found.syntaxes.get(c.transfer_syntax_uid, True)]
        for uid in sorted(taken, key=lambda uid: uid != best):
            row = self._row(delivery.dataset_sha256, uid)
            if row is not None and row[0] == "ready":
                return uid
        return best

    def awaited(self, delivery: Delivery, transfer_syntax_uid: str | None) -> bool:
        """Whether a copy that should go out is still to be made."""
        if transfer_syntax_uid is None or not worth_encoding(delivery.transfer_syntax_uid, delivery.size_bytes):
            return False
        row = self._row(delivery.dataset_sha256, transfer_syntax_uid)
        return delivery.is_image and (row is None or row[0] == "making")

    def cpu(self) -> float:
        """This machine's encoding speed to that of the codec table, as measured."""
        return float(self._database.setting(_SPEED) or 1.0)

    def make(self, job: _Job) -> None:
        """Make one copy; a picture whose pixels end the helper again and again gets none."""
        if self._begin(job) >= _MAXIMUM_ATTEMPTS or not self._has_room(job.size_bytes):
            return self._note(job, "none")
        target = self._path(job.dataset_sha256, job.transfer_syntax_uid)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".part")
        began = time.monotonic()
        source = self._blobs.path(job.dataset_sha256)
        if not _encode(source, part, job.transfer_syntax_uid) or part.stat().st_size >= source.stat().st_size:
            part.unlink(missing_ok=True)
            return self._note(job, "none")
        self._measure(job, time.monotonic() - began)
        digest, size_bytes = dataset_digest(part), part.stat().st_size
        part.replace(target)
        return self._note(job, "ready", digest, size_bytes)

    def tidy(self) -> None:
        """Remove copies of what is delivered, and of what nobody sent in a day."""
        gone = self._database.read.conn.execute(_NOT_NEEDED, [after(-_UNSENT_S)]).fetchall()
        for dataset_sha256, transfer_syntax_uid in gone:
            self._path(dataset_sha256, transfer_syntax_uid).unlink(missing_ok=True)
            with self._database.write() as db:
                db.conn.execute(
                    "DELETE FROM encoded_copy WHERE dataset_sha256 = ? AND transfer_syntax_uid = ?",
                    [dataset_sha256, transfer_syntax_uid],
                )

    def _row(self, dataset_sha256: str, transfer_syntax_uid: str | None) -> tuple[str, str | None] | None:
        found: tuple[str, str | None] | None = self._database.read.conn.execute(
            "SELECT state, copy_sha256 FROM encoded_copy WHERE dataset_sha256 = ? AND transfer_syntax_uid = ?",
            [dataset_sha256, transfer_syntax_uid],
        ).fetchone()
        return found

    def _begin(self, job: _Job) -> int:
        """Count an attempt before it is made; returns how many were begun before and never ended."""
        sql = (
            "INSERT INTO encoded_copy (dataset_sha256, transfer_syntax_uid, state, attempts, made_at)"
            " VALUES (?, ?, 'making', 1, ?) ON CONFLICT DO UPDATE SET attempts = attempts + 1 RETURNING attempts"
        )
        with self._database.write() as db:
            row = db.conn.execute(sql, [job.dataset_sha256, job.transfer_syntax_uid, stamp()]).fetchone()
        return int(row[0]) - 1

    def _note(self, job: _Job, state: str, copy_sha256: str | None = None, size_bytes: int = 0) -> None:
        with self._database.write() as db:
            db.conn.execute(
                "UPDATE encoded_copy SET state = ?, copy_sha256 = ?, size_bytes = ?, made_at = ?"
                " WHERE dataset_sha256 = ? AND transfer_syntax_uid = ?",
                [state, copy_sha256, size_bytes, stamp(), job.dataset_sha256, job.transfer_syntax_uid],
            )

    def _has_room(self, size_bytes: int) -> bool:
        (used,) = self._database.read.conn.execute("SELECT coalesce(sum(size_bytes), 0) FROM encoded_copy").fetchone()
        return used + size_bytes <= MAXIMUM_BYTES and size_bytes < self._blobs.room_bytes()

    def _measure(self, job: _Job, seconds: float) -> None:
        codec = next(c for c in CODECS if c.transfer_syntax_uid == job.transfer_syntax_uid)
        now = job.size_bytes / max(seconds, 0.001) / codec.speed
        self._database.set_setting(_SPEED, f"{0.7 * self.cpu() + 0.3 * min(now, 4.0):.3f}")

    def _path(self, dataset_sha256: str, transfer_syntax_uid: str) -> Path:
        return self._folder / dataset_sha256[:2] / f"{dataset_sha256}-{transfer_syntax_uid.rpartition('.')[2]}.dcm"


class EncodeWorker:
    """Makes the copy that will be needed first: what waits by urgency, then what just came in and may be sent soon."""

    def __init__(self, database: Database, destinations: Destinations, copies: Copies) -> None:
        self._database = database
        self._destinations = destinations
        self._copies = copies

    def run_once(self) -> float:
        """Make one copy."""
        job = self._next()
        if job is None:
            self._copies.tidy()
            return IDLE_S
        self._copies.make(job)
        return 0.0

    def _next(self) -> _Job | None:
        cpu = self._copies.cpu()
        wanted = [(d.id, uid) for d in self._destinations.all() if not d.paused and (uid := choose(d.found, cpu))]
        for destination_id, uid in wanted:
            if job := self._first(_WAITING, [uid, LEAST_BYTES, destination_id], uid):
                return job
        return self._first(_NEW, [wanted[0][1], LEAST_BYTES, _NEWEST], wanted[0][1]) if wanted else None

    def _first(self, sql: str, values: list[str | int], transfer_syntax_uid: str) -> _Job | None:
        row = self._database.read.conn.execute(sql, values).fetchone()
        return None if row is None else _Job(row[0], row[1], transfer_syntax_uid)


def worth_encoding(transfer_syntax_uid: str, size_bytes: int) -> bool:
    """Whether an instance as stored is uncompressed and big enough."""
    return transfer_syntax_uid in ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2") and size_bytes >= LEAST_BYTES


def _encode(source: Path, target: Path, transfer_syntax_uid: str) -> bool:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "appliance.imaging.encode", str(source), str(target), "--to", transfer_syntax_uid],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=HELPER_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
