"""What the box did by itself to stay whole, told on the page until somebody has read it."""

from dataclasses import dataclass

from sqlite_utils import Database as SqliteUtils

from appliance.archive.database import Database
from appliance.clock import stamp

KEEP = 200

# code -> what happened, what to do
WORDS: dict[str, tuple[str, str]] = {
    "leftovers-removed": (
        "Pictures that were on their way when the box stopped were not complete; their first halves were removed.",
        "Nothing to do: the X-ray unit was not told that they are stored, and sends them again.",
    ),
    "file-adopted": (
        "Complete pictures were on the disk but not yet in the lists; they are in the lists now.",
        "Nothing to do.",
    ),
    "file-missing": (
        "Pictures are in the lists, but their files are gone from the disk.",
        "The box fetches them back from a reader that has them; see the list of damaged pictures.",
    ),
    "file-damaged": (
        "Pictures on the disk are no longer what was received; their files were set aside.",
        "The box fetches them back from a reader that has them. If this happens again, have the disk replaced.",
    ),
    "stray-file": (
        "Files in the archive folder are no pictures of this box; they were set aside in the folder `damaged`.",
        "Nothing to do; if you put them there, use `bucky import` instead.",
    ),
    "index-repaired": (
        "The index of the archive was damaged. Everything in it could be read and was carried over into a new one.",
        "Nothing to do now. If this happens again, have the disk replaced.",
    ),
    "index-from-copy": (
        "The index of the archive was damaged. The box took its own copy and added the pictures received since.",
        "Check under Studies that cases sent since the last copy are still marked as sent; send them again if not.",
    ),
    "index-from-files": (
        "The index of the archive was lost. The box made a new one from the stored pictures.",
        "Log in with the setup code if you are asked, accept the X-ray unit, enter the reader again; or"
        " restore a backup on a new data folder.",
    ),
    "index-rebuilt": ("Somebody had the index made anew from the stored pictures.", "Nothing to do."),
    "picture-healed": (
        "Damaged pictures were fetched back from a reader; they are bit for bit what was received.",
        "Nothing to do.",
    ),
    "picture-healed-pixels": (
        "Damaged pictures were fetched back from a reader; every grey value is what was received, in another coding.",
        "Nothing to do.",
    ),
    "clock-back": (
        "The clock of the box stood earlier than the last picture received.",
        "Check date and time of the box; pictures keep the times that they came with.",
    ),
    "restored": ("This box was restored from a backup.", "Check under Studies that the newest pictures are there."),
}


@dataclass(frozen=True)
class Notice:
    """One code and how many pictures or files it concerns."""

    id: int
    code: str
    number: int
    at: str

    @property
    def message(self) -> str:
        """What happened."""
        return WORDS[self.code][0]

    @property
    def advice(self) -> str:
        """What to do."""
        return WORDS[self.code][1]


def note(db: SqliteUtils, code: str, number: int = 1) -> None:
    """Add to an unread notice of this code, or begin one, inside the caller's transaction."""
    changed = db.conn.execute(
        "UPDATE notice SET number = number + ?, at = ? WHERE code = ? AND seen_at IS NULL", [number, stamp(), code]
    )
    if changed.rowcount == 0:
        db.conn.execute("INSERT INTO notice (code, number, at) VALUES (?, ?, ?)", [code, number, stamp()])
    db.conn.execute("DELETE FROM notice WHERE id NOT IN (SELECT id FROM notice ORDER BY id DESC LIMIT ?)", [KEEP])


class Notices:
    """The notices of one box."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, code: str, number: int = 1) -> None:
        """Tell the clinic; `code` is one of WORDS."""
        with self._database.write() as db:
            note(db, code, number)

    def unread(self) -> list[Notice]:
        """What nobody has read yet, newest first."""
        sql = "SELECT id, code, number, at FROM notice WHERE seen_at IS NULL ORDER BY at DESC"
        return [Notice(**row) for row in self._database.read.query(sql) if row["code"] in WORDS]

    def read_all(self) -> None:
        """Somebody has read them."""
        with self._database.write() as db:
            db.conn.execute("UPDATE notice SET seen_at = ? WHERE seen_at IS NULL", [stamp()])
