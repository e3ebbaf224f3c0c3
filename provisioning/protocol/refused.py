"""Why one end does not take what the other sent."""

from appliance.errors import BuckyError, NotFound


class DocumentRefused(BuckyError):
    """A signed document that must not be followed; `reason` is one of the codes of `documents`."""

    code = "document-refused"
    message = "The vendor's document was refused: {reason}."
    hint = "Nothing was changed. The vendor is told of it."

    @property
    def reason(self) -> str:
        """The stable code, e.g. 'bad-signature'."""
        return str(self.fields["reason"])


class NotKnown(BuckyError):
    """The one answer to whoever is not let in: unknown, cloned, revoked or retired look the same from outside."""

    code = "not-known"
    message = "This box is not known here."
    hint = "Check the serial number on the label, and call the vendor."


class WrongCode(BuckyError):
    """A setup code that is wrong, used already, or tried too often."""

    code = "wrong-setup-code"
    message = "The setup code does not fit this box."
    hint = "Type the code from the label. A code works once; ask the vendor for a new one."


class LinkDown(BuckyError):
    """The vendor's service was not reached or did not answer as agreed; the clinic's work is not touched by it."""

    code = "vendor-unreachable"
    message = "The vendor's service cannot be reached ({reason})."
    hint = "Pictures are taken and sent all the same. The box tries again by itself."


class NotTaken(BuckyError):
    """A release that is not for this box; that says nothing against the release."""

    hint = "The box stays with the release it has. The vendor is told of it."


class NotManaged(NotTaken):
    """The software of this machine does not come by the link."""

    code = "not-managed"
    message = "The releases of this machine do not come from the vendor."


class NotNewer(NotTaken):
    """A release no later than the one that runs: on a box the number only rises, as those of documents do."""

    code = "not-newer"
    message = "The release is not newer than the one that runs."


class NoSuch(NotFound):
    """A serial, a rollout or a document that the service does not have."""

    message = "There is no such {what}."
    hint = "Look it up in the list: bucky-fleet boxes, or the console."
