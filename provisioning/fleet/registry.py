"""Boxes as they are made, claimed by clinics, replaced and retired."""

import re
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from appliance.clock import stamp
from appliance.errors import BadInput
from provisioning.fleet import audit
from provisioning.fleet.store import Store
from provisioning.fleet.tables import Box, Certificate, Clinic
from provisioning.protocol.refused import NoSuch, WrongCode

CODE_TRIES = 10
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # no letter that is read as another
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)  # RFC 9106 by way of FIELD 7
LIVE = ("registered", "enrolled")
ANSWERED = (*LIVE, "wipe-pending")
"""A box that is to be wiped is still answered, with nothing but the order to wipe."""


def valid_serial(text: str) -> str:
    """A serial number: 3 to 32 letters, digits and dashes; raises ValueError."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{2,31}", text):
        raise ValueError("3 to 32 letters, digits and dashes")
    return text


class Registry:
    """The list of boxes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def register(self, serial: str, identity: str, *, who: str) -> str:
        """Enter a box at its manufacture; returns its setup code, which is kept nowhere. Raises BadInput."""
        try:
            valid_serial(serial)
        except ValueError as error:
            raise BadInput(field="Serial", reason=error) from None
        if not re.fullmatch(r"[0-9a-f]{64}", identity):
            raise BadInput(field="Fingerprint", reason="64 hex digits, as `bucky vendor identity` prints them")
        code = new_code()
        with self._store.write() as session:
            taken = session.scalars(select(Box).where((Box.serial == serial) | (Box.identity == identity))).first()
            if taken:
                raise BadInput(field="Serial", reason="this serial or this identity is registered already")
            session.add(Box(serial=serial, identity=identity, code_hash=hash_code(code), registered_at=stamp()))
            audit.record(session, who, "registered", serial)
        return code

    def new_label(self, serial: str, *, who: str) -> str:
        """A fresh setup code for a label that is printed again; the old one is void."""
        code = new_code()
        with self._store.write() as session:
            box = find(session, serial)
            box.code_hash, box.code_tries = hash_code(code), 0
            audit.record(session, who, "label-renewed", serial)
        return code

    def claim(self, serial: str, code: str, clinic: str) -> None:
        """Bind a box to a clinic by the code of its label, which works once; raises WrongCode."""
        with self._store.write() as session:
            box = find(session, serial)
            good = _fits(box.code_hash, code) if box.code_tries < CODE_TRIES else False
            if good:
                box.code_hash, box.clinic_id = None, clinic_named(session, clinic).id
            else:
                box.code_tries += 1
            audit.record(session, "box", "claimed" if good else "claim-refused", serial)
        if not good:
            raise WrongCode

    def assign(self, serial: str, clinic: str, *, who: str) -> None:
        """Bind a box to a clinic by the vendor's own word; the code of the label is void."""
        with self._store.write() as session:
            box = find(session, serial)
            box.clinic_id, box.code_hash = clinic_named(session, clinic).id, None
            audit.record(session, who, "assigned", serial)

    def revoke(self, serial: str, *, who: str) -> None:
        """Shut a box out from its next request on, and from enrolling again."""
        with self._store.write() as session:
            revoke(session, find(session, serial))
            audit.record(session, who, "revoked", serial)


def find(session: Session, serial: str) -> Box:
    """The box of a serial, locked where the database can; raises NotFound."""
    box = session.get(Box, serial, with_for_update=True)
    if box is None:
        raise NoSuch(what="serial number")
    return box


def hand_over(session: Session, old: str, new: str, *, who: str) -> None:
    """A new box takes over the clinic of an old one, which is shut out at once; raises BadInput."""
    before, after = find(session, old), find(session, new)
    if before.clinic_id is None:
        raise BadInput(field="Serial", reason="the old box belongs to no clinic")
    if after.clinic_id is not None or after.state not in LIVE:
        raise BadInput(field="Serial", reason="the new box is in use already")
    after.clinic_id, after.code_hash, after.pinned = before.clinic_id, None, before.pinned
    before.replaced_by = new
    revoke(session, before)
    audit.record(session, who, "replaced", old, by=new)


def revoke(session: Session, box: Box, state: str = "revoked") -> None:
    """No certificate of the box opens anything from now on."""
    box.state = state
    unrevoked = update(Certificate).where(Certificate.serial == box.serial, Certificate.revoked_at.is_(None))
    session.execute(unrevoked.values(revoked_at=stamp()))


def clinic_named(session: Session, name: str) -> Clinic:
    """The clinic of a name, entered if it is new."""
    text = " ".join(name.split())
    if not 1 <= len(text) <= 100:
        raise BadInput(field="Clinic", reason="a name of 1 to 100 letters")
    clinic = session.scalars(select(Clinic).where(Clinic.name == text)).first()
    if clinic is None:
        clinic = Clinic(name=text, made_at=stamp())
        session.add(clinic)
        session.flush()
    return clinic


def new_code() -> str:
    """A setup code: 12 signs in three groups, 59 bits."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(3))


def hash_code(code: str) -> str:
    """argon2id of a code, however it is typed."""
    return _HASHER.hash(_plain(code))


def _fits(known: str | None, code: str) -> bool:
    try:
        return known is not None and _HASHER.verify(known, _plain(code))
    except VerificationError:
        return False


def _plain(code: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", code.upper())
