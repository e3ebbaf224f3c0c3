"""Named accounts: argon2id passwords, PINs for shared PCs, an authenticator's codes if wanted."""

import secrets
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from appliance.accounts.roles import Role
from appliance.accounts.throttle import Throttle
from appliance.archive.database import Database
from appliance.clock import now, stamp
from appliance.errors import BadInput, BuckyError, NotFound, WrongCredentials
from appliance.validators import valid_name

MIN_PASSWORD = 10  # characters
PIN_TRIES = 10
"""After so many wrong PINs in a row on one PC only the password helps."""
_PIN_DIGITS = range(4, 9)
_TOTP_STEP_S = 30


class PinBlocked(BuckyError):
    """Too many wrong PINs on this PC, or none was chosen."""

    code = "pin-blocked"
    message = "The PIN cannot be used here."
    hint = "Log in with your password; then the PIN works again."


class LastAdministrator(BuckyError):
    """A change that would leave the box without anybody who may administer it."""

    code = "last-administrator"
    message = "{name} is the only administrator."
    hint = "Make somebody else an administrator first."


@dataclass(frozen=True)
class Account:
    """A person of the clinic."""

    id: int
    name: str
    role: Role
    session_key: str
    language: str | None = None
    has_pin: bool = False
    has_totp: bool = False
    disabled: bool = False
    last_log_in_at: str | None = None


