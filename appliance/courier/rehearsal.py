"""The morning rehearsal: a phantom goes the whole way of a picture before the first patient does.

From the simulated X-ray unit over DICOM to the receiver, through the queue to each reader, and back from there. Its
sender is never accepted, so the phantom stays in quarantine: no list, query, statement or routing sees it.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from appliance.archive.blobs import BlobStore
from appliance.archive.database import Database
from appliance.archive.digest import dataset_digest
from appliance.archive.forget import forget_instances
from appliance.archive.senders import REHEARSAL_ADDRESS
from appliance.courier.destinations import Destination, Destinations
from appliance.courier.queue import Queue
from appliance.courier.rehearsals import Rehearsals, Step
from appliance.courier.shelf import PreviewShelf
from appliance.courier.uplink import ArchiveClient
from appliance.dicom.rehearsal import PHANTOM_ID, PHANTOM_NAME, REHEARSAL_AE
from appliance.errors import BuckyError
from appliance.imaging.sameness import digests_apart
from appliance.peer_errors import CannotConfirm

LOOK_S = 5.0
READER_TIMEOUT_S = 180.0
TROUBLE_PATIENCE_S = 20.0
"""A line in trouble may mend within so long; then it is told."""
_SHOWN_TIMEOUT_S = 60.0
_POLL_S = 0.2
_SCALE = 0.05  # of the phantom: some 20 KB
_STUDY_UID = "rehearsal_study"


class RehearsalFailed(BuckyError):
    """A stretch of the way did not go well."""

    code = "rehearsal-failed"
    message = "{words}"
    hint = "{advice}"


@dataclass(frozen=True)
class OwnDoor:
    """Where the simulated X-ray unit sends to; `port` is None while the receiver does not listen."""

    host: str
    ae_title: Callable[[], str]
    port: Callable[[], int | None]


class RehearsalWorker:
    """Rehearses before opening hours, and when somebody asks."""

    def __init__(
        self,
        *,
        rehearsals: Rehearsals,
        database: Database,
        blobs: BlobStore,
        shelf: PreviewShelf,
        queue: Queue,
        destinations: Destinations,
        client_for: Callable[[Destination], ArchiveClient],
        door: OwnDoor,
    ) -> None:
        self._rehearsals = rehearsals
        self._database = database
        self._blobs = blobs
        self._shelf = shelf
        self._queue = queue
        self._destinations = destinations
        self._client_for = client_for
        self._door = door

    def run_once(self) -> float:
        """Rehearse if it is time."""
        asked_by = self._rehearsals.wanted_by()
        if asked_by is None:
            return LOOK_S
        self._clear()
        rehearsal_id, steps = self._rehearsals.begin(asked_by), list[Step]()
        for step in self._walk():
            steps.append(step)
            self._rehearsals.note(rehearsal_id, steps, ended=False)
        self._rehearsals.note(rehearsal_id, steps, ended=True)
        self._clear()
        return 0.0

    def _walk(self) -> Iterator[Step]:
        """Stretch by stretch; without a picture on the box nothing can go further."""
        phantom = self._phantom()
        yield (sent := _walked("X-ray unit to box", lambda: self._expose(phantom)))
        if not sent.good:
            return
        row = self._row(phantom)
        yield _walked("On the page", lambda: self._see(row))
        for destination in self._destinations.all():
            yield _walked(f"To {destination.name} and back", partial(self._visit, row, phantom, destination))

    def _phantom(self) -> Dataset:
        """One small picture; always of the same study, so that a reader's archive gets no new patient each day."""
        from appliance.phantom.dataset import phantom_study  # numpy's pictures and pynetdicom once a day only
        from appliance.phantom.patient import PERSON

        person = replace(PERSON, name=PHANTOM_NAME, id=PHANTOM_ID, birth_date="", age="", weight="", sex="O")
        (ds,) = phantom_study("cervical-spine", scale=_SCALE, patient=person)
        uid = self._database.setting(_STUDY_UID)
        if uid is None:
            uid = str(generate_uid(prefix=None))
            self._database.set_setting(_STUDY_UID, uid)
        ds.StudyInstanceUID, ds.QualityControlSubject, ds.QualityControlImage = uid, "YES", "YES"
        ds.StudyDescription, ds.AccessionNumber = "Rehearsal, no patient", ""
        return ds

    def _expose(self, phantom: Dataset) -> str:
        from appliance.phantom.unit import send

        port = self._door.port()
        if port is None:
            raise RehearsalFailed(words="The receiver does not answer.", advice="Switch the box off and on.")
        self._database.set_setting(REHEARSAL_ADDRESS, self._door.host)
        (status,) = send([phantom], self._door.host, port, calling_ae=REHEARSAL_AE, called_ae=self._door.ae_title())
        if status != 0:
            advice = "Look at the disk and the X-ray unit’s door on the status page."
            raise RehearsalFailed(words=f"The box refused the picture (0x{status:04X}).", advice=advice)
        path = self._blobs.path(self._row(phantom).dataset_sha256)
        if dataset_digest(path) != path.stem or dcmread(path).PixelData != phantom.PixelData:
            raise RehearsalFailed(words="What the box kept is not what was sent.", advice="Call support.")
        return "A picture came in and was kept as it was sent."

    def _row(self, phantom: Dataset) -> "_Row":
        sql = "SELECT id, dataset_sha256, preview_state FROM instance WHERE sop_instance_uid = ? AND quarantined = 1"
        row = self._database.read.conn.execute(sql, [str(phantom.SOPInstanceUID)]).fetchone()
        if row is None:
            raise RehearsalFailed(words="The box took the picture, but does not list it.", advice="Call support.")
        return _Row(*row)

    def _see(self, row: "_Row") -> str:
        sql = "SELECT preview_state FROM instance WHERE id = ?"
        ready = _wait(
            lambda: self._database.read.conn.execute(sql, [row.id]).fetchone()[0] != "waiting", _SHOWN_TIMEOUT_S
        )
        if not ready or not self._shelf.thumbnail(row.id).exists():
            raise RehearsalFailed(words="The picture could not be made ready for the page.", advice="Call support.")
        return "The picture is ready to be looked at."

    def _visit(self, row: "_Row", phantom: Dataset, destination: Destination) -> str:
        """Through the queue as any picture, at any hour, until the reader confirms it; then back from there."""
        if destination.paused:
            return "Left out: sending there is paused."
        self._queue.add(row.id, destination.id)
        self._destinations.kick(destination.id)  # a rest after an earlier failure is not what is rehearsed
        began = time.monotonic()

        def is_decided() -> bool:
            found = self._queue.outcome(row.id, destination.id)
            hopeless = found.state == "parked" or found.code == CannotConfirm.code
            in_trouble = found.code is not None or self._destinations.get(destination.id).trouble is not None
            patient = time.monotonic() - began < TROUBLE_PATIENCE_S
            return found.state == "verified" or hopeless or (in_trouble and not patient)

        _wait(is_decided, READER_TIMEOUT_S)
        found = self._queue.outcome(row.id, destination.id)
        if found.state != "verified":
            trouble = self._destinations.get(destination.id).trouble
            words = found.message or (trouble.message if trouble else "The picture was not confirmed in time.")
            advice = found.hint or (trouble.hint if trouble else "Check the line to the internet.")
            raise RehearsalFailed(words=words, advice=advice)
        return self._back(row, phantom, destination)

    def _back(self, row: "_Row", phantom: Dataset, destination: Destination) -> str:
        with self._blobs.scratch() as fetched:
            try:
                with fetched.open("wb") as file:
                    self._client_for(destination).fetch(
                        str(phantom.StudyInstanceUID), str(phantom.SeriesInstanceUID), str(phantom.SOPInstanceUID), file
                    )
            except BuckyError:
                if destination.protocol == "dimse":
                    return "It was taken and confirmed. This archive gives no pictures back."
                raise
            return self._compared(fetched, self._blobs.path(row.dataset_sha256))

    def _compared(self, fetched: Path, ours: Path) -> str:
        if dataset_digest(fetched) == ours.stem:
            return "It was taken, confirmed, and came back bit for bit."
        theirs, own = digests_apart([fetched, ours])
        if theirs is None or theirs != own:
            advice = "Call the reader’s support: their archive changes pictures."
            raise RehearsalFailed(words="What came back is another picture.", advice=advice)
        return "It was taken, confirmed, and came back with the same pixels."

    def _clear(self) -> None:
        """Take the phantom out; one whose preview is being made stays until the next time."""
        sql = (
            "SELECT instance.id FROM instance JOIN sender ON sender.id = sender_id WHERE sender.name = ?"
            " AND sender.address = ? AND quarantined = 1 AND preview_state <> 'waiting'"
        )
        rows = self._database.read.conn.execute(sql, [REHEARSAL_AE, self._door.host]).fetchall()
        if rows:
            forget_instances(self._database, self._blobs, [row[0] for row in rows], self._shelf.forget)


@dataclass(frozen=True)
class _Row:
    """The phantom in the index."""

    id: int
    dataset_sha256: str
    preview_state: str


def _walked(name: str, walk: Callable[[], str]) -> Step:
    """A stretch, with how it went."""
    began = time.monotonic()
    try:
        words, advice, good = walk(), "", True
    except BuckyError as error:
        words, advice, good = error.text, error.advice, False
    return Step(name, good, words, advice, round(1000 * (time.monotonic() - began)))


def _wait(look: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if look():
            return True
        time.sleep(_POLL_S)
    return False
