"""Transfer syntaxes that the box takes on the network: all that modalities use, never the deflated ones.

Deflate expands without bound (408 KB on the wire grew a process to 861 MiB), so it is not offered.
"""

from collections.abc import Sequence

from pydicom.uid import UID, AllTransferSyntaxes, DeflatedExplicitVRLittleEndian, PrivateTransferSyntaxes

_JPIP_DEFLATE = "1.2.840.10008.1.2.4.95"
_JPIP_HTJ2K_DEFLATE = "1.2.840.10008.1.2.4.205"
_DEFLATED_FRAME = "1.2.840.10008.1.2.8.1"

REFUSED = frozenset({str(DeflatedExplicitVRLittleEndian), _JPIP_DEFLATE, _JPIP_HTJ2K_DEFLATE, _DEFLATED_FRAME})

ACCEPTED: tuple[UID, ...] = tuple(
    uid for uid in AllTransferSyntaxes if str(uid) not in REFUSED and uid not in PrivateTransferSyntaxes
) + tuple(
    UID(uid)
    for uid in (
        "1.2.840.10008.1.2.4.52", "1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.54", "1.2.840.10008.1.2.4.55",
        "1.2.840.10008.1.2.4.56", "1.2.840.10008.1.2.4.58", "1.2.840.10008.1.2.4.59", "1.2.840.10008.1.2.4.60",
        "1.2.840.10008.1.2.4.61", "1.2.840.10008.1.2.4.62", "1.2.840.10008.1.2.4.63", "1.2.840.10008.1.2.4.64",
        "1.2.840.10008.1.2.4.65", "1.2.840.10008.1.2.4.66",  # retired JPEG processes, still sent by old units
        "1.2.840.10008.1.2.4.110", "1.2.840.10008.1.2.4.111", "1.2.840.10008.1.2.4.112",  # JPEG XL
        "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203",  # HTJ2K
    )
    if UID(uid) not in AllTransferSyntaxes
)  # fmt: skip


def choose(proposed: Sequence[UID]) -> UID | None:
    """The first proposed transfer syntax that is not refused (the requestor's order is its preference)."""
    return next((uid for uid in proposed if str(uid) not in REFUSED), None)
