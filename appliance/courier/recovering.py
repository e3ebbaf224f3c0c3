"""Everything that a reader's archive has, brought to a box that lost its own and has no backup."""

from collections.abc import Callable
from dataclasses import dataclass

from appliance.archive.blobs import Provenance
from appliance.archive.database import Database
from appliance.archive.intake import Intake
from appliance.archive.part10 import Part10Sink
from appliance.clock import stamp
from appliance.courier.destinations import Destination
from appliance.courier.results import RESULT_CLASSES
from appliance.courier.uplink import ArchiveClient, RemoteInstance
from appliance.errors import BuckyError, DiskFull, NotDicom
from appliance.validators import valid_uid

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Brought:
    """What came of it; `refused` objects could not be brought."""

    studies: int
    instances: int
    refused: int


class FromReader:
    """Takes all studies of one destination into the archive; running it again brings only what is missing."""

    def __init__(
        self, *, database: Database, intake: Intake, client_for: Callable[[Destination], ArchiveClient]
    ) -> None:
        self._database = database
        self._intake = intake
        self._client_for = client_for

    def all_of(
        self, destination: Destination, institution: str | None = None, progress: Progress = lambda done, total: None
    ) -> Brought:
        """All studies, or those of one institution; raises PeerError if the archive cannot be asked, DiskFull."""
        client = self._client_for(destination)
        studies = client.studies(institution)
        instances = refused = 0
        for number, study_instance_uid in enumerate(studies):
            for remote in client.instances(study_instance_uid):
                done = self._bring(study_instance_uid, remote, destination, client)
                instances += done
                refused += not done
            progress(number + 1, len(studies))
        return Brought(len(studies), instances, refused)

    def _bring(
        self, study_instance_uid: str, remote: RemoteInstance, destination: Destination, client: ArchiveClient
    ) -> bool:
        known = "SELECT 1 FROM instance WHERE sop_instance_uid = ? AND file_state = 'here'"
        if self._database.read.conn.execute(known, [remote.sop_instance_uid]).fetchone():
            return True
        is_result = (remote.sop_class_uid or "").startswith(RESULT_CLASSES)
        kind = "result" if is_result else "import"
        sink = Part10Sink(self._intake, Provenance(kind, destination.name, "", stamp()))
        try:
            series, instance = valid_uid(remote.series_instance_uid), valid_uid(remote.sop_instance_uid)
            client.fetch(study_instance_uid, series, instance, sink)
            receipt = sink.finish()
        except DiskFull:
            raise
        except (BuckyError, NotDicom, ValueError):
            return False
        finally:
            sink.discard()
        if not is_result:
            self._note_there(receipt.instance_id, destination)
        return True

    def _note_there(self, instance_id: int, destination: Destination) -> None:
        """It came from there, so it is there: it is not sent again."""
        with self._database.write() as db:
            db.conn.execute("UPDATE instance SET routed = 1 WHERE id = ?", [instance_id])
            db.conn.execute(
                "INSERT INTO delivery (destination_id, instance_id, state, next_attempt_at, verified_at)"
                " VALUES (?, ?, 'verified', ?, ?) ON CONFLICT DO NOTHING",
                [destination.id, instance_id, stamp(), stamp()],
            )
