"""Which release the box runs, and what became of the last update."""

from collections.abc import Callable, Iterator
from typing import Protocol

from appliance.health.finding import Finding

_TITLE = "Updates"


class Update(Protocol):
    """The last release that the vendor asked for; `done` is None while it is on trial."""

    @property
    def done(self) -> bool | None: ...
    @property
    def came_at(self) -> str: ...


def updates(release: str, has_vendor: bool, last: Callable[[], Update | None]) -> Iterator[Finding]:
    """In plain words; a box without a vendor is updated by whoever looks after the machine."""
    if not has_vendor:
        words = f"Release {release}. Whoever looks after this machine installs updates."
        yield Finding("updates", _TITLE, "good", words)
        return
    update = last()
    if update is None:
        yield Finding("updates", _TITLE, "good", f"Release {release}. The vendor sends updates by itself.")
    elif update.done is None:
        words = f"Release {release} is being tried. If it does not work, the box goes back by itself."
        yield Finding("updates", _TITLE, "busy", words)
    elif update.done:
        yield Finding("updates", _TITLE, "good", f"Release {release}, asked for on {update.came_at[:10]}.")
    else:
        words = f"The update of {update.came_at[:10]} did not work; the box runs release {release} as before."
        yield Finding("updates", _TITLE, "busy", words, "Nothing to do here: the vendor sees it and sends another.")
