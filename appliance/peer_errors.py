"""What can go wrong at a far side, whatever it speaks, each with what staff can do about it."""

from appliance.errors import PeerError


class Unreachable(PeerError):
    """No connection: the line, the address or the service is down."""

    code = "unreachable"
    message = "The reader cannot be reached."
    hint = "Check the internet line. Nothing is lost; the box sends everything when the line is back."


class Stalled(PeerError):
    """A connection on which nothing moved any more."""

    code = "stalled"
    message = "The reader's service stopped answering in the middle."
    hint = "Nothing is lost; the box tries again by itself. If it lasts, call the reader's support."


class BrokenOff(PeerError):
    """A connection that the far side, or something between, closed before the answer was complete."""

    code = "broken-off"
    message = "The reader's service was reached, but broke off the connection."
    hint = "Nothing is lost; the box tries again by itself. If it lasts, check the address (http or https)."


class Untrusted(PeerError):
    """The TLS certificate of the far side could not be verified."""

    code = "untrusted"
    message = "The reader's service has no valid certificate."
    hint = "Check the address and the date of the box; else call the reader's support."


class TokenRefused(PeerError):
    """401 or 403."""

    code = "token-refused"
    message = "The reader's service refuses this box's token."
    hint = "Get a new token from the reader and enter it under Readers."


class WrongAddress(PeerError):
    """Something answers at the address, but it is no DICOMweb service."""

    code = "wrong-address"
    message = "There is no DICOMweb service at this address."
    hint = "Check the address under Readers; it often ends in /dicom-web."


class ServiceTrouble(PeerError):
    """5xx, 429 and other answers that pass with time."""

    code = "service-trouble"
    message = "The reader's service is in trouble (answer {status})."
    hint = "Nothing is lost; the box tries again by itself. If it lasts, call the reader's support."


class ServiceFull(PeerError):
    """507, or the failure reason 0xA700."""

    code = "service-full"
    message = "The reader's service has no space left."
    hint = "Call the reader's support. Nothing is lost; the box tries again by itself."


class InstanceRefused(PeerError):
    """The far side will not take this instance, and says so."""

    code = "instance-refused"
    message = "The reader's service refuses this picture (reason {reason})."
    hint = "Call the reader's support with this reason; the picture stays on the box."
    transient = False
    about_instance = True


class NotStored(PeerError):
    """An answer of success that does not name the instance."""

    code = "not-stored"
    message = "The reader's service answered, but did not confirm the picture."
    hint = "The box sends it again. If this lasts, call the reader's support."
    about_instance = True


class NotGiven(PeerError):
    """404, 406 or 410 to the retrieval of an instance that a query named."""

    code = "not-given"
    message = "The reader's service lists a result, but does not give it (answer {status})."
    hint = "The box asks again by itself. If it lasts, call the reader's support."


class FileUnreadable(PeerError):
    """The box's own file of the instance; here so that the courier parks the one instance and goes on."""

    code = "file-unreadable"
    message = "The file of this picture cannot be read on this box."
    hint = "Call support: the disk of the box may be failing. Keep the picture on the X-ray unit."
    transient = False
    about_instance = True


class BadAnswer(PeerError):
    """An answer that breaks the protocol."""

    code = "bad-answer"
    message = "The reader's service answered in a way that the box does not understand."
    hint = "Check the address under Readers; if it is right, call the reader's support."


class Altered(PeerError):
    """The far side lists the instance with other content than was sent."""

    code = "altered"
    message = "The reader's service has this picture, but not as it was sent."
    hint = "The box sends it again. If this lasts, call the reader's support: something on the way changes pictures."
    about_instance = True


class ForeignKey(PeerError):
    """Receipts are signed by another key than the one that was remembered for the destination."""

    code = "foreign-key"
    message = "The reader's receipts are signed by another key than before; nothing is believed."
    hint = "Ask the reader whether its service was set up anew; then remove the reader and add it again."


class BadReceipt(PeerError):
    """A receipt whose signature or content does not hold."""

    code = "bad-receipt"
    message = "The reader's service gave a receipt that is not valid."
    hint = "Nothing is lost; the box asks again. If it lasts, call the reader's support."


class NoDialogue(PeerError):
    """An application entity that turns the association down, or does not do what is asked."""

    code = "association-refused"
    message = "The reader refuses the connection: {reason}."
    hint = "Check the AE title, address and port under Readers, and that the far side knows this box's AE title."


class SyntaxRefused(PeerError):
    """No presentation context in which the instance can go as it is."""

    code = "syntax-refused"
    message = "The reader does not take this kind of picture."
    hint = "Ask the reader's support to allow it; the picture stays on the box."
    transient = False
    about_instance = True


class CannotConfirm(PeerError):
    """The far side offers neither a query nor storage commitment."""

    code = "cannot-confirm"
    message = "The reader took the picture, but offers no way to confirm that it keeps it."
    hint = "Ask its support to offer C-FIND or storage commitment to this box; until then nothing there turns green."
    about_instance = True


class ContentNotGiven(CannotConfirm):
    """The far side lists the instance, but its C-GET fails, so that nothing shows whether the line changed it."""

    code = "content-not-given"
    message = "The reader lists the picture, but does not give it back for comparison."
    hint = "Send over TLS, which keeps pictures unchanged on the way; until then it does not turn green there."
