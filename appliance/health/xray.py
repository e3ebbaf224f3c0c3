"""The X-ray unit's door: does the receiver answer, when did the last picture come."""

from collections.abc import Callable, Iterator

from appliance.archive.senders import Senders
from appliance.clock import moment, now
from appliance.health.finding import Finding


def xray_door(port: Callable[[], int | None], ae_title: str) -> Iterator[Finding]:
    """Whether the receiver listens."""
    listening = port()
    if listening is None:
        yield Finding(
            "door",
            "X-ray unit’s door",
            "bad",
            "The receiver does not answer.",
            "It is started again by itself. If this stays, switch the box off and on; then call support.",
        )
        return
    words = f"Open: AE title {ae_title}, port {listening}."
    yield Finding("door", "X-ray unit’s door", "good", words, figures={"dicom_port": listening})


def xray_units(senders: Senders) -> Iterator[Finding]:
    """When each accepted unit was last heard, and who waits to be accepted."""
    waiting = [s for s in senders.all() if s.state == "unknown"]
    if waiting:
        words = f"{len(waiting)} X-ray unit{'s' if len(waiting) > 1 else ''} wait to be accepted."
        advice = "Open Settings, X-ray units, and say whose they are."
        yield Finding("devices", "New X-ray units", "busy", words, advice)
    units = [s for s in senders.all() if s.state == "accepted" and s.kind == "dimse"]
    if not units:
        yield Finding(
            "units",
            "X-ray unit",
            "busy",
            "None is connected yet.",
            "Open Settings, X-ray units: the card there says what to type into the unit.",
            {"units": 0},
        )
        return
    last = max(units, key=lambda s: s.last_seen_at)
    hours = (now() - moment(last.last_seen_at)).total_seconds() / 3600
    age = "less than an hour" if hours < 1 else f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:.0f} days"
    words = f"{last.name} was last heard {age} ago."
    yield Finding("units", "X-ray unit", "good", words, figures={"units": len(units), "hours_quiet": round(hours, 1)})
