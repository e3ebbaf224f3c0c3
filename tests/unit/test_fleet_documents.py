"""Signed documents, proofs of identity and the list of figures: what is taken and what is refused."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from securesystemslib.signer import CryptoSigner

from appliance.certificates import new_key
from appliance.clock import now, stamp
from provisioning.protocol import figures
from provisioning.protocol.documents import Keys, SettingsDocument, WipeDocument, open_document, sign
from provisioning.protocol.identity import Enrolment, Identity, opened, request_for
from provisioning.protocol.messages import Heartbeat
from provisioning.protocol.refused import DocumentRefused, NotKnown
from tests.conftest import SENTINEL

ONLINE, OFFLINE, STRANGER = (CryptoSigner.generate_ed25519() for _ in range(3))
KEYS = Keys({"settings": [ONLINE.public_key], "wipe": [OFFLINE.public_key]})


def _document(serial: str = "B1", version: int = 5, days: int = 1) -> SettingsDocument:
    return SettingsDocument(serial, version, stamp(now() + timedelta(days=days)), {"ae_title": "XRAY"})


def _open(raw: bytes, kind: str = "settings", after: int = 4):
    return open_document(raw, keys=KEYS, kind=kind, serial="B1", after_version=after, at=now())


def _tampered() -> bytes:
    envelope = msgspec.json.decode(sign(_document(), ONLINE))
    other = msgspec.json.decode(sign(_document(version=6), ONLINE))
    return msgspec.json.encode({**envelope, "payload": other["payload"]})


def test_a_good_document_is_opened() -> None:
    """With what was put in."""
    assert _open(sign(_document(), ONLINE)).values == {"ae_title": "XRAY"}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (sign(_document(serial="B2"), ONLINE), "another-serial"),
        (sign(_document(version=4), ONLINE), "old-version"),
        (sign(_document(version=3), ONLINE), "old-version"),
        (sign(_document(days=-1), ONLINE), "expired"),
        (sign(_document(), STRANGER), "unknown-key"),
        (sign(_document(), OFFLINE), "unknown-key"),
        (_tampered(), "bad-signature"),
        (b"{", "unreadable"),
        (b"[]", "unreadable"),
        (sign(WipeDocument("B1", 5, stamp(now() + timedelta(days=1))), ONLINE), "another-kind"),
    ],
)
def test_a_document_is_refused_with_its_reason(raw: bytes, reason: str) -> None:
    """Another box's, older, ended, of a stranger's key, changed, or no document at all."""
    with pytest.raises(DocumentRefused) as caught:
        _open(raw)
    assert caught.value.reason == reason


def test_the_online_key_cannot_order_a_wipe() -> None:
    """A breach of the service destroys nothing at a clinic."""
    wipe = WipeDocument("B1", 1, stamp(now() + timedelta(days=1)))
    with pytest.raises(DocumentRefused, match="unknown-key"):
        _open(sign(wipe, ONLINE), kind="wipe", after=0)
    assert _open(sign(wipe, OFFLINE), kind="wipe", after=0) == wipe


def test_keys_survive_their_own_json() -> None:
    """As they travel in the trust file."""
    again = Keys.from_facts(msgspec.json.decode(msgspec.json.encode(KEYS.as_facts())))
    opened_again = open_document(
        sign(_document(), ONLINE), keys=again, kind="settings", serial="B1", after_version=0, at=now()
    )
    assert opened_again.version == 5


def test_an_identity_is_made_once_and_kept_for_its_user_only(tmp_path: Path) -> None:
    """The same fingerprint after a restart."""
    first = Identity(tmp_path).fingerprint
    assert Identity(tmp_path).fingerprint == first
    assert (tmp_path / "identity.pem").stat().st_mode & 0o777 == 0o600


def test_a_proof_opens_to_its_enrolment_and_a_changed_one_does_not(tmp_path: Path) -> None:
    """The signature covers every byte of the statement."""
    identity = Identity(tmp_path)
    enrolment = Enrolment("B1", "n", request_for("B1", new_key()))
    proof = identity.prove(enrolment)
    assert opened(proof) == (enrolment, identity.fingerprint)
    forged = msgspec.structs.replace(proof, statement=proof.statement.replace(b'"B1"', b'"B2"'))
    with pytest.raises(NotKnown):
        opened(forged)
    with pytest.raises(NotKnown):
        opened(msgspec.structs.replace(proof, public_key=Identity(tmp_path / "other").prove(enrolment).public_key))


def test_only_listed_figures_go() -> None:
    """No free text, whatever it is called; no check that is not known."""
    given = {"waiting": 3, "code": SENTINEL, "hash": SENTINEL, "patient": 1, "words": SENTINEL, "number": SENTINEL}
    assert figures.allowed(given) == {"waiting": 3}
    assert figures.allowed({"code": "unreachable", "hash": "a" * 64}) == {"code": "unreachable", "hash": "a" * 64}
    found = figures.checks([("reader-2", "bad", given), (SENTINEL, "bad", {}), ("door", SENTINEL, {})])
    assert [check.key for check in found] == ["reader-2"]
    assert SENTINEL.encode() not in msgspec.json.encode(found)


def test_a_heartbeat_with_another_field_is_refused() -> None:
    """The list is held at both ends."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"release": "1", "patient": "x"}', type=Heartbeat)
