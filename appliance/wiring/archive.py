"""The archive: database, files, index, and who may send."""

import hashlib
import secrets
from functools import cached_property
from typing import TYPE_CHECKING

from appliance.settings import Settings
from appliance.wiring.folder import prepare_folder

if TYPE_CHECKING:
    from appliance.archive.blobs import BlobStore
    from appliance.archive.catalogue import Catalogue
    from appliance.archive.copies import Copies
    from appliance.archive.correction import Corrections
    from appliance.archive.database import ChangeWatch, Database
    from appliance.archive.finder import Finder
    from appliance.archive.intake import Intake
    from appliance.archive.refusals import Refusals
    from appliance.archive.repairs import Repairs
    from appliance.archive.senders import Senders
    from appliance.archive.set_aside import SetAside
    from appliance.archive.workshop import Workshop


class ArchiveParts:
    """What stands directly on the data folder."""

    settings: Settings

    @cached_property
    def database(self) -> "Database":
        from appliance.archive.database import Database

        prepare_folder(self.settings.data)
        return Database(self.settings.data / "bucky.sqlite")

    @cached_property
    def blobs(self) -> "BlobStore":
        from appliance.archive.blobs import BlobStore

        return BlobStore(self.settings.data, reserve_bytes=self.settings.disk_reserve_mb * 2**20)

    @cached_property
    def intake(self) -> "Intake":
        from appliance.archive.intake import Intake

        return Intake(self.database, self.blobs)

    @cached_property
    def catalogue(self) -> "Catalogue":
        from appliance.archive.catalogue import Catalogue

        return Catalogue(self.database, self.blobs)

    @cached_property
    def finder(self) -> "Finder":
        from appliance.archive.finder import Finder

        return Finder(self.database)

    @cached_property
    def removals(self) -> "SetAside":
        from appliance.archive.set_aside import SetAside

        return SetAside(self.database, self.blobs)

    @cached_property
    def corrections(self) -> "Corrections":
        from appliance.archive.correction import Corrections

        return Corrections(self.catalogue, self.repaired, self.intake, self.removals)

    @cached_property
    def workshop(self) -> "Workshop":
        from appliance.archive.workshop import Workshop

        return Workshop()

    @cached_property
    def repaired(self) -> "Copies":
        from appliance.archive.copies import Copies

        return Copies(self.settings.data / "repaired", self.database, self.blobs, self.workshop)

    @cached_property
    def repairs(self) -> "Repairs":
        from appliance.archive.repairs import Repairs

        return Repairs(self.database, self.blobs)

    @cached_property
    def senders(self) -> "Senders":
        from appliance.archive.senders import Senders

        return Senders(
            self.database,
            quarantine_max_instances=self.settings.quarantine_max_instances,
            quarantine_max_mb=self.settings.quarantine_max_mb,
        )

    @cached_property
    def refusals(self) -> "Refusals":
        from appliance.archive.refusals import Refusals

        return Refusals(self.database)

    @cached_property
    def watch(self) -> "ChangeWatch":
        from appliance.archive.database import ChangeWatch

        return ChangeWatch(self.database)

    @cached_property
    def box_id(self) -> str:
        """Four hex digits that tell this box from others on the network; made once."""
        known = self.database.setting("box_id")
        if known is None:
            known = secrets.token_hex(2)
            self.database.set_setting("box_id", known)
        return known

    @cached_property
    def secret_key(self) -> bytes:
        """Signs sessions; made once."""
        known = self.database.setting("secret_key")
        if known is None:
            known = secrets.token_hex(32)
            self.database.set_setting("secret_key", known)
        return hashlib.sha256(known.encode()).digest()
