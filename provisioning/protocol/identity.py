"""The identity of a box: a P-256 key that is made on the box and never leaves it.

The identity key signs enrolments only. The keys of TLS are others, and new ones with every certificate.
"""

import hashlib
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import DecodeError, Struct, ValidationError, json

from appliance.certificates import named, new_key, private_pem
from appliance.files import for_roles, write_whole
from provisioning.protocol.refused import NotKnown

_CONTEXT = b"bucky enrolment 1\0"  # so that a signature made for this is good for nothing else


class Enrolment(Struct, frozen=True, forbid_unknown_fields=True):
    """What a box asks: a certificate for the key in `csr` (PEM), answering the service's `nonce`."""

    serial: str
    nonce: str
    csr: str


class Proof(Struct, frozen=True, forbid_unknown_fields=True):
    """An enrolment as bytes, and the identity key's signature over them."""

    public_key: bytes
    """SubjectPublicKeyInfo, DER (RFC 5280 4.1)."""
    statement: bytes
    signature: bytes


class Identity:
    """The identity key of one box, in the file `identity.pem` of a folder; made when first needed."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "identity.pem"

    @cached_property
    def _key(self) -> ec.EllipticCurvePrivateKey:
        if not self._path.exists():
            keep(self._path, private_pem(new_key()))
        return load_key(self._path)

    @property
    def fingerprint(self) -> str:
        """What the vendor registers: SHA-256 of the public key (SPKI, DER), 64 hex digits."""
        return fingerprint(spki(self._key.public_key()))

    def prove(self, enrolment: Enrolment) -> Proof:
        """The enrolment signed with the identity key."""
        statement = json.encode(enrolment)
        signature = self._key.sign(_CONTEXT + statement, ec.ECDSA(hashes.SHA256()))
        return Proof(spki(self._key.public_key()), statement, signature)


def opened(proof: Proof) -> tuple[Enrolment, str]:
    """The enrolment and the fingerprint of the identity key that signed it; raises NotKnown."""
    try:
        key = serialization.load_der_public_key(proof.public_key)
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise NotKnown
        key.verify(proof.signature, _CONTEXT + proof.statement, ec.ECDSA(hashes.SHA256()))
        return json.decode(proof.statement, type=Enrolment), fingerprint(spki(key))
    except (ValueError, InvalidSignature, DecodeError, ValidationError):
        raise NotKnown from None


def request_for(serial: str, key: ec.EllipticCurvePrivateKey) -> str:
    """A certificate signing request (PKCS #10, PEM) with the serial as its common name."""
    made = x509.CertificateSigningRequestBuilder().subject_name(named(serial)).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def fingerprint(spki_der: bytes) -> str:
    """SHA-256 of a public key in SPKI form, 64 hex digits."""
    return hashlib.sha256(spki_der).hexdigest()


def spki(key: ec.EllipticCurvePublicKey) -> bytes:
    """A public key as SubjectPublicKeyInfo, DER."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """The P-256 key in a PEM file; raises ValueError for another kind."""
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path.name} holds another kind of key")
    return key


def keep(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file whole or not at all, synced; its folder, if it is new, is for this user only."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=for_roles(0o700))
    write_whole(path, content, mode)
