"""Certificates of this box: until when they are good."""

from collections.abc import Iterator
from pathlib import Path

from cryptography import x509

from appliance.clock import now
from appliance.health.finding import Finding

WARN_DAYS = 30


def certificate(path: Path, title: str, advice: str) -> Iterator[Finding]:
    """Days left of a certificate in PEM; nothing is said while there is none."""
    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return
    days = (found.not_valid_after_utc - now()).days
    key = f"certificate-{path.parent.name}"
    if days >= WARN_DAYS:
        yield Finding(key, title, "good", f"Good for {days} days.", figures={"days": days})
    else:
        words = f"Ends in {days} days." if days >= 0 else "Has ended."
        yield Finding(key, title, "busy" if days >= 0 else "bad", words, advice, {"days": days})
