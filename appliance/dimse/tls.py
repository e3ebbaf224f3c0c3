"""DICOM TLS by the profile of BCP 195 (PS3.15 B.9): the box's certificate, and what is asked of units."""

import hashlib
import ipaddress
import ssl
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from appliance.archive.senders import Senders
from appliance.certificates import PEM, builder, named, new_key, private_pem
from appliance.clock import now
from appliance.files import for_roles, write_whole

# RFC 9325 4.2: forward secrecy and authenticated encryption only; TLS 1.3 has its own list
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM"
_VALID = timedelta(days=3650)
_RENEW_BEFORE = timedelta(days=30)
_BACKDATED = timedelta(days=365)  # a box without a clock chip may be behind


def ensure_certificate(folder: Path, *, common_name: str, addresses: list[str]) -> tuple[Path, Path]:
    """The certificate and key of this box, made when missing, unreadable or about to end."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    if not _is_good(certificate, key):
        folder.mkdir(parents=True, exist_ok=True, mode=for_roles(0o700))
        _make(certificate, key, common_name, addresses)
    return certificate, key


def _is_good(certificate: Path, key: Path) -> bool:
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), None)
    except (OSError, ValueError, TypeError):
        return False
    same = private.public_key() == found.public_key()
    return same and found.not_valid_after_utc > now() + _RENEW_BEFORE


def _make(certificate: Path, key: Path, common_name: str, addresses: list[str]) -> None:
    """Of itself, as units expect that are given one file to believe; hence an authority and a server in one."""
    private, subject, at = new_key(), named(common_name), now()
    names: list[x509.GeneralName] = [x509.DNSName(f"{common_name}.local")]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    built = (
        builder(subject, subject, private.public_key(), at - _BACKDATED, at + _VALID)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    write_whole(key, private_pem(private))
    write_whole(certificate, built.public_bytes(PEM), 0o644)


class Contexts:
    """The TLS settings for a peer: no certificate is asked of it unless a unit at its address has one on file."""

    def __init__(self, certificate: Path, key: Path, senders: Senders) -> None:
        self._certificate, self._key = certificate, key
        self._senders = senders
        self._open = self._context()
        self._pinned: dict[str, ssl.SSLContext] = {}

    def for_address(self, address: str) -> ssl.SSLContext:
        """The settings by the peer's address."""
        on_file = self._senders.certificates_at(address)
        if not on_file:
            return self._open
        bundle = "\n".join(on_file)
        name = hashlib.sha256(bundle.encode()).hexdigest()
        if name not in self._pinned:
            context = self._context()
            context.load_verify_locations(cadata=bundle)
            context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
            context.verify_mode = ssl.CERT_REQUIRED
            self._pinned = {name: context}
        return self._pinned[name]

    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(CIPHERS)
        context.load_cert_chain(self._certificate, self._key)
        return context


def is_certificate(pem: str) -> bool:
    """Whether a text is one certificate in PEM form."""
    try:
        x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        return False
    return True


def shows_certificate(connection: object, pem: str) -> bool:
    """Whether the peer of a connection showed exactly this certificate."""
    if not isinstance(connection, ssl.SSLSocket):
        return False
    shown = connection.getpeercert(binary_form=True)
    wanted = x509.load_pem_x509_certificate(pem.encode()).public_bytes(serialization.Encoding.DER)
    return shown == wanted
