"""At a reader service: links that show one study, to look at only, until a day, to whoever has the link."""

import hashlib
import secrets
from dataclasses import dataclass

from appliance.archive.database import Database
from appliance.clock import after, stamp
from appliance.errors import BadInput, NotFound

LONGEST_DAYS = 30
_DAY_S = 86_400


@dataclass(frozen=True)
class Share:
    """One link; its secret is known to nobody here."""

    id: int
    study_instance_uid: str
    asked_by: str
    ends_at: str


class Shares:
    """The links of one archive."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def make(self, study_instance_uid: str, asked_by: str, days: object) -> tuple[Share, str]:
        """A link for so many days, and its secret, which is told once; raises BadInput."""
        if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= LONGEST_DAYS:
            raise BadInput(field="Days", reason=f"a number from 1 to {LONGEST_DAYS}")
        secret, ends_at = secrets.token_urlsafe(32), after(days * _DAY_S)
        with self._database.write() as db:
            (row_id,) = db.conn.execute(
                "INSERT INTO share (secret_sha256, study_instance_uid, asked_by, made_at, ends_at)"
                " VALUES (?, ?, ?, ?, ?) RETURNING id",
                [_digest(secret), study_instance_uid, asked_by, stamp(), ends_at],
            ).fetchone()
        return Share(int(row_id), study_instance_uid, asked_by, ends_at), secret

    def open(self, secret: str) -> Share:
        """The link of a secret while it is good; raises NotFound."""
        row = self._database.read.conn.execute(
            "SELECT id, study_instance_uid, asked_by, ends_at FROM share"
            " WHERE secret_sha256 = ? AND ends_at > ? AND revoked_at IS NULL",
            [_digest(secret), stamp()],
        ).fetchone()
        if row is None:
            raise NotFound(what="link")
        return Share(*row)

    def revoke(self, study_instance_uid: str, share_id: int) -> None:
        """End a link now; raises NotFound."""
        with self._database.write() as db:
            sql = "UPDATE share SET revoked_at = ? WHERE id = ? AND study_instance_uid = ? AND revoked_at IS NULL"
            if db.conn.execute(sql, [stamp(), share_id, study_instance_uid]).rowcount == 0:
                raise NotFound(what="link")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
