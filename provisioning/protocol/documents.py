"""What the vendor tells a box, signed: DSSE envelopes with Ed25519, bound to a serial, numbered and with an end.

For every kind the number only rises on a box. A document that was followed once is thereby refused the next time, and
so is whatever came before it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import Signer, SSlibKey

from appliance.clock import moment
from provisioning.protocol.commands import Command
from provisioning.protocol.refused import DocumentRefused

PAYLOAD_TYPE = "application/vnd.bucky.document+json"
Value = str | int | float | bool | list[str]


class Document(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """Base of the documents; `expires` is a stamp of `appliance.clock`."""

    serial: str
    version: int
    expires: str


class SettingsDocument(Document, frozen=True, tag="settings"):
    """The vendor's part of the settings of one box, whole; what is missing goes back to its default."""

    values: dict[str, Value]


class CommandDocument(Document, frozen=True, tag="command"):
    """One command of support; `id` names it in the service."""

    id: str
    command: Command


class VoucherDocument(Document, frozen=True, tag="voucher"):
    """Binds a box to a clinic without the internet; `identity` is the fingerprint of the box's identity key."""

    clinic: str
    identity: str
    values: dict[str, Value]


class ReleaseDocument(Document, frozen=True, tag="release"):
    """Which release the box is to run; the release itself comes and is proven by TUF."""

    release: str


class WipeDocument(Document, frozen=True, tag="wipe"):
    """The end of a box: deliver what waits, then destroy the key of the data. Signed by the offline key only."""


AnyDocument = SettingsDocument | CommandDocument | VoucherDocument | ReleaseDocument | WipeDocument
ONLINE_KINDS = ("settings", "command", "voucher", "release")
KINDS = (*ONLINE_KINDS, "wipe")


class Keys:
    """The public keys a box believes, for each kind of document its own."""

    def __init__(self, by_kind: Mapping[str, Sequence[SSlibKey]]) -> None:
        self._by_kind = by_kind

    @classmethod
    def from_facts(cls, facts: Mapping[str, Mapping[str, Any]]) -> "Keys":
        """From what `as_facts` gave."""
        return cls({kind: [key_from(keyid, key) for keyid, key in keys.items()] for kind, keys in facts.items()})

    def as_facts(self) -> dict[str, dict[str, Any]]:
        """As plain values for JSON: by kind, then by key id."""
        return {kind: {key.keyid: key.to_dict() for key in keys} for kind, keys in self._by_kind.items()}

    def of(self, kind: str) -> list[SSlibKey]:
        """The keys of one kind."""
        return list(self._by_kind.get(kind, ()))


def key_from(keyid: str, facts: Mapping[str, Any]) -> SSlibKey:
    """A public key; `from_dict` empties what it is given, hence the copy."""
    key = SSlibKey.from_dict(keyid, {**facts, "keyval": dict(facts["keyval"])})
    if not isinstance(key, SSlibKey):
        raise TypeError("another kind of key")
    return key


def sign(document: AnyDocument, signer: Signer) -> bytes:
    """The envelope as JSON."""
    envelope = Envelope(msgspec.json.encode(document), PAYLOAD_TYPE, {})
    envelope.sign(signer)
    return msgspec.json.encode(envelope.to_dict())


def open_document(raw: bytes, *, keys: Keys, kind: str, serial: str, after_version: int, at: datetime) -> AnyDocument:
    """The document in an envelope, if this box must follow it; raises DocumentRefused with the reason.

    Reasons: unreadable, unknown-key, bad-signature, another-kind, another-serial, old-version, expired.
    """
    document = _verified(raw, keys.of(kind))
    if document.__struct_config__.tag != kind:
        raise DocumentRefused(reason="another-kind")
    if document.serial != serial:
        raise DocumentRefused(reason="another-serial")
    if document.version <= after_version:
        raise DocumentRefused(reason="old-version")
    try:
        expired = moment(document.expires) <= at
    except ValueError:
        raise DocumentRefused(reason="unreadable") from None
    if expired:
        raise DocumentRefused(reason="expired", version=document.version)
    return document


def _verified(raw: bytes, keys: list[SSlibKey]) -> AnyDocument:
    try:
        envelope = Envelope.from_dict(msgspec.json.decode(raw))
    except (msgspec.DecodeError, KeyError, TypeError, ValueError, AttributeError):
        raise DocumentRefused(reason="unreadable") from None
    if envelope.payload_type != PAYLOAD_TYPE:
        raise DocumentRefused(reason="another-kind")
    if not {key.keyid for key in keys} & envelope.signatures.keys():
        raise DocumentRefused(reason="unknown-key")
    try:
        envelope.verify(list(keys), 1)
    except VerificationError:
        raise DocumentRefused(reason="bad-signature") from None
    try:
        document: AnyDocument = msgspec.json.decode(envelope.payload, type=AnyDocument)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise DocumentRefused(reason="unreadable") from None
    return document
