"""Pairing codes of a reader service: a clinic types one into its box instead of an address and a long token."""

import hashlib
import secrets

from appliance.accounts.first_run import new_code, tidied
from appliance.accounts.throttle import Throttle
from appliance.accounts.tokens import Tokens
from appliance.archive.database import Database
from appliance.clock import after, stamp
from appliance.errors import BadInput, WrongCredentials
from appliance.validators import valid_name

GOOD_FOR_S = 24 * 3600.0


class Invitations:
    """Codes that serve once, for a day."""

    def __init__(self, database: Database, tokens: Tokens, throttle: Throttle) -> None:
        self._database = database
        self._tokens = tokens
        self._throttle = throttle

    def make(self, clinic: str, by: str) -> str:
        """A code for a clinic; raises BadInput."""
        try:
            clinic = valid_name(clinic)
        except ValueError as error:
            raise BadInput(field="Clinic", reason=str(error)) from None
        code = new_code()
        with self._database.write() as db:
            db.conn.execute("DELETE FROM invitation WHERE ends_at < ? OR clinic = ?", [stamp(), clinic])
            db.conn.execute(
                "INSERT INTO invitation (code_sha256, clinic, made_by, made_at, ends_at) VALUES (?, ?, ?, ?, ?)",
                [_digest(code), clinic, by, stamp(), after(GOOD_FOR_S)],
            )
        return code

    def redeem(self, code: str, address: str) -> tuple[str, str]:
        """The clinic's name and its new token; guessing is slowed down. Raises WrongCredentials, TooManyTries."""
        place = f"pairing from {address}"
        self._throttle.check(place)
        with self._database.write() as db:
            row = db.conn.execute(
                "DELETE FROM invitation WHERE code_sha256 = ? AND ends_at >= ? RETURNING clinic",
                [_digest(tidied(code)), stamp()],
            ).fetchone()
        if row is None:
            self._throttle.failed(place)
            raise WrongCredentials(what="The pairing code")
        self._throttle.succeeded(place)
        clinic = str(row[0])
        return clinic, self._tokens.create(f"{clinic[:50]} {secrets.token_hex(2)}", "technician", clinic)


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