class Accounts:
    """The accounts of one box."""

    def __init__(self, database: Database, throttle: Throttle, hasher: PasswordHasher | None = None) -> None:
        self._database = database
        self._throttle = throttle
        self._hasher = hasher or PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)  # OWASP's argon2id
        self._nobody = self._hasher.hash(secrets.token_hex())

    @property
    def needs_setup(self) -> bool:
        """Whether there is no account yet."""
        return next(self._database.read.query("SELECT 1 FROM account LIMIT 1"), None) is None

    def all(self) -> list[Account]:
        """Every account, by name."""
        return [_account(row) for row in self._database.read.query("SELECT * FROM account ORDER BY name")]

    def get(self, account_id: int) -> Account:
        """One account; raises NotFound."""
        return _account(self._row("id = ?", account_id))

    def by_session_key(self, session_key: str) -> Account | None:
        """The account that a session names; None when it was ended."""
        try:
            account = _account(self._row("session_key = ?", session_key))
        except NotFound:
            return None
        return None if account.disabled else account

    def add(self, name: str, role: Role, password: str, *, only_if_first: bool = False) -> Account:
        """A further account, or the first one."""
        name, password_hash = _valid_name(name), self._password_hash(password)
        with self._database.write() as db:
            if only_if_first and db.conn.execute("SELECT 1 FROM account").fetchone():
                raise BadInput(field="Setup", reason="this box is set up already; log in")
            try:
                db.conn.execute(
                    "INSERT INTO account (name, role, password_hash, session_key, created_at) VALUES (?, ?, ?, ?, ?)",
                    [name, role, password_hash, secrets.token_urlsafe(24), stamp()],
                )
            except sqlite3.IntegrityError:
                raise BadInput(field="Name", reason="this name is taken") from None
        return _account(self._row("name = ?", name))

    def log_in(self, name: str, password: str, address: str, *, pc: int | None = None) -> Account:
        """The account of a name and password; raises WrongCredentials or TooManyTries.

        On a PC of the clinic wrong tries are counted by PC and name, so that an attacker elsewhere who keeps guessing
        a name cannot keep its owner out.
        """
        where = f"pc {pc}" if pc is not None else "anywhere"
        places = (f"name {name.strip().lower()[:64]} {where}", f"address {address}")
        self._throttle.check(*places)
        try:
            row: dict[str, Any] | None = self._row("name = ? AND disabled_at IS NULL", name.strip())
        except NotFound:
            row = None
        if not self._matches(row["password_hash"] if row else self._nobody, password) or row is None:
            self._throttle.failed(*places)
            raise WrongCredentials(what="The name or password")
        self._throttle.succeeded(*places)
        return _account(row)

    def check_password(self, account: Account, password: str) -> None:
        """The password again, before something grave; raises WrongCredentials or TooManyTries."""
        place = f"again {account.id}"
        self._throttle.check(place)
        if not self._matches(self._row("id = ?", account.id)["password_hash"], password):
            self._throttle.failed(place)
            raise WrongCredentials(what="The password")
        self._throttle.succeeded(place)

    def log_in_with_pin(self, account_id: int, pin: str, pc: int) -> Account:
        """Switch to an account on a PC of the clinic; raises WrongCredentials or TooManyTries."""
        place = f"pin {account_id} pc {pc}"
        self._throttle.check(place)
        row = self._row("id = ? AND disabled_at IS NULL", account_id)
        if row["pin_hash"] is None or self._throttle.number(place) >= PIN_TRIES:
            raise PinBlocked
        if not self._matches(row["pin_hash"], pin):
            self._throttle.failed(place)
            raise WrongCredentials(what="The PIN")
        self._throttle.succeeded(place)
        return _account(row)

    def forget_pin_tries(self, account_id: int, pc: int) -> None:
        """After a log-in in full the PIN may be used again on this PC."""
        self._throttle.succeeded(f"pin {account_id} pc {pc}")

    def note_log_in(self, account_id: int) -> None:
        """Remember when somebody came."""
        self._set(account_id, last_log_in_at=stamp())

    def set_pin(self, account_id: int, pin: str | None) -> None:
        """Give an account a PIN, or take it away."""
        if pin is not None and not (pin.isdecimal() and len(pin) in _PIN_DIGITS and len(set(pin)) > 1):
            raise BadInput(field="PIN", reason="4 to 8 digits, not all the same")
        self._set(account_id, pin_hash=None if pin is None else self._hasher.hash(pin))

    def set_password(self, account_id: int, password: str) -> None:
        """A new password; every session of the account ends."""
        self._set(account_id, password_hash=self._password_hash(password), session_key=secrets.token_urlsafe(24))

    def set_language(self, account_id: int, language: str | None) -> None:
        """The language of the pages for this person."""
        self._set(account_id, language=language)

    def set_role(self, account_id: int, role: Role) -> None:
        """Another role; every session of the account ends. Raises LastAdministrator."""
        if role != "administrator":
            self._not_the_last_administrator(account_id)
        self._set(account_id, role=role, session_key=secrets.token_urlsafe(24))

    def disable(self, account_id: int, *, disabled: bool = True) -> None:
        """Shut an account, or open it again; the name stays with what it did. Raises LastAdministrator."""
        if disabled:
            self._not_the_last_administrator(account_id)
        self._set(account_id, disabled_at=stamp() if disabled else None, session_key=secrets.token_urlsafe(24))

    def set_totp(self, account_id: int, secret: str | None, code: str = "") -> None:
        """Ask for an authenticator's code from now on, proven by one; None ends it."""
        step = None if secret is None else _totp_step(secret, code)
        if secret is not None and step is None:
            raise WrongCredentials(what="The code")
        self._set(account_id, totp_secret=secret, totp_last_step=step)

    def check_code(self, account: Account, code: str) -> None:
        """The authenticator's code (RFC 6238), each serves once; raises WrongCredentials or TooManyTries."""
        place = f"code {account.id}"
        self._throttle.check(place)
        row = self._row("id = ?", account.id)
        step = _totp_step(row["totp_secret"], code) if row["totp_secret"] else None
        if step is None or step <= (row["totp_last_step"] or 0):
            self._throttle.failed(place)
            raise WrongCredentials(what="The code")
        self._throttle.succeeded(place)
        self._set(account.id, totp_last_step=step)

    def _not_the_last_administrator(self, account_id: int) -> None:
        others = "SELECT 1 FROM account WHERE role = 'administrator' AND disabled_at IS NULL AND id != ?"
        account = self.get(account_id)
        if account.role == "administrator" and not self._database.read.conn.execute(others, [account_id]).fetchone():
            raise LastAdministrator(name=account.name)

    def _set(self, account_id: int, **columns: object) -> None:
        """Change columns of one account; the names come from this class, never from outside."""
        assignments = ", ".join(f"{name} = :{name}" for name in columns)
        with self._database.write() as db:
            sql = f"UPDATE account SET {assignments} WHERE id = :id"  # noqa: S608 - our own columns
            changed = db.conn.execute(sql, {**columns, "id": account_id})
            if changed.rowcount == 0:
                raise NotFound(what="account")

    def _row(self, condition: str, value: object) -> dict[str, Any]:
        sql = f"SELECT * FROM account WHERE {condition}"  # noqa: S608 - our own condition
        row = next(iter(self._database.read.query(sql, [value])), None)
        if row is None:
            raise NotFound(what="account")
        return dict(row)

    def _password_hash(self, password: str) -> str:
        if len(password) < MIN_PASSWORD:
            raise BadInput(field="Password", reason=f"at least {MIN_PASSWORD} characters")
        return self._hasher.hash(password)

    def _matches(self, known_hash: str, given: str) -> bool:
        try:
            return self._hasher.verify(known_hash, given)
        except (VerificationError, InvalidHashError):
            return False


def new_totp_secret() -> str:
    """A secret for an authenticator."""
    return pyotp.random_base32()


def totp_address(secret: str, name: str, issuer: str) -> str:
    """The `otpauth:` address that the authenticator scans."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer)


def _totp_step(secret: str, code: str) -> int | None:
    """The time step that a code belongs to, one before and after allowed; None for a wrong code."""
    totp, present = pyotp.TOTP(secret), int(now().timestamp()) // _TOTP_STEP_S
    steps: Iterable[int] = (present, present - 1, present + 1)
    right = code.replace(" ", "")
    return next((s for s in steps if secrets.compare_digest(totp.at(s * _TOTP_STEP_S), right)), None)


def _valid_name(name: str) -> str:
    try:
        return valid_name(name)
    except ValueError as error:
        raise BadInput(field="Name", reason=str(error)) from None


def _account(row: dict[str, Any]) -> Account:
    return Account(
        id=row["id"],
        name=row["name"],
        role=row["role"],
        session_key=row["session_key"],
        language=row["language"],
        has_pin=row["pin_hash"] is not None,
        has_totp=row["totp_secret"] is not None,
        disabled=row["disabled_at"] is not None,
        last_log_in_at=row["last_log_in_at"],
    )
