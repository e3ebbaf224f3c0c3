"""The console's words for what boxes tell in codes: checks, figures, and why something was not done."""

import json
import re

CHECKS = {
    "door": "X-ray unit’s door",
    "devices": "New devices",
    "units": "X-ray units",
    "unit": "X-ray unit",
    "turned-away": "Turned away today",
    "reader": "Line to reader",
    "archive": "Archive",
    "audit": "Audit trail",
    "clock": "Clock",
    "name": "Name on the network",
    "disk": "Disk",
    "backup": "Backup",
    "pictures": "Stored pictures",
    "certificate-tls": "Certificate for X-ray units",
    "vendor": "Line to us",
    "support": "Support",
    "rehearsal": "Morning rehearsal",
    "notice": "Put right by itself",
}
FIGURES = {
    "waiting": "waiting",
    "oldest_hours": "oldest, hours",
    "hours_quiet": "quiet, hours",
    "free_bytes": "free",
    "bytes_a_day": "a day",
    "size_bytes": "size",
    "waits_for_clinic": "report that waits for the clinic",
    "dicom_port": "DICOM port",
    "listens": "can be asked",
    "not_whole": "not whole",
    "milliseconds": "took, ms",
}
_UNITS = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))
REASONS = {
    "no-consent": "The clinic has not let support in. Ask for consent (Settings, Support), then ask the box again.",
    "expired": "The box heard of it too late. Ask again.",
    "broken-off": "The box was switched off while it was at it. It is not repeated; ask again.",
    "not-found": "The box has no such unit, study or port.",
    "bad-input": "The box does not take this value.",
    "not-allowed": "The value is not allowed.",
    "not-the-vendors": "This setting belongs to the clinic.",
    "no-vendor": "With these settings the box did not reach us; it went back to those before.",
    "no-door": "With these settings no X-ray unit got in; the box went back to those before.",
    "not-managed": "This machine’s software is not managed by the box.",
    "not-newer": "The box runs this release or a newer one already and stays with it. There is no way back to an older "
    "release: mend it under a new number.",
    "returned": "The release did not stand its check; the box is back at the one before.",
    "release-refused": "The release did not come whole and proven.",
    "unit-silent": "Nothing answers there. Is the unit on? Address and port are entered by the clinic.",
    "unit-refuses": "The unit answers and turns the box away.",
    "box-title-unknown": "The unit does not know this box’s AE title. Set the title that the unit’s list has.",
    "association-refused": "The other side turns the box away: mostly it knows the box by another AE title.",
    "unreachable": "Nothing answers at the reader’s address.",
    "stalled": "The line stands still.",
    "untrusted": "The reader’s certificate is not believed.",
    "token-refused": "The reader does not take the clinic’s token. The clinic needs a new one from the reader.",
    "wrong-address": "Something else answers at the reader’s address.",
    "service-trouble": "The reader’s service has trouble of its own.",
    "service-full": "The reader’s archive is full.",
    "not-erased": "The box could not destroy the keys of its disk; it tries again. Have the card destroyed.",
    "vendor-unreachable": "Our service was not reached.",
}


def check(key: str) -> str:
    """The name of a check; a row stays behind it, as in 'Line to reader 2'."""
    bare, _, row = key.rpartition("-") if re.search(r"-\d+$", key) else (key, "", "")
    known = CHECKS.get(bare) or CHECKS.get(bare.partition("-")[0], bare)
    detail = bare.partition("-")[2] if bare.startswith("notice-") else row
    return f"{known} {detail}".strip()


def figure(name: str) -> str:
    """The name of a figure."""
    return FIGURES.get(name, name.replace("_", " "))


def reason(code: str) -> str:
    """What a code means and what to do; empty for one that speaks for itself."""
    return REASONS.get(code, "")


def quantity(name: str, value: object) -> str:
    """A figure as people read it: bytes in GB, MB or kB, whole numbers in groups of three."""
    if isinstance(value, bool) or not isinstance(value, int) or name.endswith("port"):
        return str(value)
    if "bytes" in name:
        size, unit = next(((size, unit) for size, unit in _UNITS if value >= size), (1, "B"))
        return f"{value / size:.1f} {unit}" if size > 1 else f"{value} B"
    return f"{value:,}".replace(",", " ")


def answered(name: str) -> str:
    """What a figure of a command's answer is about: a check, a figure of a check, or a figure alone."""
    found = re.fullmatch(r"(.+-\d+)-([a-z_]+)", name)
    if found:
        return f"{check(found[1])}, {figure(found[2])}"
    return check(name) if re.sub(r"-\d+$", "", name) in CHECKS else figure(name)


def detail(text: str) -> str:
    """The rest of an event of the audit, of its JSON."""
    return ", ".join(f"{key} {value}" for key, value in json.loads(text).items() if value)
