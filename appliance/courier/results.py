"""Looks at a destination for what readers added to delivered studies, and brings it into the archive.

The box only ever calls out. Events of the reader's worklist are hints that something is new; what is there is found by
query, at once after a hint, when the line is back, and every five minutes in any case.
"""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from appliance.archive.blobs import BlobStore, Provenance
from appliance.archive.catalogue import Catalogue
from appliance.archive.database import Database
from appliance.archive.digest import dataset_digest
from appliance.archive.intake import Intake
from appliance.archive.part10 import take_file
from appliance.clock import stamp
from appliance.courier.delivery import ClientFor
from appliance.courier.destinations import Destination, Destinations
from appliance.courier.requests import ReadingRequest, Requests
from appliance.courier.uplink import ArchiveClient, RemoteInstance, backoff_s
from appliance.errors import DiskFull, NotDicom, NotFound, PeerError
from appliance.reading.arrival import Sent
from appliance.reading.casebook import Casebook, ReadingCase
from appliance.reading.documents import Documents
from appliance.validators import valid_uid

IDLE_S = 5.0
EVENTS_S = 2.0  # between two short questions, only while a case is open there; 0.6 KB each
_SR = "1.2.840.10008.5.1.4.1.1.88."  # every structured report, key object selection (.59) included
_PRESENTATION_STATE = "1.2.840.10008.5.1.4.1.1.11."
_ENCAPSULATED_DOCUMENT = "1.2.840.10008.5.1.4.1.1.104."
RESULT_CLASSES = (_SR, _PRESENTATION_STATE, _ENCAPSULATED_DOCUMENT)
_CANCEL_ASKED = "CANCEL ASKED"


class FarWorkitem(Protocol):
    """What a reader's worklist says of a case."""

    @property
    def state(self) -> str: ...
    @property
    def started_at(self) -> str | None: ...
    @property
    def due_at(self) -> str | None: ...
    @property
    def pause_reason(self) -> str | None: ...


class FarWorklist(Protocol):
    """A reader's worklist; every method makes one attempt and raises PeerError."""

    def get(self, workitem_uid: str) -> FarWorkitem | None: ...
    def cancel(self, workitem_uid: str, reason: str) -> bool: ...
    def subscribe(self, ae_title: str) -> bool: ...
    def events(self, ae_title: str, after: int) -> tuple[int, Sequence[str]]: ...


class Follower:
    """Follows the open cases of one destination on the reader's worklist."""

    def __init__(
        self, destination_id: int, *, database: Database, casebook: Casebook, requests: Requests, ae_title: str
    ) -> None:
        self._destination_id = destination_id
        self._database = database
        self._casebook = casebook
        self._requests = requests
        self._ae_title = ae_title
        self._subscribed = False
        self._next_at = 0.0
        self._key = f"events-of-destination-{destination_id}"

    @property
    def wanted(self) -> bool:
        """Whether a case is open there, so that an event may come."""
        return any(case.announced == "created" for case in self._casebook.open(self._destination_id))

    def seconds_until_due(self) -> float:
        """When to ask next."""
        return max(0.0, self._next_at - time.monotonic())

    def lost(self) -> None:
        """The line broke: subscribe and reconcile when it is back."""
        self._subscribed = False

    def ask(self, worklist: FarWorklist) -> None:
        """Ask for events, and look at once for what they hint at; raises PeerError."""
        self._next_at = time.monotonic() + EVENTS_S
        if not self._subscribed:
            worklist.subscribe(self._ae_title)
            self._requests.look_now(self._destination_id)
            self._subscribed = True
        known = int(self._database.setting(self._key) or 0)
        last, workitem_uids = worklist.events(self._ae_title, known)
        if workitem_uids:
            self._requests.look_now(self._destination_id, workitem_uids)
        if last != known:
            self._database.set_setting(self._key, str(last))

    def look(self, study_id: int, worklist: FarWorklist) -> None:
        """Bring what the reader's worklist says of the cases of a study up to date; raises PeerError."""
        for case in self._casebook.of_study(study_id):
            if case.destination_id != self._destination_id or case.announced != "created":
                continue
            if case.state == "canceled" and case.far_state not in (_CANCEL_ASKED, "CANCELED", "COMPLETED"):
                worklist.cancel(case.workitem_uid, "withdrawn by the clinic")
                self._casebook.followed(case.id, far_state=_CANCEL_ASKED)
            elif case.is_open:
                self._follow(case, worklist)

    def _follow(self, case: ReadingCase, worklist: FarWorklist) -> None:
        far = worklist.get(case.workitem_uid)
        if far is None:
            return
        said = {
            "far_state": far.state,
            "started_at": far.started_at,
            "due_at": far.due_at,
            "pause_reason": far.pause_reason,
        }
        if any(getattr(case, name) != value for name, value in said.items()):
            self._casebook.followed(case.id, far_seen_at=stamp(), **said)
        if far.state == "CANCELED":
            self._casebook.withdraw(case.id)


