"""People of the vendor: named accounts with a role, a password and an authenticator (RFC 6238)."""

import re
import time
from datetime import timedelta

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
        if len(password) < MIN_PASSWORD:
            raise BadInput(field="Password", reason=f"at least {MIN_PASSWORD} letters")
        secret = pyotp.random_base32()
        with self._store.write() as session:
            if session.get(Staff, name):
                raise BadInput(field="Name", reason="somebody has this name")
            session.add(Staff(name=name, role=role, password_hash=_HASHER.hash(password), totp_secret=secret))
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

    def role_of(self, name: str) -> str | None:
        """The role at this moment; None for nobody, and for who is blocked."""
        with self._store.read() as session:
            return session.scalar(select(Staff.role).where(Staff.name == name, Staff.blocked.is_(False)))

    def log_in(self, name: str, password: str, number: str) -> None:
        """Check password and number of the authenticator; raises WrongCredentials, the same for whatever is wrong."""
        with self._store.write() as session:
            person = session.get(Staff, name)
            locked = person is not None and person.locked_until is not None and moment(person.locked_until) > now()
            fits = _fits(person.password_hash if person else _NOBODY, password)
            step = _step_of(person.totp_secret, number) if person else None
            good = bool(person and fits and not locked and not person.blocked and step and step > person.totp_last)
            if person and good:
                person.failures, person.locked_until, person.totp_last = 0, None, step or 0
            elif person and not locked:
                person.failures += 1
                if person.failures >= FAILURES:
                    person.failures, person.locked_until = 0, stamp(now() + LOCK)
            audit.record(session, name[:64] if person else "unknown", "logged-in" if good else "log-in-refused")
        if not good:
            raise WrongCredentials(what="Name, password or number")


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
