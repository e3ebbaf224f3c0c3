"""The clinic's cases: written as drafts, offline too, and followed until the report is there."""

from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from appliance.archive.blobs import Provenance
from appliance.archive.catalogue import Catalogue, Instance
from appliance.archive.database import Database
from appliance.archive.intake import Intake
from appliance.archive.part10 import take_dataset
from appliance.clock import stamp
from appliance.errors import BadInput, NotFound
from appliance.reading.evidence import read_header
from appliance.reading.note import Note
from appliance.reading.reading_clock import Reading, reading
from appliance.reading.story import URGENCIES, Story, Urgency, from_json, from_study

_FAR_WORDS = {
    "SCHEDULED": "on the reader's list",
    "IN PROGRESS": "a radiologist is reading it",
    "COMPLETED": "the report is signed",
    "CANCELED": "canceled at the reader",
}


@dataclass(frozen=True)
class ReadingCase:
    """A row of the casebook; the far_ columns are what the reader said last."""

    id: int
    study_id: int
    destination_id: int | None
    workitem_uid: str
    state: str
    announced: str
    urgency: Urgency
    story: Story
    document: str | None
    price_cents: int | None
    currency: str | None
    price_basis: str | None
    created_by: str
    created_at: str
    released_by: str | None
    released_at: str | None
    far_state: str | None
    started_at: str | None
    due_at: str | None
    pause_reason: str | None
    far_seen_at: str | None
    completed_at: str | None

    @property
    def is_open(self) -> bool:
        """Whether it was sent and has no final report yet."""
        return self.state == "released"

    @property
    def clock(self) -> Reading | None:
        """The reading clock while the case is open at a reader that keeps one."""
        if not self.is_open or self.announced != "created":
            return None
        return reading(started_at=self.started_at, due_at=self.due_at, pause_reason=self.pause_reason)

    @property
    def where(self) -> str:
        """How far it is, in words."""
        if self.state == "released" and self.announced == "waiting":
            return "waits for the line to the reader"
        if self.state == "released" and self.announced == "unsupported":
            return "sent with the pictures as a document; this reader keeps no list"
        return _FAR_WORDS.get(self.far_state or "", {"canceled": "withdrawn"}.get(self.state, self.state))


