"""The composition root: builds every object of every role, by keyword, from settings.

Imports stand inside the builders, so that a role loads only what it needs: the receiver no web framework, no numpy
and no image codec.
"""

import hashlib
import os
import secrets
import sys
import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.errors import FolderNotWritable
from appliance.logs import Log
from appliance.settings import Settings

if TYPE_CHECKING:
    from flask import Flask

    from appliance.accounts.people import Accounts
    from appliance.accounts.tokens import Tokens
    from appliance.archive.blobs import BlobStore
    from appliance.archive.catalogue import Catalogue
    from appliance.archive.database import ChangeWatch, Database
    from appliance.archive.intake import Intake
    from appliance.archive.refusals import Refusals
    from appliance.archive.senders import Sender, Senders
    from appliance.courier.crew import Crew
    from appliance.courier.destinations import Destination, Destinations
    from appliance.courier.previews import PreviewShelf
    from appliance.courier.queue import Queue
    from appliance.courier.requests import Requests
    from appliance.courier.uplink import ArchiveClient
    from appliance.dimse.listener import Listener, NetworkService
    from appliance.dimse.policy import Policy
    from appliance.dimse.tls import Contexts
    from appliance.exams.commitment import Commitments
    from appliance.exams.completeness import Completion
    from appliance.exams.procedure_steps import ProcedureSteps
    from appliance.exams.views import Protocols
    from appliance.exams.worklist import Worklist
    from appliance.reading.cases import Cases
    from appliance.reading.desk import Desk
    from webui.services import BoxFacts

_RECEIVER_DOES_WITHOUT = ("numpy", "PIL", "gdcm", "openjpeg", "jpeg_ls", "libjpeg", "imagecodecs", "flask")


def keep_receiver_lean() -> None:
    """Make imports of array and codec libraries fail in this process; pydicom then does without them.

    The receiver parses headers only. Decoders that crash on hostile pixels cannot take it down if they are not there,
    and its memory at rest is a third less.
    """
    for name in _RECEIVER_DOES_WITHOUT:
        sys.modules[name] = None  # type: ignore[assignment]  # the import system's own way to say "not here"


