"""What a client is willing to take: media types, transfer syntaxes and their weights (PS3.18 8.3.3, 8.7)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydicom.uid import ExplicitVRLittleEndian

from appliance.dicom.transfer_syntaxes import LOSSY, SENDABLE
from appliance.errors import BuckyError

ANY_SYNTAX = "*"
_MULTIPART = "multipart/related"
_SPLIT = r'{}(?=(?:[^"]*"[^"]*")*[^"]*$)'  # a separator outside of quotes


class NotAcceptable(BuckyError):
    """The client takes no representation that the service makes."""

    code = "not-acceptable"
    message = "The service has no form of this that the client takes."
    hint = "Ask for transfer-syntax=*, or see the conformance statement for the media types."


@dataclass(frozen=True)
class Wanted:
    """One media range; `transfer_syntax` is a UID, '*' for any, or empty if none is named."""

    media_type: str
    multipart: bool
    transfer_syntax: str
    weight: float

    def takes(self, media_type: str) -> bool:
        """Whether the range covers a media type."""
        kind, _, rest = self.media_type.partition("/")
        return self.media_type in ("*/*", media_type) or (rest == "*" and media_type.startswith(f"{kind}/"))

    @property
    def is_anything(self) -> bool:
        """Whether the client leaves the choice to the service, multipart or not."""
        return self.media_type == "*/*"


def wanted(header: str, parameters: Mapping[str, str]) -> list[Wanted]:
    """The ranges of the Accept header or of the query parameter `accept`, best first (PS3.18 8.3.3.1)."""
    text = parameters.get("accept") or header or "*/*"
    ranges = [_range(part, parameters) for part in re.split(_SPLIT.format(","), text) if part.strip()]
    return sorted((r for r in ranges if r.weight > 0), key=lambda r: -r.weight)


def _range(text: str, parameters: Mapping[str, str]) -> Wanted:
    name, *fields = (part.strip() for part in re.split(_SPLIT.format(";"), text))
    pairs = (field.partition("=") for field in fields)
    said = {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs}
    multipart = name.lower() == _MULTIPART
    return Wanted(
        media_type=said.get("type", "*/*").lower() if multipart else name.lower(),
        multipart=multipart,
        transfer_syntax=said.get("transfer-syntax") or parameters.get("transfer-syntax", ""),
        weight=_weight(said.get("q", "1")),
    )


def _weight(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0


def choose(ranges: Iterable[Wanted], offered: Iterable[str]) -> str:
    """The first of the offered media types that the best range covers; raises NotAcceptable."""
    offered = list(offered)
    for each in ranges:
        for media_type in offered:
            if each.takes(media_type):
                return media_type
    raise NotAcceptable


def syntax_to_send(stored: str, asked: str) -> str | None:
    """The transfer syntax in which a stored object is given, None if it cannot be (PS3.18 8.7.3.5.2).

    Without a wish it is Explicit VR Little Endian, but what was coded with loss is given as it is stored.
    """
    if asked in (ANY_SYNTAX, stored):
        return stored
    if not asked:
        return stored if stored in LOSSY else str(ExplicitVRLittleEndian)
    return asked if asked in SENDABLE else None
