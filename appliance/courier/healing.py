"""Damaged and missing files are had back from a reader; digests of pixels are taken while the files are good."""

from dataclasses import dataclass

from appliance.archive.blobs import BlobStore
from appliance.archive.damage import Damage, Damages
from appliance.archive.database import Database
from appliance.archive.notices import Notices
from appliance.courier.destinations import Destinations
from appliance.courier.refetch import Outcome, Refetch
from appliance.courier.uplink import backoff_s
from appliance.errors import DiskFull, NotFound, PeerError
from appliance.imaging.sameness import digests_apart

IDLE_S = 5.0
_NOWHERE_S = 3600.0
_DISK_FULL_S = 600.0
_PROOFS_AT_ONCE = 16


@dataclass(frozen=True)
class HealingWorker:
    """Tries one damaged picture after the other, at each destination that has it."""

    damages: Damages
    refetch: Refetch
    destinations: Destinations
    blobs: BlobStore
    notices: Notices

    def run_once(self) -> float:
        """One picture."""
        damage = self.damages.next_due()
        if damage is None:
            return IDLE_S
        try:
            self._heal(damage)
        except NotFound:  # deleted, or in quarantine: nobody else has it
            self.damages.later(damage, _NOWHERE_S, state="nowhere")
        except (DiskFull, OSError):
            self.damages.later(damage, _DISK_FULL_S)
        return 0.0

    def _heal(self, damage: Damage) -> None:
        wanted = self.refetch.wanted(damage.instance_id)
        aside = self.blobs.damaged(damage.set_aside) if damage.set_aside else None
        outcome: Outcome | None = None
        for destination in self.refetch.sources(damage.instance_id):
            try:
                outcome = self.refetch.bring(wanted, destination, aside)
            except PeerError as error:
                self.destinations.troubled(destination.id, error)
                self.damages.later(damage, backoff_s(damage.attempts + 4))
                continue
            if outcome != "differs":
                break
        if outcome is None:
            known = self.refetch.sources(damage.instance_id)
            return self.damages.later(
                damage,
                backoff_s(damage.attempts + 4) if known else _NOWHERE_S,
                state="waiting" if known else "nowhere",
            )
        self.damages.ended(damage, outcome, destination.name)
        if outcome != "differs":
            self.notices.note("picture-healed" if outcome == "same bytes" else "picture-healed-pixels")
        return None


class ProofWorker:
    """Takes the digest of the pixels of pictures that are safe elsewhere, in a process of its own, a few at a time.

    Should such a file be damaged later, the digest proves that a reader's copy, coded otherwise, shows the same.
    """

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database = database
        self._blobs = blobs

    def run_once(self) -> float:
        """A few pictures."""
        rows = self._database.read.conn.execute(
            "SELECT id, dataset_sha256 FROM instance WHERE pixels_sha256 IS NULL AND preview_state = 'ready'"
            " AND file_state = 'here' AND id IN (SELECT instance_id FROM delivery WHERE state = 'verified')"
            " ORDER BY id LIMIT ?",
            [_PROOFS_AT_ONCE],
        ).fetchall()
        if not rows:
            return IDLE_S
        found = digests_apart([self._blobs.path(digest) for _, digest in rows])
        with self._database.write() as db:
            for (instance_id, digest), pixels in zip(rows, found, strict=True):
                db.conn.execute(
                    "UPDATE instance SET pixels_sha256 = ? WHERE id = ? AND dataset_sha256 = ?",
                    [pixels or "", instance_id, digest],  # '' is none to be had, and is not tried again
                )
        return 0.0
