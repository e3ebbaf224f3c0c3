"""Named accounts with argon2id passwords, and the first run that makes the first administrator."""

import secrets
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from appliance.accounts.roles import Role
from appliance.archive.database import Database
from appliance.clock import stamp
from appliance.errors import BadInput, BuckyError, WrongCredentials
from appliance.validators import valid_name

MIN_PASSWORD = 10  # characters
PRACTICES = ("vet", "chiro", "podiatry", "human")
_CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # no characters that are easily mistaken on a label
_FREE_TRIES = 5
_LONGEST_WAIT_S = 300.0


class TooManyTries(BuckyError):
    """Log-ins for this account or from this address are slowed down."""

    code = "too-many-tries"
    message = "Too many wrong tries."
    hint = "Wait {seconds} seconds and try again."


@dataclass(frozen=True)
class Account:
    """A person of the clinic."""

    id: int
    name: str
    role: Role
    session_key: str


class Throttle:
    """Makes guessing slow: after five failures the wait doubles with each more, kept per key in memory."""

    def __init__(self) -> None:
        self._failures: dict[str, tuple[int, float]] = defaultdict(lambda: (0, 0.0))

    def check(self, *keys: str) -> None:
        """Raise TooManyTries while any of the keys must wait."""
        for key in keys:
            failures, last = self._failures[key]
            wait_s = min(_LONGEST_WAIT_S, 2.0 ** (failures - _FREE_TRIES)) if failures >= _FREE_TRIES else 0.0
            left_s = last + wait_s - time.monotonic()
            if left_s > 0:
                raise TooManyTries(seconds=round(left_s) + 1)

    def failed(self, *keys: str) -> None:
        """Count a failure."""
        for key in keys:
            self._failures[key] = (self._failures[key][0] + 1, time.monotonic())

    def succeeded(self, *keys: str) -> None:
        """Forget the failures."""
        for key in keys:
            self._failures.pop(key, None)


class Accounts:
    """The accounts of one box."""

    def __init__(self, database: Database, hasher: PasswordHasher | None = None) -> None:
        self._database = database
        self._hasher = hasher or PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)  # OWASP's argon2id
        self._throttle = Throttle()
        self._nobody = self._hasher.hash(secrets.token_hex())

    @property
    def needs_setup(self) -> bool:
        """Whether there is no account yet."""
        return next(self._database.read.query("SELECT 1 FROM account LIMIT 1"), None) is None

    def setup_code(self) -> str:
        """The code of the device's label, made at first use; who knows it may become the first administrator."""
        code = self._database.setting("setup_code")
        if code is None:
            letters = "".join(secrets.choice(_CODE_ALPHABET) for _ in range(8))
            code = f"{letters[:4]}-{letters[4:]}"
            self._database.set_setting("setup_code", code)
        return code

    def set_up(self, *, clinic: str, kind: str, name: str, password: str) -> Account:
        """The first run: name the clinic and make its first administrator."""
        if kind not in PRACTICES:
            raise BadInput(field="Kind of practice", reason=f"one of {', '.join(PRACTICES)}")
        if not clinic.strip() or len(clinic) > 100:
            raise BadInput(field="Clinic", reason="1 to 100 characters")
        account = self._insert(name, "administrator", password, only_if_first=True)
        self._database.set_setting("clinic_name", clinic.strip())
        self._database.set_setting("practice_kind", kind)
        self._database.set_setting("setup_code", None)
        return account

    def set_up_with_code(self, code: str, address: str, *, clinic: str, kind: str, name: str, password: str) -> Account:
        """The first run from the page, proven by the setup code; guessing it is throttled by address."""
        self._throttle.check(address, "setup")
        given = code.strip().upper().replace(" ", "")
        if not secrets.compare_digest(given.encode(), self.setup_code().encode()):
            self._throttle.failed(address, "setup")
            raise WrongCredentials(what="The setup code")
        return self.set_up(clinic=clinic, kind=kind, name=name, password=password)

    def add(self, name: str, role: Role, password: str) -> Account:
        """A further account."""
        return self._insert(name, role, password, only_if_first=False)

    def _insert(self, name: str, role: Role, password: str, *, only_if_first: bool) -> Account:
        try:
            name = valid_name(name)
        except ValueError as error:
            raise BadInput(field="Name", reason=str(error)) from None
        if len(password) < MIN_PASSWORD:
            raise BadInput(field="Password", reason=f"at least {MIN_PASSWORD} characters")
        password_hash = self._hasher.hash(password)
        session_key = secrets.token_urlsafe(24)
        with self._database.write() as db:
            if only_if_first and db.conn.execute("SELECT 1 FROM account").fetchone():
                raise BadInput(field="Setup", reason="this box is set up already; log in")
            if db.conn.execute("SELECT 1 FROM account WHERE name = ?", [name]).fetchone():
                raise BadInput(field="Name", reason="this name is taken")
            row = db.conn.execute(
                "INSERT INTO account (name, role, password_hash, session_key, created_at) VALUES (?, ?, ?, ?, ?)"
                " RETURNING id",
                [name, role, password_hash, session_key, stamp()],
            ).fetchone()
        return Account(int(row[0]), name, role, session_key)

    def log_in(self, name: str, password: str, address: str) -> Account:
        """The account of a name and password; raises WrongCredentials or TooManyTries."""
        keys = (f"name {name.strip().lower()[:64]}", f"address {address}")
        self._throttle.check(*keys)
        row = next(self._database.read.query("SELECT * FROM account WHERE name = ?", [name.strip()]), None)
        try:
            self._hasher.verify(row["password_hash"] if row else self._nobody, password)
        except (VerificationError, InvalidHashError):
            row = None
        if row is None:
            self._throttle.failed(*keys)
            raise WrongCredentials(what="The name or password")
        self._throttle.succeeded(*keys)
        return _account(row)

    def by_session_key(self, session_key: str) -> Account | None:
        """The account that a session names."""
        row = next(self._database.read.query("SELECT * FROM account WHERE session_key = ?", [session_key]), None)
        return None if row is None else _account(row)


def _account(row: dict[str, Any]) -> Account:
    return Account(row["id"], row["name"], row["role"], row["session_key"])
