"""The page and the DICOMweb service."""

from typing import TYPE_CHECKING

from appliance.logs import Log
from appliance.wiring.agent import build_door, build_memory
from appliance.wiring.box import Box
from appliance.wiring.health import build_health
from appliance.wiring.trail import record_peer

if TYPE_CHECKING:
    from flask import Blueprint, Flask

    from appliance.accounts.tokens import TokenCheck
    from appliance.archive.senders import Sender
    from appliance.audit.trail import Trail
    from webui.services import BoxFacts, Keeping, Services


def build_app(
    box: Box,
    facts: "BoxFacts",
    log: Log,
    *,
    house: Box | None = None,
    tokens: "TokenCheck | None" = None,
    place: str = "",
) -> "Flask":
    """The page and the DICOMweb service of one archive. Of a clinic at a reader service: people, settings and
    templates are those of the `house`, only the clinic's `tokens` open its DICOMweb service, and its pages are below
    `place`."""
    from webui.app import create_app

    services = build_services(box, facts, log, house=house)
    below = place if services.shares else None
    return create_app(services, build_dicomweb(box, tokens or box.tokens, log, services.trail, shares_below=below))


def build_services(box: Box, facts: "BoxFacts", log: Log, *, house: Box | None = None) -> "Services":
    """What the pages are given."""
    from appliance.dicomweb.pairing import pair
    from appliance.discovery.neighbours import listen
    from webui.services import Services

    shared = house or box
    return Services(
        facts=facts,
        health=build_health(box, facts.dicom_port, facts),
        keeping=_keeping(box),
        neighbours=lambda: listen(box.settings.host, facts.host_name),
        catalogue=box.catalogue,
        finder=box.finder,
        removals=box.removals,
        corrections=box.corrections,
        senders=box.senders,
        repairs=box.repairs,
        copies=box.repaired,
        exam_days=box.settings.exam_days,
        refusals=box.refusals,
        worklist=box.worklist,
        protocols=box.protocols,
        completion=box.completion,
        test_connection=lambda sender, port: test_connection(box, sender, port),
        pin_certificate=lambda sender_id, pem: pin_certificate(box, sender_id, pem),
        accounts=shared.accounts,
        first_run=shared.first_run,
        shared_pcs=shared.shared_pcs,
        trail=shared.trail,
        support=build_memory(box),
        vendor=build_door(box),
        audit_export=shared.audit_export,
        tokens=shared.tokens,
        invitations=shared.invitations,
        pair=pair,
        destinations=box.destinations,
        queue=box.queue,
        evidence=box.evidence,
        rehearsals=box.rehearsals,
        links=box.links,
        shares=box.shares if facts.kind == "reader" else None,
        requests=box.requests,
        casebook=box.casebook,
        gate=box.gate,
        prices=box.prices,
        documents=box.documents,
        drafts=box.drafts,
        templates=shared.templates,
        mail_notices=box.mail_notices,
        workitems=box.workitems,
        cases=box.cases,
        desk=box.desk,
        study_marks=box.study_marks,
        shelf=box.shelf,
        exports=box.exports,
        hangings=shared.hangings,
        watch=box.watch,
        setting=shared.database.setting,
        set_setting=shared.database.set_setting,
        probe=lambda destination: box.client_for(destination).probe(),
        log=log,
    )


def _keeping(box: Box) -> "Keeping":
    from webui.services import Keeping

    return Keeping(
        notices=box.notices,
        damages=box.damages,
        checker=box.checker,
        space=box.space,
        backup=box.backup,
        recovery_keys=box.recovery_keys,
        retention=box.retention,
        recalls=box.recalls,
    )


def build_dicomweb(
    box: Box, tokens: "TokenCheck", log: Log, trail: "Trail", *, shares_below: str | None = None
) -> "Blueprint":
    """The DICOMweb service of one archive; with links to look at studies where there are pages for them."""
    from appliance.archive.search import Search
    from appliance.dicomweb.resumable import Uploads
    from appliance.dicomweb.service import create_blueprint
    from appliance.dicomweb.shares import Sharing

    def done(kind: str, program: str, address: str, *, failed: bool, **detail: str | None) -> None:
        record_peer(trail, log, kind, name=program, actor_kind="program", address=address, failed=failed, **detail)

    return create_blueprint(
        catalogue=box.catalogue,
        search=Search(box.database),
        blobs=box.blobs,
        intake=box.intake,
        uploads=Uploads(box.settings.data / "uploads", box.blobs.room_bytes),
        receipt=box.signed_receipt,
        copies=box.repaired,
        workitems=box.workitems,
        tokens=tokens,
        log=log,
        origins=box.settings.dicomweb_origins,
        on_done=done,
        sharing=None if shares_below is None else Sharing(box.shares, shares_below),
    )


def test_connection(box: Box, sender: "Sender", port: int | None) -> None:
    """C-ECHO to a unit where it listens, and remember the port; raises BuckyError with what is wrong."""
    from appliance.dimse.echo import echo
    from appliance.errors import BadInput

    if port is None:
        raise BadInput(field="Port", reason="tell on which port the unit listens, e.g. 104")
    echo(calling_ae=box.settings.ae_title, called_ae=sender.name, address=sender.address, port=port)
    if port != sender.listen_port:
        box.senders.set_listen_port(sender.id, port)


def pin_certificate(box: Box, sender_id: int, pem: str | None) -> None:
    """Believe a unit over TLS with this certificate only, or again without one; raises BadInput."""
    from appliance.dimse.tls import is_certificate
    from appliance.errors import BadInput

    if pem is not None and not is_certificate(pem):
        raise BadInput(field="Certificate", reason="it is not a certificate in PEM form")
    box.senders.set_certificate(sender_id, pem)
