"""The box's own certificate authority, for the page on the clinic's network.

A PC that trusts the authority shows the page without a warning. The authority is good for names under .local and for
private addresses only (RFC 5280 4.2.1.10), so that its key, should it be stolen, opens nothing else.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from appliance.certificates import PEM, builder, named, new_key, private_pem, sign_authority, sign_leaf
from appliance.clock import now
from appliance.files import for_roles, write_whole

AUTHORITY_DAYS = 3650
PAGE_DAYS = 397  # browsers refuse longer ones from authorities they come with, and may do so from ours
RENEW_DAYS = 30
_BACKDATED = timedelta(days=365)  # a box without a clock chip may be behind
_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8")


@dataclass(frozen=True)
class PageCertificate:
    """The files that a web server needs, and the one that PCs are given."""

    certificate: Path
    """PEM, with the authority's behind it."""
    key: Path
    authority: Path


def ensure_page_certificate(
    folder: Path, *, box: str, names: Sequence[str], addresses: Sequence[str]
) -> PageCertificate:
    """The page's certificate, made anew when it is missing, about to end, or lacks a name or address."""
    folder.mkdir(parents=True, exist_ok=True, mode=for_roles(0o700))
    paths = PageCertificate(folder / "page.pem", folder / "page-key.pem", folder / "authority.pem")
    wanted: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    wanted += [x509.IPAddress(ipaddress.ip_address(a)) for a in addresses if ipaddress.ip_address(a).is_private]
    authority, authority_key = _ensure_authority(folder, box)
    if not _is_good(paths, wanted, authority):
        key = new_key()
        made = _page(box, key, wanted, authority, authority_key)
        write_whole(paths.key, private_pem(key), 0o600)
        write_whole(paths.certificate, made.public_bytes(PEM) + authority.public_bytes(PEM), 0o644)
    return paths


def fingerprint(certificate: Path) -> str:
    """SHA-256 of a certificate as people compare it: pairs of hex digits."""
    digest = x509.load_pem_x509_certificate(certificate.read_bytes()).fingerprint(hashes.SHA256())
    return ":".join(f"{byte:02X}" for byte in digest)


def as_der(certificate: Path) -> bytes:
    """A certificate in the form that Windows, macOS, iOS and Android install."""
    return x509.load_pem_x509_certificate(certificate.read_bytes()).public_bytes(serialization.Encoding.DER)


def _ensure_authority(folder: Path, box: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    certificate, key_file = folder / "authority.pem", folder / "authority-key.pem"
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        good = key.public_key() == found.public_key() and found.not_valid_after_utc > now() + timedelta(days=PAGE_DAYS)
        if good and isinstance(key, ec.EllipticCurvePrivateKey):
            return found, key
    except (OSError, ValueError, TypeError):
        pass  # missing or unreadable: a new one is made, and the page asks PCs to trust it
    fresh = new_key()
    made = _authority(box, fresh)
    write_whole(key_file, private_pem(fresh), 0o600)
    write_whole(certificate, made.public_bytes(PEM), 0o644)
    return made, fresh


def _authority(box: str, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = named(f"{box} of this clinic")
    permitted: list[x509.GeneralName] = [x509.DNSName("local"), x509.DNSName("localhost")]
    permitted += [x509.IPAddress(ipaddress.ip_network(network)) for network in _PRIVATE]
    at = now()
    unsigned = builder(name, name, key.public_key(), at - _BACKDATED, at + timedelta(days=AUTHORITY_DAYS))
    return sign_authority(unsigned.add_extension(x509.NameConstraints(permitted, None), critical=True), key)


def _page(
    box: str,
    key: ec.EllipticCurvePrivateKey,
    names: list[x509.GeneralName],
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    at = now()
    begins, ends = at - timedelta(days=1), at + timedelta(days=PAGE_DAYS)
    unsigned = builder(named(box), authority.subject, key.public_key(), begins, ends)
    return sign_leaf(unsigned, authority_key, ExtendedKeyUsageOID.SERVER_AUTH, names)


def _is_good(paths: PageCertificate, wanted: list[x509.GeneralName], authority: x509.Certificate) -> bool:
    try:
        found = x509.load_pem_x509_certificate(paths.certificate.read_bytes())
        key = serialization.load_pem_private_key(paths.key.read_bytes(), None)
        found.verify_directly_issued_by(authority)
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:  # whatever is wrong with the files, new ones put it right
        return False
    lasts = found.not_valid_after_utc > now() + timedelta(days=RENEW_DAYS)
    return lasts and key.public_key() == found.public_key() and set(wanted) <= set(names)
