"""Reports that are being written: kept at each pause, so that nothing typed is lost with a browser or a line."""

import json
from dataclasses import dataclass

from appliance.archive.database import Database
from appliance.clock import stamp
from appliance.errors import BadInput

FIELDS = ("findings", "impression", "recommendation", "status", "critical", "language", "author")
MAX_BYTES = 200_000


@dataclass(frozen=True)
class Draft:
    """What was last saved."""

    fields: dict[str, str]
    author: str
    saved_at: str


class Drafts:
    """One draft a study."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, study_id: int) -> Draft | None:
        """The draft of a study."""
        row = next(self._database.read.query("SELECT * FROM report_draft WHERE study_id = ?", [study_id]), None)
        return None if row is None else Draft(json.loads(row["fields"]), row["author"], row["saved_at"])

    def save(self, study_id: int, fields: dict[str, str], author: str) -> str:
        """Keep it; returns when. Raises BadInput."""
        content = json.dumps({name: fields[name] for name in FIELDS if name in fields}, ensure_ascii=False)
        if len(content.encode()) > MAX_BYTES:
            raise BadInput(field="Report", reason="it is too long")
        saved_at = stamp()
        with self._database.write() as db:
            db.conn.execute(
                "INSERT INTO report_draft (study_id, fields, author, saved_at) VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET fields = excluded.fields, author = excluded.author,"
                " saved_at = excluded.saved_at",
                [study_id, content, author, saved_at],
            )
        return saved_at

    def discard(self, study_id: int) -> None:
        """The report is signed."""
        with self._database.write() as db:
            db.conn.execute("DELETE FROM report_draft WHERE study_id = ?", [study_id])
