"""DICOM TLS against dcmtk's storescu: the profile, and certificates of units."""

import datetime
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from appliance.phantom.unit import AssociationRejected, send, write
from tests.box import HOST, Box
from tests.orthanc import need
from tests.pictures import small_study


@pytest.fixture
def box(make_box: Callable[..., Box]) -> Box:
    """A box that accepts storescu."""
    started = make_box().set_up().start()
    started.accept("STORESCU")
    return started


def unit_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate and key as X-ray units make them."""
    folder.mkdir(exist_ok=True)
    key = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    paths[0].write_bytes(built.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.TraditionalOpenSSL
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return paths


def storescu(box: Box, picture: Path, *tls: str) -> int:
    """The exit status of dcmtk's storescu over TLS; it trusts the box's certificate and no other."""
    need("storescu")
    trust = ("+cf", str(box.data / "tls" / "certificate.pem"))
    command = ["storescu", "-aet", "STORESCU", *tls, *trust, HOST, str(box.tls_port), str(picture)]
    return subprocess.run(command, timeout=30, check=False, capture_output=True).returncode


def test_storescu_stores_over_tls_and_trusts_the_certificate_of_the_first_run(box: Box, tmp_path: Path) -> None:
    """Anonymous, and with a certificate that nobody asked for."""
    pictures = small_study()
    paths = write(pictures, tmp_path / "files")
    certificate, key = unit_certificate(tmp_path / "unit", "DX1")
    assert storescu(box, paths[0], "+tla") == 0
    assert storescu(box, paths[1], "+tls", str(key), str(certificate)) == 0
    assert len(box.facts("study", "show", str(pictures[0].StudyInstanceUID))) == 2
    assert (box.data / "tls" / "key.pem").stat().st_mode & 0o077 == 0


def test_a_unit_with_a_certificate_on_file_is_believed_with_it_only(box: Box, tmp_path: Path) -> None:
    """Its own certificate stores; another one, none, and the plain port are refused, with the reason kept."""
    pictures = small_study()
    paths = write(pictures, tmp_path / "files")
    certificate, key = unit_certificate(tmp_path / "unit", "DX1")
    other, other_key = unit_certificate(tmp_path / "unit", "OTHER")
    box.bucky("modality", "certificate", "STORESCU", str(certificate))
    assert storescu(box, paths[0], "+tls", str(key), str(certificate)) == 0
    assert storescu(box, paths[1], "+tls", str(other_key), str(other)) != 0
    assert storescu(box, paths[1], "+tla") != 0
    with pytest.raises(AssociationRejected):
        send(pictures, HOST, box.dicom_port, calling_ae="STORESCU")
    assert len(box.facts("study", "show", str(pictures[0].StudyInstanceUID))) == 1
    assert {"tls-failed", "certificate-needed"} <= {row["code"] for row in box.facts("modality", "refusals")}
    box.bucky("modality", "certificate", "STORESCU")
    assert storescu(box, paths[1], "+tla") == 0


def test_old_tls_is_refused(box: Box) -> None:
    """BCP 195: TLS 1.2 or newer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection((HOST, box.tls_port), 5) as connection, pytest.raises(OSError, match=r"SSL|reset"):
        context.wrap_socket(connection)
