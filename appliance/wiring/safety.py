"""What keeps pictures safe: recovery, checks, notices, backups."""

from functools import cached_property
from typing import TYPE_CHECKING

from appliance.wiring.folder import prepare_folder
from appliance.wiring.reading import ReadingParts

if TYPE_CHECKING:
    from appliance.archive.backup import Backup
    from appliance.archive.check import Checker
    from appliance.archive.damage import Damages
    from appliance.archive.notices import Notices
    from appliance.archive.retention import Recalls, Retention
    from appliance.archive.space import Space
    from appliance.archive.vault import RecoveryKeys
    from appliance.courier.loop import Worker
    from appliance.courier.recovering import FromReader
    from appliance.courier.refetch import Refetch


class SafetyParts(ReadingParts):
    """Recovery at the start, and what watches over the files."""

    def recover(self) -> int:
        """Put right what the last stop left, before anything else opens the database; returns leftovers removed."""
        from appliance.archive import wipe
        from appliance.archive.recovery import recover_index

        prepare_folder(self.settings.data)
        if wipe.is_pending(self.settings.data):
            wipe.finish(self.settings.data)
        recover_index(self.settings.data / "bucky.sqlite", self.blobs)
        removed = self.blobs.remove_leftovers()
        if removed:
            self.notices.note("leftovers-removed", removed)
        return removed

    def reconcile(self) -> dict[str, int]:
        """Bring files and rows together; returns how many of each notice there were."""
        from appliance.archive.recovery import reconcile

        return reconcile(self.database, self.blobs)

    def remember_how_to_reach(self, dicom_port: int, dicom_tls_port: int | None) -> None:
        """Keep what the X-ray unit has typed in, for a restore."""
        from appliance.archive.reach import remember_how_to_reach

        ports = {"dicom_port": dicom_port} | ({"dicom_tls_port": dicom_tls_port} if dicom_tls_port else {})
        remember_how_to_reach(self.database, {"ae_title": self.settings.ae_title, **ports})

    @cached_property
    def notices(self) -> "Notices":
        from appliance.archive.notices import Notices

        return Notices(self.database)

    @cached_property
    def damages(self) -> "Damages":
        from appliance.archive.damage import Damages

        return Damages(self.database)

    @cached_property
    def checker(self) -> "Checker":
        from appliance.archive.check import Checker

        return Checker(self.database, self.blobs)

    @cached_property
    def recovery_keys(self) -> "RecoveryKeys":
        from appliance.archive.vault import RecoveryKeys

        return RecoveryKeys(self.database)

    @cached_property
    def backup(self) -> "Backup":
        from appliance.archive.backup import Backup

        return Backup(self.database, self.blobs, self.checker, self.recovery_keys)

    @cached_property
    def refetch(self) -> "Refetch":
        from appliance.courier.refetch import Refetch

        return Refetch(
            database=self.database, blobs=self.blobs, destinations=self.destinations, client_for=self.client_for
        )

    @cached_property
    def from_reader(self) -> "FromReader":
        from appliance.courier.recovering import FromReader

        return FromReader(database=self.database, intake=self.intake, client_for=self.client_for)

    @cached_property
    def retention(self) -> "Retention":
        from appliance.archive.retention import Retention

        return Retention(self.database, self.blobs)

    @cached_property
    def recalls(self) -> "Recalls":
        from appliance.archive.retention import Recalls

        return Recalls(self.database)

    def space(self) -> "Space":
        """Room on the disk now."""
        from appliance.archive.space import measure

        return measure(self.database, self.blobs)

    def keepers(self) -> "dict[str, Worker]":
        """The courier's loops that keep pictures safe."""
        from appliance.courier import keeping
        from appliance.courier.healing import HealingWorker, ProofWorker

        healing = HealingWorker(self.damages, self.refetch, self.destinations, self.blobs, self.notices)
        return {
            "healing": healing,
            "proofs": ProofWorker(self.database, self.blobs),
            "retention": keeping.RetentionWorker(self.retention, self.refetch, self.client_for),
            "recall": keeping.RecallWorker(self.recalls, self.refetch, self.database),
            "check": keeping.CheckWorker(self.checker),
            "copy": keeping.CopyWorker(self.database, self.blobs),
            "backup": keeping.BackupWorker(self.backup, self.database.setting),
        }
