"""How each person likes the pictures of an exam to hang: layout, view of each place, how it is turned."""

import json
from typing import Any

from appliance.archive.database import Database
from appliance.errors import BadInput

MOST_ACROSS, MOST_DOWN = 3, 2
_MOST_CHARACTERS = 64
_MOST_EXAMS = 200  # of one person


class Hangings:
    """One arrangement a person and kind of exam."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, account_id: int) -> dict[str, Any]:
        """A person's arrangements by the exam's name."""
        rows = self._database.read.query("SELECT exam, arrangement FROM hanging WHERE account_id = ?", [account_id])
        return {row["exam"]: json.loads(row["arrangement"]) for row in rows}

    def remember(self, account_id: int, exam: str, arrangement: object) -> None:
        """Keep an arrangement, or forget it where it is None; raises BadInput."""
        if not 0 < len(exam) <= _MOST_CHARACTERS:
            raise BadInput(field="Exam", reason=f"1 to {_MOST_CHARACTERS} characters")
        kept = None if arrangement is None else json.dumps(valid_arrangement(arrangement))
        with self._database.write() as db:
            db.conn.execute("DELETE FROM hanging WHERE account_id = ? AND exam = ?", [account_id, exam])
            (count,) = db.conn.execute("SELECT count(*) FROM hanging WHERE account_id = ?", [account_id]).fetchone()
            if kept is not None and count < _MOST_EXAMS:
                db.conn.execute("INSERT INTO hanging VALUES (?, ?, ?)", [account_id, exam, kept])


def valid_arrangement(value: object) -> dict[str, Any]:
    """Columns, rows and places, each with view, rotation and flipped; raises BadInput."""
    try:
        said: Any = value
        columns, rows = int(said["columns"]), int(said["rows"])
        places = [_place(place) for place in said["places"]]
    except (KeyError, TypeError, ValueError):
        raise BadInput(field="Arrangement", reason="columns, rows and places are needed") from None
    if not (1 <= columns <= MOST_ACROSS and 1 <= rows <= MOST_DOWN and len(places) <= columns * rows):
        raise BadInput(field="Arrangement", reason=f"at most {MOST_ACROSS} pictures across and {MOST_DOWN} down")
    return {"columns": columns, "rows": rows, "places": places}


def _place(place: Any) -> dict[str, Any]:
    view = str(place["view"])
    if len(view) > _MOST_CHARACTERS:
        raise ValueError("a view is a few letters")
    return {"view": view, "rotation": float(place["rotation"]) % 360, "flipped": bool(place["flipped"])}
