"""Who may do what on an association, and what is remembered of those who were turned away."""

from pynetdicom.association import Association

from appliance.archive.blobs import Provenance
from appliance.archive.senders import Senders
from appliance.clock import stamp
from appliance.errors import BuckyError


class SenderBlocked(BuckyError):
    """A person of the clinic blocked this sender."""

    code = "sender-blocked"
    message = "This device was blocked on the page."
    hint = "Accept it on the page under Devices."


class QuarantineFull(BuckyError):
    """An unknown sender has used up what is kept for it until a person accepts it."""

    code = "quarantine-full"
    message = "This device has sent as much as is kept before somebody accepts it."
    hint = "Accept or block it on the page under Devices."


def provenance_of(association: Association) -> Provenance:
    """Where an instance of this association comes from, as of now."""
    requestor = association.requestor
    return Provenance("dimse", str(requestor.ae_title).strip(), str(requestor.address), stamp())


class Policy:
    """Decides by the list of senders."""

    def __init__(self, senders: Senders) -> None:
        self._senders = senders

    def is_accepted(self, provenance: Provenance) -> bool:
        """Whether a person of the clinic accepted this peer; no other one ever sees anything."""
        sender = self._senders.find(provenance.kind, provenance.name, provenance.address)
        return sender is not None and sender.state == "accepted"

    def check_store(self, provenance: Provenance) -> None:
        """Raise SenderBlocked or QuarantineFull; anyone else may store."""
        sender = self._senders.find(provenance.kind, provenance.name, provenance.address)
        if sender is None or sender.state == "accepted":
            return
        if sender.state == "blocked":
            raise SenderBlocked
        if self._senders.quarantine_is_full(sender.id):
            raise QuarantineFull
