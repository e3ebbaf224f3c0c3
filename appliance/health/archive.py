"""The archive: how much is in it, and whether its record of who did what is whole."""

from collections.abc import Iterator

from appliance.archive.catalogue import Catalogue
from appliance.audit.trail import Trail
from appliance.health.finding import Finding


def archive(catalogue: Catalogue) -> Iterator[Finding]:
    """How many studies there are."""
    number = catalogue.count()
    words = f"{number} stud{'y' if number == 1 else 'ies'}."
    yield Finding("archive", "Archive", "good", words, figures={"studies": number})


def trail(audit: Trail) -> Iterator[Finding]:
    """Whether the end of the audit trail is where it was."""
    head = audit.head()
    if trouble := audit.cut():
        advice = "Somebody changed the record of this box. Tell the practice’s owner, and call support."
        yield Finding("audit", "Audit", "bad", trouble, advice, {"number": head.number, "hash": head.hash})
    else:
        words = f"{head.number} events."
        yield Finding("audit", "Audit", "good", words, figures={"number": head.number, "hash": head.hash})
