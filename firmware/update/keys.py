"""The vendor's keys for images: an authority that boxes believe, and a key that signs bundles. Keep both offline.

`python -m firmware.update.keys FOLDER` makes `authority.pem` (into the image, as /etc/rauc/keyring.pem), its key, and
`signer.pem` with `signer-key.pem`.
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from appliance.certificates import PEM, named, private_pem
from appliance.files import write_whole

_VALID = timedelta(days=20 * 365)  # a box may lie in a store room for years, and has no clock of its own there
_BACKDATED = timedelta(days=5 * 365)


def make(folder: Path) -> None:
    """Make what is missing; what is there stays."""
    if (folder / "signer.pem").exists():
        return
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority_key, signer_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name = named("Bucky images")
    authority = (
        _certificate(authority_name, authority_name, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    signer = (
        _certificate(named("Bucky image signer"), authority_name, signer_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)  # as CMS asks
        .sign(authority_key, hashes.SHA256())
    )
    write_whole(folder / "authority-key.pem", private_pem(authority_key))
    write_whole(folder / "signer-key.pem", private_pem(signer_key))
    write_whole(folder / "authority.pem", authority.public_bytes(PEM), 0o644)
    write_whole(folder / "signer.pem", signer.public_bytes(PEM), 0o644)


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    at = datetime.now(UTC)
    built = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    built = built.serial_number(x509.random_serial_number())
    return built.not_valid_before(at - _BACKDATED).not_valid_after(at + _VALID)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
