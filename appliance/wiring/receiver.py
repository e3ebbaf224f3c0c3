"""The receiver: its application entity and the services it offers."""

from typing import TYPE_CHECKING

from appliance.logs import Log
from appliance.wiring.box import Box
from appliance.wiring.trail import record_peer

if TYPE_CHECKING:
    from appliance.archive.blobs import Provenance
    from appliance.dimse.listener import Listener, NetworkService
    from appliance.dimse.policy import Audit, Policy
    from appliance.dimse.tls import Contexts


def build_listener(box: Box, log: Log) -> "Listener":
    """The receiver's application entity."""
    from pydicom import config

    config.settings.reading_validation_mode = config.IGNORE  # what is odd is kept; to look cost half of a negotiation
    from appliance.dimse.door import Slots
    from appliance.dimse.listener import Listener
    from appliance.dimse.policy import Policy
    from appliance.dimse.store import StorageService

    policy = Policy(box.senders, box.refusals, _audit(box, log))
    return Listener(
        ae_title=box.settings.ae_title,
        storage=StorageService(intake=box.intake, policy=policy, log=log),
        policy=policy,
        slots=Slots(box.senders),
        refusals=box.refusals,
        log=log,
        on_end=lambda studies: box.completion.note(studies, "association ended"),
        services=_network_services(box, policy, log),
    )


def _audit(box: Box, log: Log) -> "Audit":
    """What devices do, under their AE title and address."""

    def record(kind: str, peer: "Provenance", *, failed: bool, **detail: str | None) -> None:
        name, address = peer.name, peer.address
        record_peer(box.trail, log, kind, name=name, actor_kind="device", address=address, failed=failed, **detail)

    return record


def _network_services(box: Box, policy: "Policy", log: Log) -> "list[NetworkService]":
    """What the listener serves beside verification and storage."""
    from appliance.archive.search import Search
    from appliance.dimse.commitment import CommitmentService
    from appliance.dimse.procedure_steps import ProcedureStepService
    from appliance.dimse.query import Query
    from appliance.dimse.retrieve import Retrieve
    from appliance.dimse.sending import Sending
    from appliance.dimse.worklist import WorklistService

    ae_title, senders, search = box.settings.ae_title, box.senders, Search(box.database)
    sending = Sending(box.blobs, box.repaired, box.workshop)
    return [
        WorklistService(worklist=box.worklist, policy=policy, log=log),
        ProcedureStepService(steps=box.procedure_steps, policy=policy, log=log),
        CommitmentService(ae_title=ae_title, commitments=box.commitments, senders=senders, policy=policy, log=log),
        Query(ae_title=ae_title, policy=policy, search=search, log=log),
        Retrieve(ae_title=ae_title, policy=policy, senders=senders, search=search, sending=sending, log=log),
    ]


def build_tls_contexts(box: Box, addresses: list[str]) -> "Contexts":
    """TLS of the DICOM services; makes the certificate of this box at the first run."""
    from appliance.dimse.tls import Contexts, ensure_certificate

    name = f"bucky-{box.box_id}"
    certificate, key = ensure_certificate(box.settings.data / "tls", common_name=name, addresses=addresses)
    return Contexts(certificate, key, box.senders)
