"""The box's name on the network."""

from collections.abc import Callable, Iterator

from appliance.health.finding import Finding

_ADVICE = "Use the address or the QR code. Settings, Network says what is in the way."


def name(
    host_name: Callable[[], str | None], conflict: Callable[[], str | None], trouble: Callable[[], str | None]
) -> Iterator[Finding]:
    """Whether the box is found by name, and why not."""
    title, found = "Name on the network", host_name()
    if told := trouble():
        yield Finding("name", title, "busy", told, _ADVICE)
    elif found is None:
        yield Finding("name", title, "busy", "The name is being claimed.", "")
    elif told := conflict():
        yield Finding("name", title, "good", f"{found}. Not the usual name: {told}.", "")
    else:
        yield Finding("name", title, "good", f"{found}.")
