"""What a check finds."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

State = Literal["good", "busy", "bad"]
Figure = int | float | str | None


@dataclass(frozen=True)
class Finding:
    """One line of the status page; `figures` are for programs and never name a patient."""

    key: str
    title: str
    state: State
    words: str
    advice: str = ""
    figures: Mapping[str, Figure] = field(default_factory=dict)


Check = Callable[[], Iterable[Finding]]


class Health:
    """All checks of one box, in the order in which people want to read them."""

    def __init__(self, checks: Iterable[Check]) -> None:
        self._checks = tuple(checks)

    def findings(self) -> list[Finding]:
        """Look now."""
        return [finding for check in self._checks for finding in check()]
