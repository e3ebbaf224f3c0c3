"""The connection test: C-ECHO to a unit where it listens (PS3.4 annex A as SCU)."""

from appliance.association import RequestorAE
from appliance.dimse.status import SUCCESS
from appliance.errors import BuckyError

TIMEOUT_S = 5
_VERIFICATION = "1.2.840.10008.1.1"
# PS3.8 9.3.4: (source, reason) of an A-ASSOCIATE-RJ
_CALLING_TITLE_UNKNOWN = (1, 3)
_REASONS = {
    _CALLING_TITLE_UNKNOWN: "it does not know the AE title of this box",
    (1, 7): "its own AE title is another one",
    (3, 1): "it is busy at the moment",
    (3, 2): "it has too many connections already",
}


class UnitSilent(BuckyError):
    """Nothing answers as DICOM there."""

    code = "unit-silent"
    message = "Nothing answers as DICOM at {address}, port {port}."
    hint = "Check that the unit is on, its address and the port on which it listens; many units only send."


class UnitRefuses(BuckyError):
    """The unit answers, and turns the box away."""

    code = "unit-refuses"
    message = "The unit at {address} answers but refuses: {reason}."
    hint = "Enter AE title, address and port of this box at the unit, as on the card."


class BoxTitleUnknown(UnitRefuses):
    """The unit's list of nodes has the box under another AE title, or not at all; a code of its own for support."""

    code = "box-title-unknown"


def echo(*, calling_ae: str, called_ae: str, address: str, port: int) -> None:
    """One C-ECHO; raises UnitSilent, UnitRefuses, and of these BoxTitleUnknown where the box's title is at fault."""
    ae = RequestorAE(ae_title=calling_ae)
    ae.connection_timeout = ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = TIMEOUT_S
    ae.add_requested_context(_VERIFICATION)
    association = ae.associate(address, port, ae_title=called_ae)
    if not association.is_established:
        answer = association.acceptor.primitive
        if answer is None:
            raise UnitSilent(address=address, port=port)
        key = (answer.result_source or 0, answer.diagnostic or 0)
        refused = BoxTitleUnknown if key == _CALLING_TITLE_UNKNOWN else UnitRefuses
        raise refused(address=address, reason=_REASONS.get(key, "it offers no connection test"))
    try:
        status = association.send_c_echo()
    finally:
        association.release()
    if getattr(status, "Status", None) != SUCCESS:
        raise UnitRefuses(address=address, reason="it did not answer the test")
