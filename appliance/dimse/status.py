"""Statuses that our services answer with."""

from appliance.errors import BuckyError, DiskFull, NotDicom

SUCCESS = 0x0000  # PS3.7 C.1.1
OUT_OF_RESOURCES = 0xA700  # PS3.4 B.2.3
CANNOT_UNDERSTAND = 0xC000  # PS3.4 B.2.3
NOT_AUTHORIZED = 0x0124  # PS3.7 C.5.16
INVALID_SOP_INSTANCE = 0x0117  # PS3.7 C.5.10
PROCESSING_FAILURE = 0x0110  # PS3.7 C.5.15


def status_of(error: BaseException) -> int:
    """The C-STORE status for an error of ours; anything unknown is a processing failure."""
    if isinstance(error, DiskFull):
        return OUT_OF_RESOURCES
    if isinstance(error, NotDicom):
        return CANNOT_UNDERSTAND
    return NOT_AUTHORIZED if isinstance(error, BuckyError) else PROCESSING_FAILURE