class ResultsWorker:
    """One destination's answers."""

    def __init__(
        self,
        destination_id: int,
        *,
        destinations: Destinations,
        requests: Requests,
        catalogue: Catalogue,
        intake: Intake,
        blobs: BlobStore,
        client_for: ClientFor,
        documents: Documents,
        casebook: Casebook,
        follower: Follower,
        worklist_of: Callable[[ArchiveClient], FarWorklist | None],
    ) -> None:
        self._destination_id = destination_id
        self._destinations = destinations
        self._requests = requests
        self._catalogue = catalogue
        self._intake = intake
        self._blobs = blobs
        self._client_for = client_for
        self._documents = documents
        self._casebook = casebook
        self._follower = follower
        self._worklist_of = worklist_of
        self._client: ArchiveClient | None = None
        self._failures = 0
        self._not_before = 0.0

    def run_once(self) -> float | None:
        """Ask for events, then look for the results of one study."""
        try:
            destination = self._destinations.get(self._destination_id)
        except NotFound:
            return None
        if destination.paused:
            return IDLE_S
        if self._client is None:
            self._client = self._client_for(destination)
        self._ask_for_events(self._client)
        request = self._requests.due_for_a_look(destination.id)
        if request is None:
            return min(IDLE_S, self._follower.seconds_until_due() or EVENTS_S) if self._follower.wanted else IDLE_S
        try:
            found = self._look(request, destination, self._client)
        except PeerError as error:
            self._follower.lost()
            self._destinations.troubled(destination.id, error)
            return self._look_later(request)
        except (DiskFull, OSError):  # this box's own disk; the destination is not to blame, and the result stays there
            return self._look_later(request)
        self._failures = 0
        self._requests.looked(request, found=found)
        return 0.0

    def _ask_for_events(self, client: ArchiveClient) -> None:
        """A hint that does not come is no trouble: the look that is due tells of it."""
        worklist = self._worklist_of(client)
        if worklist is None or time.monotonic() < self._not_before:
            return
        if not self._follower.wanted or self._follower.seconds_until_due() > 0:
            return
        try:
            self._follower.ask(worklist)
        except PeerError:
            self._follower.lost()
            self._failures += 1
            self._not_before = time.monotonic() + backoff_s(min(self._failures, 4))

    def _look(self, request: ReadingRequest, destination: Destination, client: ArchiveClient) -> bool:
        study_instance_uid = self._catalogue.study(request.study_id).study_instance_uid
        known = {instance.sop_instance_uid for instance in self._catalogue.instances(request.study_id)}
        news = [
            remote
            for remote in client.instances(study_instance_uid)
            if remote.sop_instance_uid not in known and (remote.sop_class_uid or "").startswith(RESULT_CLASSES)
        ]
        for remote in news:
            self._bring(study_instance_uid, remote, destination, client)
        worklist = self._worklist_of(client)
        if worklist is not None:
            self._follower.look(request.study_id, worklist)
        self._documents.read_new(request.study_id)
        self._close_if_reported(request, destination)
        return bool(news)

    def _close_if_reported(self, request: ReadingRequest, destination: Destination) -> None:
        """A final report that came after the release ends the case."""
        for case in self._casebook.of_study(request.study_id):
            if not case.is_open or case.destination_id != destination.id:
                continue
            reported = any(
                d.is_report and d.from_far and d.status != "preliminary" and d.written_at > (case.released_at or "")
                for d in self._documents.of_study(request.study_id)
            )
            if reported and (case.announced != "created" or case.far_state == "COMPLETED"):
                self._casebook.completed(request.study_id, destination.id)

    def _bring(
        self, study_instance_uid: str, remote: RemoteInstance, destination: Destination, client: ArchiveClient
    ) -> None:
        """Fetch a result, have its digest confirmed by the far side's own word, and only then take it in."""
        series_instance_uid = valid_uid(remote.series_instance_uid)
        sop_instance_uid = valid_uid(remote.sop_instance_uid)
        with self._blobs.scratch() as path:
            with path.open("wb") as file:
                client.fetch(study_instance_uid, series_instance_uid, sop_instance_uid, file)
            try:
                came = Sent(
                    study_instance_uid=study_instance_uid,
                    series_instance_uid=series_instance_uid,
                    sop_instance_uid=sop_instance_uid,
                    sop_class_uid=remote.sop_class_uid or "",
                    digests=frozenset({dataset_digest(path)}),
                    files=(path,),
                )
                if client.confirm(came) is None:
                    raise UnreadableResult
                take_file(self._intake, path, Provenance("result", destination.name, "", stamp()))
            except NotDicom as error:
                raise UnreadableResult from error

    def _look_later(self, request: ReadingRequest) -> float:
        self._failures += 1
        self._requests.look_later(request, backoff_s(self._failures + 2))
        return 0.0


class UnreadableResult(PeerError):
    """What the far side gave as a result is not a usable DICOM object."""

    code = "unreadable-result"
    message = "The reader's service has a result for this study that cannot be read."
    hint = "Ask the reader to send the report again."
