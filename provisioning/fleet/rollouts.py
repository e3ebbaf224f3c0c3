"""A release on its way to all boxes: by rings of 1, 10, 50 and 100 %, each with time to show what it does.

A box's place is a hash of release and serial, so that it is not always the same clinics that go first.
"""

import hashlib
import time
from datetime import timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from appliance.clock import moment, now, stamp
from appliance.errors import BadInput
from provisioning.fleet import audit
from provisioning.fleet.documents import Documents
from provisioning.fleet.store import Store
from provisioning.fleet.tables import Box, Document, Rollout, RolloutBox
from provisioning.protocol.refused import NoSuch, NotManaged, NotNewer

RINGS = (1, 10, 50, 100)
STOP_PERCENT = 2.0
SOAK_S = 24 * 3600
LOOK_S = 10.0
"""While nothing is rolled out, heartbeats do not ask the database for it each time."""
SILENT_S = 2 * 3600
"""A box that was there, was offered a release and is not heard for so long counts against it."""
_NOT_TAKEN = (NotManaged.code, NotNewer.code)


def place(release: str, serial: str) -> float:
    """Where a box stands in a rollout, 0 to 100 %."""
    digest = hashlib.sha256(f"{release}\0{serial}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64 * 100


class Rollouts:
    """The rollouts of the service."""

    def __init__(self, store: Store, documents: Documents) -> None:
        self._store = store
        self._documents = documents
        self._look_again_at = 0.0

    def start(self, release: str, *, who: str, soak_s: int = SOAK_S) -> None:
        """Begin with the first ring; what is running is halted, one release is on its way at a time."""
        with self._store.write() as session:
            if session.scalars(select(Rollout).where(Rollout.release == release)).first():
                raise BadInput(field="Release", reason="it was rolled out already; mend it under a new version")
            for running in session.scalars(select(Rollout).where(Rollout.state == "running")):
                _halt(session, running, "another release was started")
            session.add(Rollout(release=release, ring_since=stamp(), soak_s=soak_s, made_by=who))
            self._look_again_at = 0.0
            audit.record(session, who, "rollout-started", release=release)

    def halt(self, release: str, *, who: str) -> None:
        """Offer it to no further box."""
        with self._store.write() as session:
            found = session.scalars(select(Rollout).where(Rollout.release == release)).first()
            if found is None:
                raise NoSuch(what="rollout")
            _halt(session, found, f"halted by {who}")

    def pin(self, serial: str, release: str | None, *, who: str) -> None:
        """Keep a box on a release whatever is rolled out; None lets it go on."""
        with self._store.write() as session:
            box = session.get(Box, serial)
            if box is None:
                raise NoSuch(what="serial number")
            box.pinned = release
            audit.record(session, who, "pinned" if release else "unpinned", serial)
            if release and release != box.release:
                self._documents.offer_release(session, serial, release, who=who)

    def heard(self, session: Session, box: Box) -> None:
        """A heartbeat came: offer what is due to the box, and note whether it took what it was offered."""
        if box.state != "enrolled" or time.monotonic() < self._look_again_at:
            return
        rollout = session.scalars(select(Rollout).where(Rollout.state == "running")).first()
        if rollout is None:
            self._look_again_at = time.monotonic() + LOOK_S
            return
        offered = session.get(RolloutBox, (rollout.id, box.serial))
        if offered:
            if offered.outcome is None and box.release == rollout.release:
                offered.outcome = "good"
        elif box.pinned is None and place(rollout.release, box.serial) < RINGS[rollout.ring]:
            known = box.release == rollout.release
            outcome = "good" if known else None
            session.add(RolloutBox(rollout_id=rollout.id, serial=box.serial, offered_at=stamp(), outcome=outcome))
            if not known:
                self._documents.offer_release(session, box.serial, rollout.release, who=audit.SERVICE)

    def refused(self, serial: str, number: int, reason: str) -> None:
        """A box stays with, or is back at, the release before the one of a document; why, as it told.

        That it runs a newer one, or none of ours, does not count against the release.
        """
        with self._store.write() as session:
            release = session.get_one(Document, (serial, "release", number)).body["release"]
            query = select(RolloutBox).join(Rollout, Rollout.id == RolloutBox.rollout_id)
            found = session.scalars(query.where(RolloutBox.serial == serial, Rollout.release == release)).first()
            if found and reason not in _NOT_TAKEN:
                found.outcome = "returned"
            elif found and found.outcome is None:
                found.outcome = "aside"

    def advance(self) -> None:
        """Look at the running rollout: halt it, let the next ring begin, or end it."""
        with self._store.write() as session:
            rollout = session.scalars(select(Rollout).where(Rollout.state == "running")).first()
            if rollout is None:
                return
            offered, bad = _counts(session, rollout)
            if offered and 100 * bad / offered >= STOP_PERCENT:
                _halt(session, rollout, f"{bad} of {offered} boxes returned or fell silent in ring {rollout.ring + 1}")
            elif moment(rollout.ring_since) + timedelta(seconds=rollout.soak_s) <= now():
                if rollout.ring + 1 < len(RINGS):
                    rollout.ring, rollout.ring_since = rollout.ring + 1, stamp()
                    audit.record(session, audit.SERVICE, "ring-begun", release=rollout.release, ring=str(rollout.ring))
                elif not _waiting(session, rollout):
                    rollout.state = "done"
                    audit.record(session, audit.SERVICE, "rollout-done", release=rollout.release)

    def all(self) -> list[tuple[Rollout, int, int]]:
        """Every rollout, newest first, with the boxes offered and those that count against it."""
        with self._store.read() as session:
            found = session.scalars(select(Rollout).order_by(Rollout.id.desc()))
            return [(rollout, *_counts(session, rollout)) for rollout in found]


def _counts(session: Session, rollout: Rollout) -> tuple[int, int]:
    """Boxes offered but those aside, and those of them that returned or fell silent after the offer."""
    mine = RolloutBox.rollout_id == rollout.id
    shows = or_(RolloutBox.outcome.is_(None), RolloutBox.outcome != "aside")
    offered = session.scalar(select(func.count()).select_from(RolloutBox).where(mine, shows)) or 0
    returned = session.scalar(
        select(func.count()).select_from(RolloutBox).where(mine, RolloutBox.outcome == "returned")
    )
    limit = stamp(now() - timedelta(seconds=SILENT_S))
    silent = session.scalar(
        select(func.count())
        .select_from(RolloutBox)
        .join(Box, Box.serial == RolloutBox.serial)
        .where(mine, RolloutBox.outcome.is_(None), Box.seen_at < limit)
    )
    return offered, (returned or 0) + (silent or 0)


def _waiting(session: Session, rollout: Rollout) -> bool:
    query = select(RolloutBox).where(RolloutBox.rollout_id == rollout.id, RolloutBox.outcome.is_(None)).limit(1)
    return session.scalars(query).first() is not None


def _halt(session: Session, rollout: Rollout, reason: str) -> None:
    """End it, and take the offer back from boxes that wait for their evening or are off."""
    waiting = (
        select(Box)
        .join(RolloutBox, RolloutBox.serial == Box.serial)
        .where(RolloutBox.rollout_id == rollout.id, RolloutBox.outcome.is_(None))
    )
    for box in session.scalars(waiting):
        if box.pinned != rollout.release:
            box.versions = {**box.versions, "release_version": 0}
    rollout.state, rollout.reason = "halted", reason
    audit.record(session, audit.SERVICE, "rollout-halted", release=rollout.release, reason=reason)
