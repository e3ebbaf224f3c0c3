"""The vendor: whether somebody looks after this box from afar, when they were last reached, and who is let in now."""

from collections.abc import Iterator

from appliance.clock import moment, now
from appliance.health.finding import Finding

_QUIET_HOURS = 24.0
_TITLE = "Vendor"


def vendor(*, trusted: bool, heard_at: str | None, consent_until: str | None) -> Iterator[Finding]:
    """Without a trust file the box belongs to no vendor and calls nobody; `heard_at` and `consent_until` are stamps."""
    if not trusted:
        words = "This box belongs to no vendor: nobody sees how it is, and no new software comes by itself."
        advice = "If a vendor gave you this box, ask for its trust file and run `bucky vendor join FILE`."
        yield Finding("vendor", _TITLE, "good", words, advice)
        return
    if heard_at is None:
        advice = "Let the box reach the internet (HTTPS, port 443). Pictures are taken and sent all the same."
        yield Finding("vendor", _TITLE, "busy", "The vendor’s service was never reached.", advice)
    else:
        yield _heard(heard_at)
    if consent_until is not None:
        until = moment(consent_until).astimezone().strftime("%Y-%m-%d %H:%M")
        words = f"Support may help on this box until {until}."
        yield Finding("support", "Support", "busy", words, "Settings, Support shows what it does, and ends it.")


def _heard(heard_at: str) -> Finding:
    hours = max(0.0, (now() - moment(heard_at)).total_seconds() / 3600)
    figures = {"hours_quiet": round(hours, 1)}
    if hours < _QUIET_HOURS:
        return Finding("vendor", _TITLE, "good", "The vendor’s service answers.", figures=figures)
    words = f"The vendor’s service was last reached {hours / 24:.0f} days ago."
    advice = "Pictures are taken and sent all the same; no help and no new software comes until the line is back."
    return Finding("vendor", _TITLE, "busy", words, advice, figures)
