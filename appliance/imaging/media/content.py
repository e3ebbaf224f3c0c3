"""What is handed over, and how far that is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from appliance.errors import BuckyError
from appliance.imaging.media.look import AS_RECEIVED, Look


class Cancelled(BuckyError):
    """Somebody stopped the export."""

    code = "cancelled"
    message = "The export was stopped."
    hint = "Start it again when it is wanted."


class NotWrittenWell(BuckyError):
    """What was written reads back differently."""

    code = "not-written-well"
    message = "{count} of the files on the medium are not what was written."
    hint = "Use another stick or disc, and write it again."


@dataclass(frozen=True)
class Item:
    """One instance: its file, whether it has pixels, a short name for lists, and how copies show it."""

    path: Path
    is_image: bool
    frames: int
    label: str
    look: Look = AS_RECEIVED
    frame: int = 0
    """The one that is wanted, 0 for all."""

    @property
    def still(self) -> int:
        """The frame that stands for all of them: of a cine the middle one."""
        return self.frame or (self.frames // 2 + 1 if self.frames > 2 else 1)


@dataclass(frozen=True)
class Document:
    """A report for people: a page of HTML or a PDF, by its ending 'HTM' or 'PDF'."""

    title: str
    ending: str
    content: bytes


@dataclass(frozen=True)
class Content:
    """The instances of one study in their order, and lines of text about it; both empty of names if de-identified."""

    items: tuple[Item, ...]
    patient_line: str
    study_line: str
    clinic: str
    documents: tuple[Document, ...] = field(default=())

    @property
    def images(self) -> list[Item]:
        """Those with pixels."""
        return [item for item in self.items if item.is_image]


Step = Callable[[int, int], None]
"""Called with how many of how many steps are done; raises Cancelled to stop."""


def no_progress(_done: int, _total: int) -> None:
    """For callers that do not look."""
