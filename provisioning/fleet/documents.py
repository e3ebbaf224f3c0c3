"""Documents for boxes: made, numbered, signed, handed out, and what became of them."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from securesystemslib.signer import CryptoSigner, Signer, SSlibKey
from sqlalchemy import or_, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from appliance.clock import moment, now, stamp
from appliance.errors import BadInput, BadSetting
from appliance.settings import KEYS, checked
from provisioning.fleet import audit
from provisioning.fleet.registry import find, hand_over
from provisioning.fleet.store import Store
from provisioning.fleet.tables import Box, Document
from provisioning.protocol.commands import Command
from provisioning.protocol.documents import (
    ONLINE_KINDS,
    AnyDocument,
    CommandDocument,
    Keys,
    ReleaseDocument,
    SettingsDocument,
    VoucherDocument,
    WipeDocument,
    sign,
)
from provisioning.protocol.identity import keep
from provisioning.protocol.messages import HeartbeatReply, Outcome
from provisioning.protocol.refused import NoSuch

SETTINGS_LIFE = timedelta(days=90)
COMMAND_LIFE = timedelta(minutes=30)
VOUCHER_LIFE = timedelta(days=90)


class SigningKeys:
    """The service's key for documents; the key for wipes is kept elsewhere, only its public half is here."""

    def __init__(self, folder: Path) -> None:
        self._online = folder / "documents-key.pem"
        self._wipe = folder / "wipe-public.json"

    def create(self, offline: Path) -> None:
        """Make both keys; the one for wipes goes into the folder `offline`, which belongs into a safe."""
        keep(self._online, CryptoSigner.generate_ed25519().private_bytes)
        wipe = CryptoSigner.generate_ed25519()
        keep(offline / "wipe-key.pem", wipe.private_bytes)
        keep(self._wipe, msgspec.json.encode({"keyid": wipe.public_key.keyid, **wipe.public_key.to_dict()}), 0o644)

    def signer(self) -> CryptoSigner:
        """The online key."""
        return load_signer(self._online)

    def public(self) -> Keys:
        """Whom boxes are to believe."""
        facts = msgspec.json.decode(self._wipe.read_bytes())
        keyid = facts.pop("keyid")
        online = self.signer().public_key
        return Keys({**{kind: [online] for kind in ONLINE_KINDS}, "wipe": [SSlibKey.from_dict(keyid, facts)]})


