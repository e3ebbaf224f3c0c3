"""The box's own authority: when certificates are kept and when they are made anew."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from appliance.authority import PAGE_DAYS, PageCertificate, as_der, ensure_page_certificate, fingerprint
from appliance.clock import now


def _ensure(folder: Path, *addresses: str) -> PageCertificate:
    return ensure_page_certificate(folder, box="Bucky 1a2b", names=["bucky.local"], addresses=addresses or ["10.0.0.7"])


def _page(paths: PageCertificate) -> x509.Certificate:
    return x509.load_pem_x509_certificates(paths.certificate.read_bytes())[0]


def test_a_good_certificate_is_kept_and_a_new_address_gets_a_new_one(tmp_path: Path) -> None:
    """The authority stays, so that PCs need not be told again."""
    first = _page(_ensure(tmp_path))
    authority = fingerprint(tmp_path / "authority.pem")
    assert _page(_ensure(tmp_path)) == first
    assert _page(_ensure(tmp_path, "10.0.0.7", "10.0.0.8")) != first
    assert fingerprint(tmp_path / "authority.pem") == authority


def test_it_is_renewed_before_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A month ahead, by the same authority."""
    first = _page(_ensure(tmp_path))
    later = now() + timedelta(days=PAGE_DAYS - 29)
    monkeypatch.setattr("appliance.authority.now", lambda: later)
    second = _page(_ensure(tmp_path))
    assert second.not_valid_after_utc > first.not_valid_after_utc
    second.verify_directly_issued_by(x509.load_pem_x509_certificate((tmp_path / "authority.pem").read_bytes()))


@pytest.mark.parametrize("damaged", ["page.pem", "page-key.pem", "authority.pem", "authority-key.pem"])
def test_a_damaged_file_is_made_anew(tmp_path: Path, damaged: str) -> None:
    """The page comes up with a certificate that fits its key and its authority."""
    _ensure(tmp_path)
    (tmp_path / damaged).write_bytes(b"noise")
    paths = _ensure(tmp_path)
    _page(paths).verify_directly_issued_by(x509.load_pem_x509_certificate(paths.authority.read_bytes()))


def test_keys_are_for_this_user_only(tmp_path: Path) -> None:
    """Mode 0600."""
    _ensure(tmp_path)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*-key.pem")} == {0o600}


def test_clients_believe_it_for_the_box_and_for_nothing_else(tmp_path: Path) -> None:
    """The standard's path validation takes bucky.local, and no name outside .local."""
    paths = _ensure(tmp_path)
    authority = x509.load_der_x509_certificate(as_der(paths.authority))
    policy = PolicyBuilder().store(Store([authority]))
    leaf = _page(paths)
    assert policy.build_server_verifier(x509.DNSName("bucky.local")).verify(leaf, [])
    with pytest.raises(VerificationError):
        policy.build_server_verifier(x509.DNSName("bank.example")).verify(leaf, [])
    stolen = ensure_page_certificate(tmp_path, box="x", names=["bank.example"], addresses=[])
    with pytest.raises(VerificationError):
        policy.build_server_verifier(x509.DNSName("bank.example")).verify(_page(stolen), [])
