"""Which figures of a check may leave the box: by name and form; a free text never goes."""

import re
from collections.abc import Iterable, Mapping

import appliance.peer_errors  # noqa: F401 - so that its errors are among those of the product
from appliance.archive.notices import WORDS
from appliance.archive.refusals import REASONS
from appliance.errors import BuckyError
from provisioning.protocol.messages import Check, Figure

NUMBERS = frozenset(
    {"waiting", "oldest_hours", "studies", "number", "days", "synchronised", "dicom_port", "units", "hours_quiet"}
    | {"free_bytes", "total_bytes", "milliseconds", "bytes_a_day", "not_whole", "checked", "listens"}
)
CHECKS = frozenset(
    {"door", "devices", "units", "unit", "turned-away", "reader", "archive", "audit", "clock", "name", "disk", "backup"}
    | {"pictures", "certificate-tls", "vendor", "support", "rehearsal"}
    | {f"notice-{code}" for code in WORDS}
)
"""The checks of the status page; one that there is several times has its row behind it, as in reader-2."""
_HASH = re.compile(r"[0-9a-f]{64}")
_CODE = re.compile(r"[a-z]+(-[a-z]+){0,5}")
_STATES = ("good", "busy", "bad")


def allowed(figures: Mapping[str, object]) -> dict[str, Figure]:
    """The figures that may go."""
    return {name: value for name, value in figures.items() if _may_go(name, value)}  # type: ignore[misc]  # the call has looked at each value's type


def _may_go(name: str, value: object) -> bool:
    if name == "code":
        return value is None or value in known_codes()
    if name == "hash":
        return isinstance(value, str) and bool(_HASH.fullmatch(value))
    return name in NUMBERS and (value is None or isinstance(value, int | float))


def known_codes() -> frozenset[str]:
    """The codes of the product's own errors; whatever a peer calls its trouble is not among them."""
    classes: list[type[BuckyError]] = [BuckyError]
    found: set[str] = set(REASONS)
    while classes:
        one = classes.pop()
        found.add(one.code)
        classes += one.__subclasses__()
    return frozenset(found)


def check(key: str, state: str, figures: Mapping[str, object]) -> Check | None:
    """A check as it may go; None for one that is not of the product's own list."""
    if re.sub(r"-\d+$", "", key) not in CHECKS or state not in _STATES:
        return None
    return Check(key, state, allowed(figures))


def well_formed(found: Check) -> Check | None:
    """A check that came, without what is not on the list; a code of a newer release is known by its form only."""
    if re.sub(r"-\d+$", "", found.key) not in CHECKS or found.state not in _STATES:
        return None
    code = found.figures.get("code")
    kept = allowed({name: value for name, value in found.figures.items() if name != "code"})
    if isinstance(code, str) and _CODE.fullmatch(code):
        kept["code"] = code
    return Check(found.key, found.state, kept)


def checks(findings: Iterable[tuple[str, str, Mapping[str, object]]]) -> list[Check]:
    """The checks that may go, of (key, state, figures)."""
    return [found for key, state, figures in findings if (found := check(key, state, figures))]
