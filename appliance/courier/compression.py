"""Which lossless transfer syntax a destination gets: the one that brings a picture there soonest.

Encoding hides behind the line, so what counts for each codec is the slower of the two: this CPU, or the line with the
smaller file. Ratios and speeds are those of FIELD 4 on radiographs; the CPU's own speed is measured as copies are made.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.courier.found import Found

LEAST_BYTES = 512 * 1024  # smaller objects are gone before a codec has started
UNKNOWN_RATE = 625_000.0  # bytes a second: 5 Mbit/s, until the line was measured


@dataclass(frozen=True)
class Codec:
    """`speed`: bytes of pixels a second on one core of the machine of FIELD 4, the check by decoding included."""

    transfer_syntax_uid: str
    ratio: float
    speed: float


CODECS = (
    Codec("1.2.840.10008.1.2.4.80", 3.1, 40e6),  # JPEG-LS, taken by most
    Codec("1.2.840.10008.1.2.4.201", 3.0, 100e6),  # HTJ2K, taken by few yet
    Codec("1.2.840.10008.1.2.4.90", 3.1, 12e6),  # JPEG 2000
)


def choose(found: Found, cpu: float = 1.0, codecs: Sequence[Codec] = CODECS) -> str | None:
    """The transfer syntax to encode to, None to send as it is; `cpu` is this machine's speed to that of FIELD 4."""
    rate = found.rate_bytes_s or UNKNOWN_RATE
    times: list[tuple[float, str | None]] = [(1 / rate, None)]
    for codec in codecs:
        if found.syntaxes.get(codec.transfer_syntax_uid, True):
            time = max(1 / (codec.speed * cpu), 1 / (codec.ratio * rate))
            times.append((time, codec.transfer_syntax_uid))
    return min(times, key=lambda candidate: candidate[0])[1]
