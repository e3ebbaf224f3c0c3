"""A reader service: one front, and for each clinic an archive of its own."""

import json
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from appliance.logs import Log
from appliance.reading.clinics import HOUSE, Clinic, Clinics
from appliance.reading.reading_clock import DEFAULT_HOURS, ReadingClock
from appliance.wiring.box import Box
from appliance.wiring.courier import archive_workers, end_process
from appliance.wiring.web import build_app, build_dicomweb, build_services

if TYPE_CHECKING:
    from flask import Flask

    from appliance.accounts.tokens import Token
    from appliance.courier.crew import Crew
    from appliance.courier.loop import Worker
    from appliance.reading.story import Urgency
    from webui.services import BoxFacts


NOBODY = -1
ARCHIVE = "Shared archive"
STAY_DAYS = 1


class ReaderService:
    """The boxes of all clinics, each opened when it is first needed."""

    def __init__(self, house: Box) -> None:
        self.house = house
        self.clinics = Clinics(house.database, house.settings.data)
        self._boxes = {HOUSE: house}
        self._lock = threading.Lock()

    def box(self, clinic_id: int) -> Box:
        """The archive of a clinic; raises NotFound."""
        with self._lock:
            if clinic_id not in self._boxes:
                self.clinics.get(clinic_id)
                settings = replace(self.house.settings, data=self.clinics.folder(clinic_id))
                self._boxes[clinic_id] = Box(settings)
            return self._boxes[clinic_id]

    def all(self) -> list[tuple[Clinic, Box]]:
        """Every clinic with its archive, the service's own last."""
        house = Clinic(HOUSE, self.house.database.setting("clinic_name") or "This service", "")
        return [*((c, self.box(c.id)) for c in self.clinics.all()), (house, self.house)]

    def of_token(self, text: str) -> int | None:
        """The clinic whose credential this is."""
        token = self.house.tokens.verify(text)
        return None if token is None else self.clinics.ensure(token.clinic or token.name).id

    def version(self) -> str:
        """A text that differs from the last one if anything was committed in any clinic."""
        return "|".join(box.watch.version() for _, box in self.all())

    def hours(self) -> Mapping["Urgency", float]:
        """How long a reading may take, by urgency."""
        known = json.loads(self.house.database.setting("reading_hours") or "{}")
        return {**DEFAULT_HOURS, **known}

    def clock(self, box: Box) -> ReadingClock:
        """The reading clock of one clinic."""
        return ReadingClock(box.workitems, box.catalogue, box.documents, self.hours)


class ClinicTokens:
    """The tokens of one clinic, as its DICOMweb service sees them: those of others do not exist."""

    def __init__(self, service: ReaderService, clinic_id: int) -> None:
        self._service = service
        self._clinic_id = clinic_id

    def verify(self, text: str) -> "Token | None":
        """The token with this text if it is one of this clinic's."""
        return self._service.house.tokens.verify(text) if self._service.of_token(text) == self._clinic_id else None


class ReaderApps:
    """The pages and DICOMweb service of each clinic."""

    def __init__(self, service: ReaderService, facts: "BoxFacts", log: Log) -> None:
        self._service = service
        self._facts = facts
        self._log = log
        self._apps: dict[int, Flask] = {}
        self._lock = threading.Lock()

    def of_clinic(self, clinic_id: int) -> "Flask":
        """Made when it is first asked for; raises NotFound."""
        with self._lock:
            if clinic_id not in self._apps:
                box, house = self._service.box(clinic_id), self._service.house
                tokens = ClinicTokens(self._service, clinic_id)
                self._apps[clinic_id] = build_app(
                    box, self._facts, self._log, house=house, tokens=tokens, place=f"/clinics/{clinic_id}"
                )
            return self._apps[clinic_id]

    def of_token(self, text: str) -> "Flask | None":
        """The app of the clinic whose credential this is."""
        clinic_id = self._service.of_token(text)
        return None if clinic_id is None else self.of_clinic(clinic_id)


def build_reader_app(box: Box, facts: "BoxFacts", log: Log) -> "Flask":
    """The front of a reader service, and behind it the pages of each clinic."""
    from webui.app import create_app
    from webui.reader.door import ClinicDoor
    from webui.reader.front import create as create_front

    service = ReaderService(box)
    services = replace(build_services(box, facts, log), watch=service, shares=None)
    dicomweb = build_dicomweb(box, ClinicTokens(service, NOBODY), log, box.trail)
    front = create_app(services, dicomweb, create_front(services, service))
    front.wsgi_app = ClinicDoor(front.wsgi_app, ReaderApps(service, facts, log))  # type: ignore[method-assign]  # Flask's own place for what stands around it
    return front


def keep_elsewhere(box: Box) -> "dict[str, Worker]":
    """Keep a clinic's pictures in the archive that the service was given: they are delivered there as from any box,
    proved by their content, and leave the disk here after a day; what somebody opens comes back."""
    from appliance.archive.retention import ANY_KIND, Rules
    from appliance.courier.crew import RoutingWorker
    from appliance.errors import NotFound
    from appliance.wiring.courier import destination_workers

    try:
        archive = box.destinations.by_name(ARCHIVE)
    except NotFound:
        archive = box.destinations.add(ARCHIVE, box.settings.archive_url, auto=True)
    if not box.retention.rules().days:
        box.retention.set_rules(Rules(days={ANY_KIND: STAY_DAYS}))
    box.queue.nothing_is_sending()
    return {"routing": RoutingWorker(box.queue), **box.keepers(), **destination_workers(box, archive.id)}


def build_reader_crew(box: Box, log: Log) -> "Crew":
    """Previews and reading clocks of all clinics; those of the service's own archive are of the ordinary crew."""
    from appliance.courier.crew import Crew
    from appliance.courier.loop import Worker
    from appliance.courier.reading_clock import ClockWorker

    service = ReaderService(box)

    def for_clinic(clinic_id: int) -> dict[str, Worker]:
        clinic = service.box(clinic_id)
        workers = {**archive_workers(clinic), "clock": ClockWorker(service.clock(clinic))}
        return workers | keep_elsewhere(clinic) if clinic.settings.archive_url else workers

    return Crew(
        watch=service,
        destinations=service.clinics,
        steady={},
        for_destination=for_clinic,
        on_error=lambda error: end_process(log, error),
    )