class Casebook:
    """All cases of a clinic."""

    def __init__(self, database: Database, catalogue: Catalogue, intake: Intake) -> None:
        self._database = database
        self._catalogue = catalogue
        self._intake = intake

    def get(self, case_id: int) -> ReadingCase:
        """One by its row; raises NotFound."""
        found = self._select("id = ?", [case_id])
        if not found:
            raise NotFound(what="case")
        return found[0]

    def of_study(self, study_id: int) -> list[ReadingCase]:
        """All cases of a study, newest first."""
        return self._select("study_id = ? ORDER BY id DESC", [study_id])

    def open(self, destination_id: int | None = None) -> list[ReadingCase]:
        """Sent and not yet reported: STAT, urgent, oldest."""
        order = " ORDER BY CASE urgency WHEN 'STAT' THEN 0 WHEN 'urgent' THEN 1 ELSE 2 END, released_at"
        if destination_id is None:
            return self._select(f"state = 'released'{order}", [])
        return self._select(f"state = 'released' AND destination_id = ?{order}", [destination_id])

    def drafts(self) -> list[ReadingCase]:
        """Written and not sent."""
        return self._select("state = 'draft' ORDER BY id", [])

    def _select(self, condition: str, values: list[Any]) -> list[ReadingCase]:
        sql = f"SELECT * FROM reading_case WHERE {condition}"  # noqa: S608 - our own condition
        return [_case(row) for row in self._database.read.query(sql, values)]

    def draft(self, study_id: int, by: str, destination_id: int | None) -> ReadingCase:
        """The draft of a study, begun from what the pictures tell if there is none."""
        found = self._select("study_id = ? AND state = 'draft'", [study_id])
        if found:
            return found[0]
        line = self._catalogue.line(self._catalogue.study(study_id))
        region = next((i.body_part_examined for i in line.images if i.body_part_examined), None)
        earlier = next((c.story for c in self.of_study(study_id)), None)
        story = earlier or from_study(line.study, region)
        with self._database.write() as db:
            db.conn.execute(
                "INSERT INTO reading_case (study_id, destination_id, workitem_uid, state, urgency, story, created_by,"
                " created_at) VALUES (?, ?, ?, 'draft', 'routine', ?, ?, ?) ON CONFLICT DO NOTHING",
                [study_id, destination_id, str(generate_uid()), story.as_json(), by, stamp()],
            )
        return self._select("study_id = ? AND state = 'draft'", [study_id])[0]

    def save(self, case_id: int, story: Story, urgency: str, destination_id: int | None) -> ReadingCase:
        """Keep what was typed; raises BadInput, and NotFound if it is no draft any more."""
        if urgency not in URGENCIES:
            raise BadInput(field="Urgency", reason="routine, urgent or STAT")
        with self._database.write() as db:
            changed = db.conn.execute(
                "UPDATE reading_case SET story = ?, urgency = ?, destination_id = ? WHERE id = ? AND state = 'draft'",
                [story.as_json(), urgency, destination_id, case_id],
            )
            if changed.rowcount == 0:
                raise NotFound(what="draft")
        return self.get(case_id)

    def discard(self, case_id: int) -> None:
        """Forget a draft."""
        with self._database.write() as db:
            db.conn.execute("DELETE FROM reading_case WHERE id = ? AND state = 'draft'", [case_id])

    def withdraw(self, case_id: int) -> ReadingCase:
        """Take an open case back; the courier tells the reader."""
        with self._database.write() as db:
            db.conn.execute(
                "UPDATE reading_case SET state = 'canceled', completed_at = ? WHERE id = ? AND state = 'released'",
                [stamp(), case_id],
            )
        return self.get(case_id)

    def attach(self, study_id: int, content: bytes, name: str, by: str) -> None:
        """Add a PDF or a photograph to the study; raises BadInput, DiskFull."""
        from appliance.reading.attachments import attachment

        study = evidence(self._catalogue.line(self._catalogue.study(study_id)).images)
        take_dataset(self._intake, attachment(content, name, study[0]), Provenance("local", by, "", stamp()))

    def note(self, study_id: int, note: Note) -> str:
        """Hang a note on the study; it travels with the pictures. Returns its SOP Instance UID."""
        from appliance.reading.note_sr import note_sr  # highdicom only where something is written

        images = self._catalogue.line(self._catalogue.study(study_id)).images
        ds = note_sr(note, evidence(images))
        take_dataset(self._intake, ds, Provenance("local", note.author, "", stamp()))
        return str(ds.SOPInstanceUID)

    def late_pictures(self, case: ReadingCase) -> list[Instance]:
        """Pictures that came after the case was sent and that nobody has decided about."""
        rows = self._database.read.query(
            "SELECT instance.id FROM instance JOIN sender ON sender.id = sender_id WHERE study_id = ?"
            " AND sender.kind <> 'result' AND quarantined = 0 AND rows IS NOT NULL AND routed = 1"
            " AND instance.id NOT IN (SELECT instance_id FROM delivery WHERE destination_id = ?)",
            [case.study_id, case.destination_id],
        )
        return [self._catalogue.instance(row["id"]) for row in rows]

    def followed(self, case_id: int, **columns: str | None) -> None:
        """Note what the reader said of a case."""
        change = ", ".join(f"{name} = ?" for name in columns)
        with self._database.write() as db:
            db.conn.execute(
                f"UPDATE reading_case SET {change} WHERE id = ?",  # noqa: S608 - our own column names
                [*columns.values(), case_id],
            )

    def completed(self, study_id: int, destination_id: int) -> None:
        """A final report has come for the open case of a study."""
        with self._database.write() as db:
            db.conn.execute(
                "UPDATE reading_case SET state = 'completed', completed_at = ?"
                " WHERE study_id = ? AND destination_id = ? AND state = 'released'",
                [stamp(), study_id, destination_id],
            )


def evidence(images: tuple[Instance, ...]) -> list[Dataset]:
    """Headers of a study's own pictures; raises BadInput if there is none."""
    found = [read_header(image.path) for image in images if image.is_original]
    if not found:
        raise BadInput(field="Case", reason="there is no picture in this study")
    return found


def _case(row: dict[str, Any]) -> ReadingCase:
    return ReadingCase(**{**row, "story": from_json(row["story"])})
