"""Delivery receipts: the reader signs which instances it holds, with their digests (Ed25519, RFC 8032).

A receipt is one JSON document: `payload` is the signed text, itself JSON; `public_key` and `signature` are hex. What is
signed is a prefix that no other use of the key shares, and the payload's bytes, so that no canonical form is needed.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from appliance.clock import stamp
from appliance.files import for_roles, sync_folder
from appliance.peer_errors import BadReceipt, ForeignKey
from appliance.validators import valid_reader_key

_PREFIX = b"bucky delivery receipt 1\n"


@dataclass(frozen=True)
class Held:
    """One instance at the reader; several with one SOP Instance UID differ in their digest."""

    sop_instance_uid: str
    dataset_sha256: str
    size_bytes: int
    received_at: str


@dataclass(frozen=True)
class Receipt:
    """What a reader signed: which instances of a study it holds at a moment."""

    study_instance_uid: str
    issued_at: str
    issuer: str
    held: tuple[Held, ...]

    def digests(self, sop_instance_uid: str) -> frozenset[str]:
        """The digests of all data sets with this UID."""
        return frozenset(h.dataset_sha256 for h in self.held if h.sop_instance_uid == sop_instance_uid)


class Signer:
    """The reader's key, made at the first run and kept in a file that only this user reads."""

    def __init__(self, path: Path) -> None:
        self._key = _load(path) if path.exists() else _make(path)
        self.public_key = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()

    def receipt(self, study_instance_uid: str, issuer: str, held: Iterable[Held]) -> dict[str, str]:
        """A signed receipt as a JSON document."""
        payload = json.dumps(
            {
                "study_instance_uid": study_instance_uid,
                "issued_at": stamp(),
                "issuer": issuer,
                "instances": [h.__dict__ for h in held],
            },
            ensure_ascii=False,
        )
        signature = self._key.sign(_PREFIX + payload.encode()).hex()
        return {"payload": payload, "public_key": self.public_key, "signature": signature}


def key_of(document: Mapping[str, Any]) -> str:
    """The key that a receipt names; raises BadReceipt."""
    try:
        return valid_reader_key(str(document["public_key"]))
    except (KeyError, TypeError, ValueError) as error:
        raise BadReceipt from error


def read_receipt(document: Mapping[str, Any], *, public_key: str, study_instance_uid: str) -> Receipt:
    """A receipt whose signature by `public_key` holds for this study; raises ForeignKey, BadReceipt."""
    if key_of(document) != public_key:
        raise ForeignKey
    try:
        payload = str(document["payload"])
        signer = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        signer.verify(bytes.fromhex(document["signature"]), _PREFIX + payload.encode())
        facts = json.loads(payload)
        held = tuple(Held(**{name: row[name] for name in Held.__dataclass_fields__}) for row in facts["instances"])
        receipt = Receipt(facts["study_instance_uid"], facts["issued_at"], facts["issuer"], held)
    except (InvalidSignature, KeyError, TypeError, ValueError) as error:
        raise BadReceipt from error
    if receipt.study_instance_uid != study_instance_uid:
        raise BadReceipt
    return receipt


def fingerprint(public_key: str) -> str:
    """A key in groups that two people can compare by telephone."""
    return " ".join(public_key[at : at + 4] for at in range(0, 32, 4))


def _load(path: Path) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(path.read_bytes())


def _make(path: Path) -> Ed25519PrivateKey:
    """Make the key; when two roles do so at once, the first one's stays."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=for_roles(0o700))
    raw = Ed25519PrivateKey.generate().private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    part = path.with_suffix(f".{os.getpid()}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, for_roles(0o600)), "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(part, path)
    except FileExistsError:
        pass
    finally:
        part.unlink()
    sync_folder(path.parent)
    return _load(path)
