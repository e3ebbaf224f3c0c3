"""Old phantoms of the clinics' rehearsals leave a reader's archive by themselves."""

from pydicom import dcmread

from appliance.archive.blobs import BlobStore
from appliance.archive.database import Database
from appliance.archive.forget import forget_instances
from appliance.clock import after
from appliance.courier.shelf import PreviewShelf
from appliance.dicom.rehearsal import PHANTOM_ID, is_phantom

KEPT_S = 86_400.0
_LOOK_S = 3600.0


class PhantomWorker:
    """Forgets what says twice that it is no patient, a day after it came."""

    def __init__(self, database: Database, blobs: BlobStore, shelf: PreviewShelf) -> None:
        self._database = database
        self._blobs = blobs
        self._shelf = shelf

    def run_once(self) -> float:
        """Forget the old ones."""
        rows = self._database.read.conn.execute(
            "SELECT instance.id, dataset_sha256 FROM instance JOIN study ON study.id = instance.study_id"
            " WHERE patient_id = ? AND quarantined = 0 AND preview_state <> 'waiting' AND instance.received_at < ?",
            [PHANTOM_ID, after(-KEPT_S)],
        ).fetchall()
        old = [row_id for row_id, digest in rows if self._is_phantom(digest)]
        if old:
            forget_instances(self._database, self._blobs, old, self._shelf.forget)
            with self._database.write() as db:
                db.conn.execute(
                    "UPDATE study SET instance_count = (SELECT count(*) FROM instance WHERE study_id = study.id"
                    " AND quarantined = 0) WHERE patient_id = ?",
                    [PHANTOM_ID],
                )
        return _LOOK_S

    def _is_phantom(self, digest: str) -> bool:
        path = self._blobs.path(digest)
        return path.exists() and is_phantom(dcmread(path, stop_before_pixels=True))
