"""The courier: its loops."""

import os
from typing import TYPE_CHECKING

from appliance.logs import Log
from appliance.wiring.box import Box

if TYPE_CHECKING:
    from appliance.archive.intake import Intake
    from appliance.courier.crew import Crew
    from appliance.courier.delivery import ClientFor
    from appliance.courier.loop import Worker
    from appliance.courier.rehearsal import RehearsalWorker
    from appliance.courier.results import ResultsWorker


def archive_workers(box: Box) -> "dict[str, Worker]":
    """What every archive needs, that of a box and that of each clinic of a reader service."""
    from appliance.courier.hand_over import ExportWorker
    from appliance.courier.loop import Seldom
    from appliance.courier.phantoms import PhantomWorker
    from appliance.courier.previews import PreviewWorker

    return {
        "previews": PreviewWorker(box.catalogue, box.shelf, box.repaired),
        "phantoms": Seldom(PhantomWorker(box.database, box.blobs, box.shelf)),
        "exports": ExportWorker(box.exports, box.hand_over),
    }


def build_results_worker(
    box: Box,
    destination_id: int,
    *,
    intake: "Intake | None" = None,
    client_for: "ClientFor | None" = None,
) -> "ResultsWorker":
    """Brings what a destination's readers wrote."""
    from appliance.courier.results import Follower, ResultsWorker

    follower = Follower(
        destination_id,
        database=box.database,
        casebook=box.casebook,
        requests=box.requests,
        ae_title=f"BUCKY-{box.box_id}".upper(),
    )
    return ResultsWorker(
        destination_id,
        destinations=box.destinations,
        requests=box.requests,
        catalogue=box.catalogue,
        intake=intake or box.intake,
        blobs=box.blobs,
        client_for=client_for or box.client_for,
        documents=box.documents,
        casebook=box.casebook,
        follower=follower,
        worklist_of=box.worklist_of,
    )


def end_process(log: Log, error: BaseException) -> None:
    """An unexpected error of a loop: the process ends, and the supervisor starts it again."""
    log.event("worker-ended", code=type(error).__name__)
    os._exit(1)


def destination_workers(box: Box, destination_id: int) -> "dict[str, Worker]":
    """The loops of one destination."""
    from appliance.courier.delivery import ConfirmWorker, DeliveryWorker, Line
    from appliance.courier.uplink import Uplink

    uplink = Uplink(box.queue, box.copies, box.destinations)
    line = Line()
    first, second = (
        DeliveryWorker(
            destination_id,
            destinations=box.destinations,
            queue=box.queue,
            requests=box.requests,
            uplink=uplink,
            copies=box.copies,
            client_for=box.client_for,
            line=line,
            is_second=is_second,
        )
        for is_second in (False, True)
    )
    confirm = ConfirmWorker(
        destination_id,
        destinations=box.destinations,
        queue=box.queue,
        uplink=uplink,
        evidence=box.evidence,
        client_for=box.client_for,
    )
    results = build_results_worker(box, destination_id)
    return {"delivery": first, "delivery beside": second, "confirm": confirm, "results": results}


def build_rehearsal(box: Box) -> "RehearsalWorker":
    """The morning rehearsal of a box."""
    from appliance.courier.rehearsal import OwnDoor, RehearsalWorker
    from appliance.wiring.agent import present_settings, receiver_port

    host = box.settings.host
    return RehearsalWorker(
        rehearsals=box.rehearsals,
        database=box.database,
        blobs=box.blobs,
        shelf=box.shelf,
        queue=box.queue,
        destinations=box.destinations,
        client_for=box.client_for,
        door=OwnDoor(
            host="127.0.0.1" if host == "0.0.0.0" else host,  # noqa: S104 - compared, not bound
            ae_title=lambda: present_settings(box).ae_title,
            port=lambda: receiver_port(box),
        ),
    )


def build_crew(box: Box, log: Log, *, rehearses: bool = True) -> "Crew":
    """The courier's loops; an unexpected error ends the process, and the supervisor starts it again."""
    from appliance.archive.set_aside import PurgeWorker
    from appliance.audit.syslog import AuditWorker
    from appliance.courier.copies import EncodeWorker
    from appliance.courier.crew import Crew, RoutingWorker
    from appliance.courier.loop import Seldom
    from appliance.courier.notices import NoticeWorker
    from appliance.exams.files import FolderWatch
    from appliance.exams.worklist import OldExams

    box.queue.nothing_is_sending()
    return Crew(
        watch=box.watch,
        destinations=box.destinations,
        steady={
            **box.keepers(),
            **archive_workers(box),
            **({"rehearsal": build_rehearsal(box)} if rehearses else {}),
            "routing": RoutingWorker(box.queue),
            "purge": PurgeWorker(box.removals, box.shelf.forget),
            "audit": AuditWorker(box.trail, box.audit_export, source=lambda: f"bucky-{box.box_id}"),
            "encoding": EncodeWorker(box.database, box.destinations, box.copies),
            "notices": NoticeWorker(box.mail_notices),
            "worklist": FolderWatch(box.worklist, box.settings.data / "worklist"),
            "repairs": box.repairs,
            "copies": Seldom(box.repaired),
            "clocks": Seldom(box.clocks),
            "left exams": Seldom(OldExams(box.worklist, box.settings.exam_days)),
        },
        for_destination=lambda destination_id: destination_workers(box, destination_id),
        on_error=lambda error: end_process(log, error),
    )
