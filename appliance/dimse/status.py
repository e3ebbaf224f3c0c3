"""Statuses that our services answer with."""

from appliance.errors import BuckyError, DiskFull, NotDicom

SUCCESS = 0x0000  # PS3.7 C.1.1
OUT_OF_RESOURCES = 0xA700  # PS3.4 B.2.3
CANNOT_UNDERSTAND = 0xC000  # PS3.4 B.2.3
NOT_AUTHORIZED = 0x0124  # PS3.7 C.5.16
INVALID_SOP_INSTANCE = 0x0117  # PS3.7 C.5.10
PROCESSING_FAILURE = 0x0110  # PS3.7 C.5.15
NO_SUCH_INSTANCE = 0x0112  # PS3.7 C.5.14
CLASS_INSTANCE_CONFLICT = 0x0119  # PS3.7 C.5.7
NO_SUCH_ACTION = 0x0123  # PS3.7 C.5.13
INVALID_ARGUMENT = 0x0115  # PS3.7 C.5.9, invalid argument value
PENDING = 0xFF00  # PS3.4 C.4.1.1.4, K.4.1.1.4
CANCEL = 0xFE00  # PS3.4 C.4.1.1.4, K.4.1.1.4
IDENTIFIER_UNREADABLE = 0xC001  # PS3.4 K.4.1.1.4, unable to process
STEP_HAS_ENDED = 0xA506  # PS3.4 F.7.2.2.2, an error ID
SOP_CLASS_NOT_SUPPORTED = 0x0122  # PS3.7 C.5.6
TOO_MANY_ANSWERS = 0xA700  # PS3.4 C.4.1.1.4, out of resources
IDENTIFIER_DOES_NOT_MATCH = 0xA900  # PS3.4 C.4.1.1.4, C.4.2.1.5, C.4.3.1.4
UNABLE_TO_PROCESS = 0xC000  # PS3.4 C.4.1.1.4, C.4.2.1.5, C.4.3.1.4
TOO_MANY_MATCHES = 0xA701  # PS3.4 C.4.2.1.5, unable to calculate the number of matches
UNABLE_TO_PERFORM = 0xA702  # PS3.4 C.4.2.1.5, unable to perform sub-operations
DESTINATION_UNKNOWN = 0xA801  # PS3.4 C.4.2.1.5
SOME_FAILED = 0xB000  # PS3.4 C.4.2.1.5, one or more failures or warnings


def status_of(error: BaseException) -> int:
    """The C-STORE status for an error of ours; anything unknown is a processing failure."""
    if isinstance(error, DiskFull):
        return OUT_OF_RESOURCES
    if isinstance(error, NotDicom):
        return CANNOT_UNDERSTAND
    return NOT_AUTHORIZED if isinstance(error, BuckyError) else PROCESSING_FAILURE
