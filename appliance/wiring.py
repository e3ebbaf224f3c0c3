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
    from appliance.archive.senders import Senders
    from appliance.courier.crew import Crew
    from appliance.courier.destinations import Destination, Destinations
    from appliance.courier.previews import PreviewShelf
    from appliance.courier.queue import Queue
    from appliance.courier.requests import Requests
    from appliance.courier.uplink import ArchiveClient
    from appliance.dimse.listener import Listener
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

        return Senders(self.database)

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
        from appliance.archive.search import Search
        from appliance.dimse.listener import Listener
        from appliance.dimse.policy import Policy
        from appliance.dimse.query import Query
        from appliance.dimse.retrieve import Retrieve
        from appliance.dimse.sending import Sending

        ae_title, policy, search = self.settings.ae_title, Policy(self.senders), Search(self.database)
        query = Query(ae_title=ae_title, policy=policy, search=search, log=log)
        retrieve = Retrieve(
            ae_title=ae_title,
            policy=policy,
            senders=self.senders,
            search=search,
            sending=Sending(self.blobs),
            log=log,
        )
        return Listener(ae_title=ae_title, intake=self.intake, policy=policy, log=log, services=[query, retrieve])

    def crew(self, log: Log) -> "Crew":
        """The courier's loops; an unexpected error ends the process, and the supervisor starts it again."""
        from appliance.courier.crew import Crew, RoutingWorker
        from appliance.courier.delivery import DeliveryWorker
        from appliance.courier.loop import Worker
        from appliance.courier.previews import PreviewWorker
        from appliance.courier.results import ResultsWorker
        from appliance.courier.uplink import Uplink

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
            steady={"previews": PreviewWorker(self.catalogue, self.shelf), "routing": RoutingWorker(self.queue)},
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
