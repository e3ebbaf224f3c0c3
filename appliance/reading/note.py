"""What clinic and reader tell each other on a case; `note_sr` makes DICOM of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

NoteKind = Literal["request", "question", "answer", "acknowledgement", "late pictures", "withdrawal"]
TITLES: dict[NoteKind, str] = {
    "request": "Reading request",
    "question": "Question of the reader",
    "answer": "Answer of the clinic",
    "acknowledgement": "Critical finding acknowledged",
    "late pictures": "Pictures added to an open case",
    "withdrawal": "Request withdrawn",
}
NOTE_KINDS: tuple[NoteKind, ...] = get_args(NoteKind)


@dataclass(frozen=True)
class Note:
    """`paragraphs` are label and text; `refers_to` is the SOP Instance UID of what it answers or is about."""

    kind: NoteKind
    paragraphs: Sequence[tuple[str, str]]
    author: str
    organisation: str
    refers_to: str | None = None
    written_at: datetime | None = None
