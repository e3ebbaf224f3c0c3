"""Who may do what on an association, and what is remembered of those who were turned away."""

from typing import Protocol

from pynetdicom.association import Association

from appliance.archive.blobs import Provenance
from appliance.archive.refusals import Refusals
from appliance.archive.senders import Senders
from appliance.clock import stamp
from appliance.dimse.tls import shows_certificate
from appliance.errors import BuckyError


class SenderBlocked(BuckyError):
    """A person of the clinic blocked this sender."""

    code = "sender-blocked"
    message = "This unit was blocked on the page."
    hint = "Accept it on the page under X-ray units."


class CertificateNeeded(BuckyError):
    """A certificate is on file for this unit, and the connection did not show it."""

    code = "certificate-needed"
    message = "This unit must show its certificate."
    hint = "Send to the DICOM TLS port, or remove the certificate under X-ray units."


class QuarantineFull(BuckyError):
    """An unknown sender has used up what is kept for it until a person accepts it."""

    code = "quarantine-full"
    message = "This unit has sent as much as is kept before somebody accepts it."
    hint = "Accept or block it on the page under X-ray units."


class NotPaired(BuckyError):
    """Somebody who is not accepted asks for what only the clinic's own devices may have."""

    code = "not-paired"
    message = "This unit is not accepted yet."
    hint = "Accept it on the page under X-ray units."


def provenance_of(association: Association) -> Provenance:
    """Where an instance of this association comes from, as of now."""
    requestor = association.requestor
    title = requestor.ae_title or (requestor.primitive.calling_ae_title if requestor.primitive else "")
    return Provenance("dimse", str(title).strip(), str(requestor.address), stamp())


class Audit(Protocol):
    """Writes an event of a device into the audit trail."""

    def __call__(self, kind: str, peer: Provenance, *, failed: bool, **detail: str | None) -> None: ...


class Policy:
    """Decides by the list of senders, and remembers what each peer did."""

    def __init__(self, senders: Senders, refusals: Refusals, audit: Audit) -> None:
        self._senders = senders
        self._refusals = refusals
        self._audit = audit

    def record(self, kind: str, peer: Provenance, *, failed: bool = False, **detail: str | None) -> None:
        """An event of the audit trail, by this peer."""
        self._audit(kind, peer, failed=failed, **detail)

    def check_association(self, association: Association, provenance: Provenance) -> None:
        """Raise SenderBlocked or CertificateNeeded before anything is negotiated."""
        sender = self._senders.find(provenance.kind, provenance.name, provenance.address)
        if sender is None:
            return
        if sender.state == "blocked":
            raise SenderBlocked
        connection = association.dul.socket.socket if association.dul.socket else None
        if sender.certificate_pem and not shows_certificate(connection, sender.certificate_pem):
            raise CertificateNeeded

    def note(self, provenance: Provenance, code: str, detail: str = "") -> None:
        """Remember a refusal or failure for the page."""
        self._refusals.note(provenance.name, provenance.address, code, detail)

    def is_accepted(self, provenance: Provenance) -> bool:
        """Whether a person accepted this peer; no other one ever sees anything, and it is shown on the page."""
        sender = self._senders.find(provenance.kind, provenance.name, provenance.address)
        if sender is not None and sender.state == "accepted":
            return True
        self._senders.seen(provenance)  # the page offers to accept it
        self.note(provenance, "not-paired")
        return False

    def check_store(self, provenance: Provenance) -> None:
        """Raise SenderBlocked or QuarantineFull; anyone else may store."""
        sender = self._senders.find(provenance.kind, provenance.name, provenance.address)
        if sender is None or sender.state == "accepted":
            return
        if sender.state == "blocked":
            raise SenderBlocked
        if self._senders.quarantine_is_full(sender.id):
            raise QuarantineFull

    def check_accepted(self, association: Association) -> None:
        """Raise NotPaired unless a person accepted the peer."""
        if not self.is_accepted(provenance_of(association)):
            raise NotPaired
