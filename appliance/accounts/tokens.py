"""Bearer tokens for programs (RFC 6750); only their digest is kept."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Protocol

from appliance.accounts.roles import Role
from appliance.archive.database import Database
from appliance.clock import stamp
from appliance.errors import BadInput, NotFound
from appliance.validators import valid_name


@dataclass(frozen=True)
class Token:
    """A program that may use the interfaces; the token itself is shown once, when it is made."""

    id: int
    name: str
    role: Role
    created_at: str
    clinic: str | None = None
    """At a reader service the clinic whose credential it is, by name."""


class TokenCheck(Protocol):
    """Knows tokens by their text."""

    def verify(self, text: str) -> Token | None: ...


class Tokens:
    """The tokens of one box."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str, role: Role, clinic: str | None = None) -> str:
        """Make a token and return its text."""
        try:
            name = valid_name(name)
        except ValueError as error:
            raise BadInput(field="Name", reason=str(error)) from None
        text = f"bucky_{secrets.token_urlsafe(32)}"
        with self._database.write() as db:
            if db.conn.execute("SELECT 1 FROM token WHERE name = ?", [name]).fetchone():
                raise BadInput(field="Name", reason="this name is taken; revoke the old token first")
            db.conn.execute(
                "INSERT INTO token (name, role, token_sha256, created_at, clinic) VALUES (?, ?, ?, ?, ?)",
                [name, role, _digest(text), stamp(), (clinic or "").strip() or None],
            )
        return text

    def all(self) -> list[Token]:
        """All tokens, by name."""
        rows = self._database.read.query("SELECT id, name, role, created_at, clinic FROM token ORDER BY name")
        return [Token(**row) for row in rows]

    def revoke(self, name: str) -> None:
        """Make a token worthless at once."""
        with self._database.write() as db:
            if db.conn.execute("DELETE FROM token WHERE name = ?", [name]).rowcount == 0:
                raise NotFound(what="token")

    def verify(self, text: str) -> Token | None:
        """The token with this text."""
        row = next(
            self._database.read.query(
                "SELECT id, name, role, created_at, clinic FROM token WHERE token_sha256 = ?", [_digest(text)]
            ),
            None,
        )
        return None if row is None else Token(**row)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