def load_signer(path: Path) -> CryptoSigner:
    """An Ed25519 key from a PEM file."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return CryptoSigner(load_pem_private_key(path.read_bytes(), None))


class Documents:
    """The documents of all boxes."""

    def __init__(self, store: Store, signer: Signer) -> None:
        self._store = store
        self._signer = signer

    def set_settings(self, serial: str, values: dict[str, Any], *, who: str) -> int:
        """The vendor's part of a box's settings from now on, whole; returns its number. Raises BadInput."""
        for key, value in values.items():
            _may_set(key, value)
        with self._store.write() as session:
            return self.add(
                session, serial, lambda n: SettingsDocument(serial, n, _ends(SETTINGS_LIFE), values), who=who
            )

    def settings_of(self, serial: str) -> dict[str, Any]:
        """The vendor's part of a box's settings, as far as the box did not take it back; new ones replace it whole."""
        with self._store.read() as session:
            return _settings_of(session, serial)

    def replace(self, old: str, new: str, *, who: str) -> None:
        """A new box takes over the record of an old one: the clinic and its settings. Raises BadInput."""
        with self._store.write() as session:
            values = _settings_of(session, old)
            hand_over(session, old, new, who=who)
            if values:
                self.add(session, new, lambda n: SettingsDocument(new, n, _ends(SETTINGS_LIFE), values), who=who)

    def send_command(self, serial: str, command: Command, *, who: str, life: timedelta = COMMAND_LIFE) -> int:
        """One command for a box, good for `life`; returns its number."""
        with self._store.write() as session:
            return self.add(
                session, serial, lambda n: CommandDocument(serial, n, _ends(life), f"{serial}-{n}", command), who=who
            )

    def offer_release(self, session: Session, serial: str, release: str, *, who: str) -> int:
        """Tell a box which release it is to run, in the caller's transaction."""
        return self.add(session, serial, lambda n: ReleaseDocument(serial, n, _ends(SETTINGS_LIFE), release), who=who)

    def voucher(self, serial: str, clinic: str, values: dict[str, Any], *, who: str) -> bytes:
        """The envelope for a USB stick that binds a box to a clinic without the internet."""
        for key, value in values.items():
            _may_set(key, value)
        with self._store.write() as session:
            identity = find(session, serial).identity
            number = self.add(
                session,
                serial,
                lambda n: VoucherDocument(serial, n, _ends(VOUCHER_LIFE), clinic, identity, values),
                who=who,
            )
        return self.newest(serial, "voucher", number).envelope

    def order_wipe(self, serial: str, signer: Signer, *, who: str) -> int:
        """Retire a box: it is shut out of everything but this order, signed with the offline key. Raises BadInput."""
        with self._store.write() as session:
            find(session, serial).state = "wipe-pending"
            return self.add(
                session, serial, lambda n: WipeDocument(serial, n, _ends(timedelta(days=3650))), who=who, signer=signer
            )

    def add(self, session: Session, serial: str, make: Any, *, who: str, signer: Signer | None = None) -> int:
        """Number, sign and keep a document; `make` gets the number."""
        box = find(session, serial)
        document: AnyDocument = make(_next_number(session, serial, make))
        kind = str(document.__struct_config__.tag)
        session.add(
            Document(
                serial=serial,
                kind=kind,
                version=document.version,
                envelope=sign(document, signer or self._signer),
                body=msgspec.to_builtins(document),
                made_by=who,
                made_at=stamp(),
            )
        )
        box.versions = {**box.versions, f"{kind}_version": document.version}
        flag_modified(box, "versions")
        audit.record(session, who, f"{kind}-made", serial, **_told(document))
        return document.version

    def newest(self, serial: str, kind: str, after: int) -> Document:
        """The document a box is to look at next: of commands the oldest after a number, else the newest. NotFound."""
        query = select(Document).where(Document.serial == serial, Document.kind == kind)
        if kind == "command":
            query = query.where(Document.version > after).order_by(Document.version)
        else:
            query = query.order_by(Document.version.desc())
        with self._store.read() as session:
            found = session.scalars(query.limit(1)).first()
        if found is None:
            raise NoSuch(what="document")
        return found

    def handed_out(self, serial: str, kind: str, after: int) -> Document:
        """As `newest`, for the box itself: what ended while it was away, and is still wanted, is signed anew."""
        found = self.newest(serial, kind, after)
        if kind not in ("settings", "release") or moment(found.body["expires"]) > now():
            return found
        body = found.body
        with self._store.write() as session:
            if kind == "settings":
                self.add(
                    session,
                    serial,
                    lambda n: SettingsDocument(serial, n, _ends(SETTINGS_LIFE), body["values"]),
                    who=audit.SERVICE,
                )
            else:
                self.offer_release(session, serial, body["release"], who=audit.SERVICE)
        return self.newest(serial, kind, after)

    def note_outcome(self, serial: str, kind: str, outcome: Outcome) -> None:
        """What a box made of a document; told twice, the first word stands. Raises NotFound."""
        with self._store.write() as session:
            found = session.get(Document, (serial, kind, outcome.version))
            if found is None:
                raise NoSuch(what="document")
            if found.outcome is not None:
                return
            found.outcome = "done" if outcome.done else "refused"
            found.reason = outcome.reason[:100]
            found.figures = dict(outcome.figures)
            found.answered_at = stamp()
            if kind == "wipe" and outcome.done:
                from provisioning.fleet.registry import revoke

                revoke(session, find(session, serial), "retired")
            audit.record(session, "box", f"{kind}-{found.outcome}", serial, reason=found.reason)

    def of(self, serial: str, *, limit: int = 50) -> list[Document]:
        """The documents of a box, newest first."""
        query = select(Document).where(Document.serial == serial).order_by(Document.made_at.desc()).limit(limit)
        with self._store.read() as session:
            return list(session.scalars(query))


def reply_to(box: Box) -> HeartbeatReply:
    """The newest number of each kind."""
    wanted = box.versions if box.state != "wipe-pending" else {"wipe_version": box.versions.get("wipe_version", 0)}
    numbers = {k: v for k, v in wanted.items() if k in HeartbeatReply.__struct_fields__}
    return HeartbeatReply(claimed=box.clinic_id is not None, **numbers)


def _settings_of(session: Session, serial: str) -> dict[str, Any]:
    query = (
        select(Document)
        .where(Document.serial == serial, Document.kind.in_(("settings", "voucher")))
        .where(or_(Document.outcome.is_(None), Document.outcome != "refused"))
        .order_by(Document.made_at.desc())
    )
    found = session.scalars(query.limit(1)).first()
    return dict(found.body["values"]) if found else {}


def _next_number(session: Session, serial: str, make: Any) -> int:
    kind = str(make(0).__struct_config__.tag)
    last = session.scalars(
        select(Document.version)
        .where(Document.serial == serial, Document.kind == kind)
        .order_by(Document.version.desc())
        .limit(1)
    ).first()
    return (last or 0) + 1


def _may_set(key: str, value: object) -> None:
    if key not in KEYS or KEYS[key].owner == "clinic":
        raise BadInput(field=key, reason="this belongs to the clinic")
    try:
        checked(key, value)
    except BadSetting as error:
        raise BadInput(field=key, reason=str(error.fields["allowed"])) from None


def _told(document: AnyDocument) -> dict[str, str]:
    """What the audit says of a document beside its kind."""
    told = {"version": str(document.version)}
    if isinstance(document, CommandDocument):
        told["command"] = str(document.command.__struct_config__.tag)
    if isinstance(document, ReleaseDocument):
        told["release"] = document.release
    return told


def _ends(life: timedelta) -> str:
    return stamp(now() + life)