@dataclass
class Box:
    """The services over one data folder, each built when it is first asked for."""

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

    def tls_contexts(self, addresses: list[str]) -> "Contexts":
        """TLS of the DICOM services; makes the certificate of this box at the first run."""
        from appliance.dimse.tls import Contexts, ensure_certificate

        name = f"bucky-{self.box_id}"
        certificate, key = ensure_certificate(self.settings.data / "tls", common_name=name, addresses=addresses)
        return Contexts(certificate, key, self.senders)

    @cached_property
    def worklist(self) -> "Worklist":
        from appliance.exams.worklist import Worklist

        return Worklist(self.database)

    @cached_property
    def procedure_steps(self) -> "ProcedureSteps":
        from appliance.exams.procedure_steps import ProcedureSteps

        return ProcedureSteps(self.database)

    @cached_property
    def commitments(self) -> "Commitments":
        from appliance.exams.commitment import Commitments

        return Commitments(self.database, self.blobs)

    @cached_property
    def protocols(self) -> "Protocols":
        from appliance.exams.views import Protocols

        return Protocols(self.database)

    @cached_property
    def completion(self) -> "Completion":
        from appliance.exams.completeness import Completion

        return Completion(self.database, self.worklist, self.procedure_steps, self.protocols)

    @cached_property
    def accounts(self) -> "Accounts":
        from appliance.accounts.people import Accounts

        return Accounts(self.database)

    @cached_property
    def tokens(self) -> "Tokens":
        from appliance.accounts.tokens import Tokens

        return Tokens(self.database)

    @cached_property
    def destinations(self) -> "Destinations":
        from appliance.courier.destinations import Destinations

        return Destinations(self.database)

    @cached_property
    def queue(self) -> "Queue":
        from appliance.courier.queue import Queue

        return Queue(self.database)

    @cached_property
    def requests(self) -> "Requests":
        from appliance.courier.requests import Requests

        return Requests(self.database, self.catalogue)

    @cached_property
    def cases(self) -> "Cases":
        from appliance.reading.cases import Cases

        return Cases(self.database, self.catalogue)

    @cached_property
    def desk(self) -> "Desk":
        from appliance.reading.desk import Desk

        return Desk(self.catalogue, self.intake, self.cases)

    @cached_property
    def shelf(self) -> "PreviewShelf":
        from appliance.courier.previews import PreviewShelf

        return PreviewShelf(self.settings.data / "previews")

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

    def client_for(self, destination: "Destination") -> "ArchiveClient":
        """The client that speaks to a destination."""
        from appliance.dicomweb.client import DicomWebClient

        return DicomWebClient(destination.url, token=destination.token)

    def listener(self, log: Log) -> "Listener":
        """The receiver's application entity."""
        from appliance.dimse.door import Slots
        from appliance.dimse.listener import Listener
        from appliance.dimse.policy import Policy

        policy = Policy(self.senders, self.refusals)
        return Listener(
            ae_title=self.settings.ae_title,
            intake=self.intake,
            policy=policy,
            slots=Slots(self.senders),
            refusals=self.refusals,
            log=log,
            on_end=lambda studies: self.completion.note(studies, "association ended"),
            services=self._network_services(policy, log),
        )

    def _network_services(self, policy: "Policy", log: Log) -> "list[NetworkService]":
        """What the listener serves beside verification and storage."""
        from appliance.archive.search import Search
        from appliance.dimse.commitment import CommitmentService
        from appliance.dimse.procedure_steps import ProcedureStepService
        from appliance.dimse.query import Query
        from appliance.dimse.retrieve import Retrieve
        from appliance.dimse.sending import Sending
        from appliance.dimse.worklist import WorklistService

        ae_title, senders, search = self.settings.ae_title, self.senders, Search(self.database)
        sending = Sending(self.blobs)
        return [
            WorklistService(worklist=self.worklist, policy=policy, log=log),
            ProcedureStepService(steps=self.procedure_steps, policy=policy, log=log),
            CommitmentService(ae_title=ae_title, commitments=self.commitments, senders=senders, policy=policy, log=log),
            Query(ae_title=ae_title, policy=policy, search=search, log=log),
            Retrieve(ae_title=ae_title, policy=policy, senders=senders, search=search, sending=sending, log=log),
        ]

    def test_connection(self, sender: "Sender", port: int | None) -> None:
        """C-ECHO to a unit where it listens, and remember the port; raises BuckyError with what is wrong."""
        from appliance.dimse.echo import echo
        from appliance.errors import BadInput

        if port is None:
            raise BadInput(field="Port", reason="tell on which port the unit listens, e.g. 104")
        echo(calling_ae=self.settings.ae_title, called_ae=sender.name, address=sender.address, port=port)
        if port != sender.listen_port:
            self.senders.set_listen_port(sender.id, port)

    def crew(self, log: Log) -> "Crew":
        """The courier's loops; an unexpected error ends the process, and the supervisor starts it again."""
        from appliance.courier.crew import Crew, RoutingWorker
        from appliance.courier.delivery import DeliveryWorker
        from appliance.courier.loop import Worker
        from appliance.courier.previews import PreviewWorker
        from appliance.courier.results import ResultsWorker
        from appliance.courier.uplink import Uplink
        from appliance.exams.files import FolderWatch

        uplink = Uplink(self.queue, self.blobs)

        def for_destination(destination_id: int) -> dict[str, Worker]:
            delivery = DeliveryWorker(
                destination_id,
                destinations=self.destinations,
                queue=self.queue,
                requests=self.requests,
                uplink=uplink,
                client_for=self.client_for,
            )
            results = ResultsWorker(
                destination_id,
                destinations=self.destinations,
                requests=self.requests,
                catalogue=self.catalogue,
                intake=self.intake,
                client_for=self.client_for,
            )
            return {"delivery": delivery, "results": results}

        def on_error(error: BaseException) -> None:
            log.event("worker-ended", code=type(error).__name__)
            os._exit(1)

        return Crew(
            watch=self.watch,
            destinations=self.destinations,
            steady={
                "previews": PreviewWorker(self.catalogue, self.shelf),
                "routing": RoutingWorker(self.queue),
                "worklist": FolderWatch(self.worklist, self.settings.data / "worklist"),
            },
            for_destination=for_destination,
            on_error=on_error,
        )

    def app(self, facts: "BoxFacts", log: Log) -> "Flask":
        """The page and the DICOMweb service."""
        from appliance.archive.search import Search
        from appliance.dicomweb.service import create_blueprint
        from webui.app import create_app
        from webui.services import Services

        services = Services(
            facts=facts,
            catalogue=self.catalogue,
            senders=self.senders,
            refusals=self.refusals,
            worklist=self.worklist,
            protocols=self.protocols,
            completion=self.completion,
            test_connection=self.test_connection,
            accounts=self.accounts,
            tokens=self.tokens,
            destinations=self.destinations,
            queue=self.queue,
            requests=self.requests,
            cases=self.cases,
            desk=self.desk,
            shelf=self.shelf,
            watch=self.watch,
            setting=self.database.setting,
            probe=lambda destination: self.client_for(destination).probe(),
            log=log,
        )
        dicomweb = create_blueprint(
            catalogue=self.catalogue,
            search=Search(self.database),
            intake=self.intake,
            cases=self.cases,
            tokens=self.tokens,
            log=log,
        )
        return create_app(services, dicomweb)


def prepare_folder(folder: Path) -> None:
    """Make the data folder, for this user only; raises FolderNotWritable."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = folder / f".probe-{os.getpid()}-{threading.get_ident()}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise FolderNotWritable(path=folder, reason=(error.strerror or "unknown reason").lower()) from error
