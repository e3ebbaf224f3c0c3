"""What the box found out about a destination: remembered in its row, so that nothing is tried in vain twice."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

_WEIGHT = 0.3  # of the newest measurement
_LEAST_BYTES = 64 * 1024  # less tells nothing of a line


@dataclass(frozen=True)
class Found:
    """`syntaxes`: transfer syntax UID to whether it is taken; `rate_bytes_s`: what the line carried lately.

    `resumable`: whether uploads go on where they broke off, None before it was asked.
    """

    syntaxes: Mapping[str, bool] = field(default_factory=dict)
    rate_bytes_s: float | None = None
    resumable: bool | None = None

    def with_syntax(self, transfer_syntax_uid: str, taken: bool | None) -> "Found":
        """Remember whether a transfer syntax is taken; None forgets."""
        others = {uid: known for uid, known in self.syntaxes.items() if uid != transfer_syntax_uid}
        return replace(self, syntaxes=others if taken is None else {**others, transfer_syntax_uid: taken})

    def with_uploads(self, resumable: bool) -> "Found":
        """Remember whether uploads go on where they broke off."""
        return replace(self, resumable=resumable)

    def with_rate(self, size_bytes: int, seconds: float) -> "Found":
        """Take in how fast one instance went."""
        if size_bytes < _LEAST_BYTES or seconds <= 0:
            return self
        measured = size_bytes / seconds
        before = self.rate_bytes_s
        return replace(self, rate_bytes_s=measured if before is None else before + _WEIGHT * (measured - before))

    def to_json(self) -> str:
        """As the row keeps it."""
        return json.dumps(asdict(self))


def found_from(document: str) -> Found:
    """What `to_json` wrote."""
    known = json.loads(document or "{}")
    return Found(dict(known.get("syntaxes", {})), known.get("rate_bytes_s"), known.get("resumable"))
