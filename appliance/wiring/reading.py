"""Cases, both sides: destinations and their queue at the clinic, the desk at the reader."""

from functools import cached_property
from typing import TYPE_CHECKING

from appliance.wiring.exams import ExamParts

if TYPE_CHECKING:
    from appliance.courier.copies import Copies
    from appliance.courier.destinations import Destination, Destinations
    from appliance.courier.evidence import Evidence
    from appliance.courier.exports import Exports
    from appliance.courier.hand_over import HandOver
    from appliance.courier.links import LinkMaker, Links
    from appliance.courier.queue import Queue
    from appliance.courier.rehearsals import Rehearsals
    from appliance.courier.requests import Requests
    from appliance.courier.results import FarWorklist
    from appliance.courier.shelf import PreviewShelf
    from appliance.courier.uplink import ArchiveClient
    from appliance.reading.casebook import Casebook
    from appliance.reading.cases import Cases
    from appliance.reading.desk import Desk
    from appliance.reading.documents import Documents
    from appliance.reading.drafts import Drafts
    from appliance.reading.gate import CaseGate
    from appliance.reading.hanging import Hangings
    from appliance.reading.notices import Notices
    from appliance.reading.prices import Prices
    from appliance.reading.receipts import Signer
    from appliance.reading.shares import Shares
    from appliance.reading.study_marks import StudyMarks
    from appliance.reading.templates import Templates
    from appliance.reading.workitems import Workitems


class ReadingParts(ExamParts):
    """What is sent, asked and answered."""

    @cached_property
    def destinations(self) -> "Destinations":
        from appliance.courier.destinations import Destinations

        return Destinations(self.database)

    @cached_property
    def queue(self) -> "Queue":
        from appliance.courier.queue import Queue

        return Queue(self.database)

    @cached_property
    def copies(self) -> "Copies":
        from appliance.courier.copies import Copies

        return Copies(self.database, self.blobs, self.settings.data / "copies", self.repaired)

    @cached_property
    def links(self) -> "Links":
        from appliance.courier.links import Links

        return Links(self.database, self.destinations, self.link_maker_of)

    @cached_property
    def shares(self) -> "Shares":
        from appliance.reading.shares import Shares

        return Shares(self.database)

    def link_maker_of(self, destination: "Destination") -> "LinkMaker":
        """Who makes links at a destination; raises NoLinks for one that is no DICOMweb service."""
        from appliance.dicomweb.client import DicomWebClient
        from appliance.dicomweb.share_client import NoLinks, ShareClient

        client = self.client_for(destination)
        if not isinstance(client, DicomWebClient):
            raise NoLinks
        return ShareClient(client)

    @cached_property
    def rehearsals(self) -> "Rehearsals":
        from appliance.courier.rehearsals import Rehearsals

        return Rehearsals(self.database)

    @cached_property
    def evidence(self) -> "Evidence":
        from appliance.courier.evidence import Evidence

        return Evidence(self.database, self.procedure_steps)

    @cached_property
    def signer(self) -> "Signer":
        from appliance.reading.receipts import Signer

        return Signer(self.settings.data / "keys" / "receipt.key")

    def signed_receipt(self, study_instance_uid: str, sop_instance_uid: str | None = None) -> dict[str, str]:
        """What this archive holds of a study, or of one instance, signed by its own key."""
        from appliance.errors import NotFound
        from appliance.reading.receipts import Held

        try:
            found = self.catalogue.instances(self.catalogue.study_by_uid(study_instance_uid).id)
        except NotFound:
            found = []
        held = [
            Held(i.sop_instance_uid, i.dataset_sha256, i.size_bytes, i.received_at)
            for i in found
            if sop_instance_uid in (None, i.sop_instance_uid)
        ]
        return self.signer.receipt(study_instance_uid, self.database.setting("clinic_name") or "Bucky", held)

    @cached_property
    def casebook(self) -> "Casebook":
        from appliance.reading.casebook import Casebook

        return Casebook(self.database, self.catalogue, self.intake)

    @cached_property
    def gate(self) -> "CaseGate":
        from appliance.reading.gate import CaseGate

        return CaseGate(self.database)

    @cached_property
    def prices(self) -> "Prices":
        from appliance.reading.prices import Prices

        return Prices(self.database)

    @cached_property
    def documents(self) -> "Documents":
        from appliance.reading.documents import Documents

        return Documents(self.database, self.catalogue)

    @cached_property
    def drafts(self) -> "Drafts":
        from appliance.reading.drafts import Drafts

        return Drafts(self.database)

    @cached_property
    def templates(self) -> "Templates":
        from appliance.reading.templates import Templates

        return Templates(self.database)

    @cached_property
    def mail_notices(self) -> "Notices":
        from appliance.reading.notices import Notices

        return Notices(self.database, self.documents)

    @cached_property
    def requests(self) -> "Requests":
        from appliance.courier.requests import Requests

        return Requests(
            self.database,
            self.catalogue,
            intake=self.intake,
            casebook=self.casebook,
            gate=self.gate,
            prices=self.prices,
        )

    @cached_property
    def workitems(self) -> "Workitems":
        from appliance.reading.workitems import Workitems

        return Workitems(self.database)

    @cached_property
    def cases(self) -> "Cases":
        from appliance.reading.cases import Cases

        return Cases(self.catalogue, self.workitems, self.documents)

    @cached_property
    def desk(self) -> "Desk":
        from appliance.reading.desk import Desk

        return Desk(self.catalogue, self.intake, self.documents, self.workitems)

    @cached_property
    def study_marks(self) -> "StudyMarks":
        from appliance.reading.study_marks import StudyMarks

        return StudyMarks(self.catalogue, self.intake)

    @cached_property
    def hangings(self) -> "Hangings":
        from appliance.reading.hanging import Hangings

        return Hangings(self.database)

    @cached_property
    def shelf(self) -> "PreviewShelf":
        from appliance.courier.shelf import PreviewShelf

        return PreviewShelf(
            self.settings.data / "previews",
            copies_max_mb=self.settings.copies_max_mb,
            reserve_mb=self.settings.disk_reserve_mb,
        )

    @cached_property
    def exports(self) -> "Exports":
        from appliance.courier.exports import Exports

        return Exports(self.database, self.settings.data / "exports")

    @cached_property
    def hand_over(self) -> "HandOver":
        from appliance.courier.hand_over import HandOver

        return HandOver(self.catalogue, self.desk, lambda: self.database.setting("clinic_name") or "")

    def client_for(self, destination: "Destination", *, limit_bytes_s: int | None = None) -> "ArchiveClient":
        """The client that speaks to a destination."""
        from appliance.wiring.lines import client_for

        return client_for(self, destination, limit_bytes_s=limit_bytes_s)

    @staticmethod
    def worklist_of(client: "ArchiveClient") -> "FarWorklist | None":
        """The worklist service beside an archive; None beside one that has none (DIMSE)."""
        from appliance.dicomweb.client import DicomWebClient
        from appliance.dicomweb.ups_client import UpsClient

        return UpsClient(client) if isinstance(client, DicomWebClient) else None
