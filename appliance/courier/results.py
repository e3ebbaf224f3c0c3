"""Looks at a destination for what readers added to delivered studies, and brings it into the archive."""

from appliance.archive.blobs import Provenance
from appliance.archive.catalogue import Catalogue
from appliance.archive.intake import Intake
from appliance.archive.part10 import Part10Sink
from appliance.clock import stamp
from appliance.courier.delivery import ClientFor
from appliance.courier.destinations import Destination, Destinations
from appliance.courier.requests import ReadingRequest, Requests
from appliance.courier.uplink import ArchiveClient, RemoteInstance, backoff_s
from appliance.errors import DiskFull, NotDicom, NotFound, PeerError
from appliance.validators import valid_uid

IDLE_S = 5.0
_SR = "1.2.840.10008.5.1.4.1.1.88."  # every structured report, key object selection (.59) included
_PRESENTATION_STATE = "1.2.840.10008.5.1.4.1.1.11."
_ENCAPSULATED_DOCUMENT = "1.2.840.10008.5.1.4.1.1.104."
RESULT_CLASSES = (_SR, _PRESENTATION_STATE, _ENCAPSULATED_DOCUMENT)


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
        client_for: ClientFor,
    ) -> None:
        self._destination_id = destination_id
        self._destinations = destinations
        self._requests = requests
        self._catalogue = catalogue
        self._intake = intake
        self._client_for = client_for
        self._client: ArchiveClient | None = None
        self._failures = 0

    def run_once(self) -> float | None:
        """Look for the results of one study."""
        try:
            destination = self._destinations.get(self._destination_id)
        except NotFound:
            return None
        request = None if destination.paused else self._requests.due_for_a_look(destination.id)
        if request is None:
            return IDLE_S
        if self._client is None:
            self._client = self._client_for(destination)
        try:
            found = self._look(request, destination, self._client)
        except PeerError as error:
            self._destinations.troubled(destination.id, error)
            return self._look_later(request)
        except (DiskFull, OSError):  # this box's own disk; the destination is not to blame, and the result stays there
            return self._look_later(request)
        self._failures = 0
        self._requests.looked(request, found=found)
        return 0.0

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
        return bool(news)

    def _bring(
        self, study_instance_uid: str, remote: RemoteInstance, destination: Destination, client: ArchiveClient
    ) -> None:
        sink = Part10Sink(self._intake, Provenance("result", destination.name, "", stamp()))
        series_instance_uid = valid_uid(remote.series_instance_uid)
        try:
            client.fetch(study_instance_uid, series_instance_uid, valid_uid(remote.sop_instance_uid), sink)
            sink.finish()
        except NotDicom as error:
            raise UnreadableResult from error
        finally:
            sink.discard()

    def _look_later(self, request: ReadingRequest) -> float:
        self._failures += 1
        self._requests.look_later(request, backoff_s(self._failures + 2))
        return 0.0


class UnreadableResult(PeerError):
    """What the far side gave as a result is not a usable DICOM object."""

    code = "unreadable-result"
    message = "The reader's service has a result for this study that cannot be read."
    hint = "Ask the reader to send the report again."
