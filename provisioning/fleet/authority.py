"""The vendor's certificate authority: the service's own certificate, and client certificates of boxes."""

import ipaddress
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from appliance.certificates import PEM, builder, named, new_key, private_pem, sign_authority, sign_leaf
from appliance.clock import now
from provisioning.protocol.identity import fingerprint, keep, load_key, spki
from provisioning.protocol.messages import CERTIFICATE_DAYS
from provisioning.protocol.refused import NotKnown

AUTHORITY_DAYS = 7300
SERVER_DAYS = 825
RENEW_BEFORE = timedelta(days=60)
_BACKDATED = timedelta(hours=1)  # clocks differ a little


class Authority:
    """The authority in a folder; its key is readable by the service's user only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.certificate_file = folder / "authority.pem"
        self.server_certificate_file = folder / "server.pem"
        self.server_key_file = folder / "server-key.pem"

    def create(self, name: str, hosts: list[str]) -> None:
        """Make the authority, once, and the certificate of the service for its host names."""
        key, subject = new_key(), named(f"{name} authority")
        made = sign_authority(builder(subject, subject, key.public_key(), *_time(timedelta(days=AUTHORITY_DAYS))), key)
        keep(self._folder / "authority-key.pem", private_pem(key))
        keep(self.certificate_file, made.public_bytes(PEM), 0o644)
        self._make_server([_host(host) for host in hosts])

    def ensure_server(self) -> bool:
        """Renew the service's own certificate when it is about to end, for the same names; True if it was."""
        found = x509.load_pem_x509_certificate(self.server_certificate_file.read_bytes())
        if found.not_valid_after_utc > now() + RENEW_BEFORE:
            return False
        self._make_server(list(found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value))
        return True

    def _make_server(self, names: list[x509.GeneralName]) -> None:
        key = new_key()
        subject, times = named("Bucky fleet"), _time(timedelta(days=SERVER_DAYS))
        unsigned = builder(subject, self.certificate.subject, key.public_key(), *times)
        made = sign_leaf(unsigned, self._key, ExtendedKeyUsageOID.SERVER_AUTH, names)
        keep(self.server_key_file, private_pem(key))
        keep(self.server_certificate_file, made.public_bytes(PEM), 0o644)

    @cached_property
    def certificate(self) -> x509.Certificate:
        """The authority's own certificate."""
        return x509.load_pem_x509_certificate(self.certificate_file.read_bytes())

    @cached_property
    def _key(self) -> ec.EllipticCurvePrivateKey:
        return load_key(self._folder / "authority-key.pem")

    def issue(
        self, serial: str, key: ec.EllipticCurvePublicKey, life: timedelta = timedelta(days=CERTIFICATE_DAYS)
    ) -> x509.Certificate:
        """A client certificate; the subject is the serial that the service knows, whatever the request says."""
        unsigned = builder(named(serial), self.certificate.subject, key, *_time(life))
        return sign_leaf(unsigned, self._key, ExtendedKeyUsageOID.CLIENT_AUTH)


def requested_key(csr_pem: str) -> ec.EllipticCurvePublicKey:
    """The P-256 key of a request whose own signature is good; raises NotKnown."""
    try:
        csr = x509.load_pem_x509_csr(csr_pem.encode())
        key = csr.public_key()
    except ValueError:
        raise NotKnown from None
    if not csr.is_signature_valid or not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise NotKnown
    return key


def fingerprint_of(certificate: x509.Certificate) -> str:
    """SHA-256 of a certificate, 64 hex digits."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def key_fingerprint_of(key: ec.EllipticCurvePublicKey) -> str:
    """SHA-256 of a public key, 64 hex digits."""
    return fingerprint(spki(key))


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _time(life: timedelta) -> tuple[datetime, datetime]:
    at = now()
    return min(at, at + life) - _BACKDATED, at + life
