"""People of the vendor: named accounts with a role, a password and an authenticator (RFC 6238)."""

import hashlib
import re
import time
from datetime import timedelta
from typing import Any

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import select

from appliance.clock import moment, now, stamp
from appliance.errors import BadInput, WrongCredentials
from provisioning.fleet import audit
from provisioning.fleet.store import Store
from provisioning.fleet.tables import Staff

MEANINGS = {
    "watcher": "looks",
    "support": "helps clinics",
    "releaser": "rolls releases out",
    "owner": "manages boxes and people",
}
ROLES = tuple(MEANINGS)
"""Each may do what those before it may."""
MIN_PASSWORD = 12
FAILURES = 5
LOCK = timedelta(minutes=15)
_STEP_S = 30
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODY = _HASHER.hash("nobody has this password")


def authenticator_address(name: str, secret: str) -> str:
    """What an authenticator reads as a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name="Bucky fleet")


def new_secret() -> str:
    """A secret for an authenticator, 160 bits."""
    return pyotp.random_base32()


def is_secret(text: str) -> bool:
    """Whether a text has the form of one."""
    return re.fullmatch(r"[A-Z2-7]{32}", text) is not None


def includes(role: str, least: str) -> bool:
    """Whether a role may do what another may."""
    return ROLES.index(role) >= ROLES.index(least)


class People:
    """The accounts."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, name: str, role: str, password: str, *, who: str) -> str:
        """A new account; returns the secret for the authenticator, which is shown once. Raises BadInput."""
        if not re.fullmatch(r"[\w .@-]{1,64}", name):
            raise BadInput(field="Name", reason="letters, digits, spaces and . @ _ - are allowed, at most 64")
        if role not in ROLES:
            raise BadInput(field="Role", reason=f"one of {', '.join(ROLES)}")
        secret, password_hash = new_secret(), _new_hash(password)
        with self._store.write() as session:
            if session.get(Staff, name):
                raise BadInput(field="Name", reason="somebody has this name")
            session.add(Staff(name=name, role=role, password_hash=password_hash, totp_secret=secret))
            audit.record(session, who, "staff-added", person=name, role=role)
        return secret

    def remove(self, name: str, *, who: str) -> None:
        """End an account, and with it every session of it."""
        with self._store.write() as session:
            if person := session.get(Staff, name):
                session.delete(person)
                audit.record(session, who, "staff-removed", person=name)

    def block(self, name: str, *, blocked: bool = True, who: str) -> None:
        """Shut somebody out at the next request, or let them in again; raises BadInput."""
        with self._store.write() as session:
            person = session.get(Staff, name)
            if person is None or name == who:
                raise BadInput(field="Name", reason="the account of somebody else")
            person.blocked = blocked
            audit.record(session, who, "staff-blocked" if blocked else "staff-unblocked", person=name)

    def all(self) -> list[Staff]:
        """Everybody, by name."""
        with self._store.read() as session:
            return list(session.scalars(select(Staff).order_by(Staff.name)))

    def role_of(self, name: str, seal: str) -> str | None:
        """The role at this moment of a session with this seal; None for nobody, and for who is blocked."""
        with self._store.read() as session:
            person = session.get(Staff, name)
        return person.role if person and not person.blocked and _seal(person) == seal else None

    def log_in(self, name: str, password: str, number: str) -> str:
        """Check password and number of the authenticator; returns the seal of the session.

        Raises WrongCredentials, the same for whatever is wrong.
        """
        return self._prove(name, password, number, "logged-in", "log-in-refused")

    def change_password(self, name: str, password: str, number: str, new: str) -> str:
        """One's own password, by the present one and a number; returns the seal of the session that goes on.

        Every other session of the person ends. Raises BadInput and, counted as at the log-in, WrongCredentials.
        """
        if new == password:
            raise BadInput(field="New password", reason="another one than the present")
        change = {"password_hash": _new_hash(new)}
        return self._prove(name, password, number, "password-changed", "password-change-refused", change)

    def change_authenticator(self, name: str, password: str, number: str, secret: str, new_number: str) -> str:
        """One's own authenticator, by password, a number of the old one and one of the new; otherwise as the password.

        `secret` was made here for the page and is no one's yet.
        """
        if not is_secret(secret) or not (step := _step_of(secret, new_number)):
            raise BadInput(field="Number from the new authenticator", reason="the six digits that it shows now")
        change = {"totp_secret": secret, "totp_last": step}
        return self._prove(name, password, number, "authenticator-changed", "authenticator-change-refused", change)

    def set_password(self, name: str, new: str, *, who: str) -> None:
        """A password for somebody who forgot theirs, by who runs the machine; ends their sessions. Raises BadInput."""
        self._give(name, "password-set", {"password_hash": _new_hash(new)}, who)

    def new_authenticator(self, name: str, *, who: str) -> str:
        """A secret for somebody who lost theirs, which is shown once; ends their sessions. Raises BadInput."""
        secret = new_secret()
        self._give(name, "authenticator-set", {"totp_secret": secret, "totp_last": 0}, who)
        return secret

    def _give(self, name: str, what: str, change: dict[str, Any], who: str) -> None:
        with self._store.write() as session:
            person = session.get(Staff, name)
            if person is None or name == who:
                raise BadInput(field="Name", reason="the account of somebody else")
            _change(person, {**change, "failures": 0, "locked_until": None})
            audit.record(session, who, what, person=name)

    def _prove(
        self, name: str, password: str, number: str, done: str, refused: str, change: dict[str, Any] | None = None
    ) -> str:
        """Let a change follow a proof, both in one transaction; returns the seal. Raises WrongCredentials."""
        with self._store.write() as session:
            person = session.get(Staff, name)
            locked = person is not None and person.locked_until is not None and moment(person.locked_until) > now()
            fits = _fits(person.password_hash if person else _NOBODY, password)
            step = _step_of(person.totp_secret, number) if person else None
            good = bool(person and fits and not locked and not person.blocked and step and step > person.totp_last)
            if person and good:
                person.failures, person.locked_until, person.totp_last = 0, None, step or 0
                _change(person, change or {})
            elif person and not locked:
                person.failures += 1
                if person.failures >= FAILURES:
                    person.failures, person.locked_until = 0, stamp(now() + LOCK)
            audit.record(session, name[:64] if person else "unknown", done if good else refused)
            if person and good:
                return _seal(person)
        raise WrongCredentials(what="Name, password or number")


def _change(person: Staff, change: dict[str, Any]) -> None:
    for column, value in change.items():
        setattr(person, column, value)


def _seal(person: Staff) -> str:
    """What a session holds, so that it ends with the password or the authenticator that it was begun with."""
    return hashlib.sha256(f"{person.password_hash}\0{person.totp_secret}".encode()).hexdigest()[:32]


def _new_hash(password: str) -> str:
    """argon2id of a new password; raises BadInput."""
    if len(password) < MIN_PASSWORD:
        raise BadInput(field="Password", reason=f"at least {MIN_PASSWORD} letters")
    return _HASHER.hash(password)


def _fits(known: str, password: str) -> bool:
    try:
        return _HASHER.verify(known, password)
    except VerificationError:
        return False


def _step_of(secret: str, number: str) -> int | None:
    """The time step of a number, now or just before or after; None if it is no number of the secret."""
    at = int(time.time()) // _STEP_S
    totp = pyotp.TOTP(secret)
    return next(
        (step for step in (at, at - 1, at + 1) if pyotp.utils.strings_equal(totp.at(step * _STEP_S), number)), None
    )
