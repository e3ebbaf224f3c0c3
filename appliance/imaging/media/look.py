"""How a copy shows a picture: as the file says, or as a person sees it on the light table."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.dicom.repair import Rules

if TYPE_CHECKING:
    from appliance.imaging.voi import Window

Point = tuple[float, float]


@dataclass(frozen=True)
class Figure:
    """A line, a ring at a single point, or words about their middle, with a leader to a second point.

    Points are column and row from the upper left corner of the first stored pixel, whose centre is (0.5, 0.5).
    """

    points: tuple[Point, ...]
    words: str = ""


@dataclass(frozen=True)
class Look:
    """How a picture is shown; by default as the file says."""

    window: "Window | None" = None
    choice: int = 0
    """Which of the file's own windows and VOI LUTs, where there is no `window`."""
    invert: bool | None = None
    """Whether white is black, None as the file says."""
    turn: int = 0
    """Degrees clockwise, a multiple of 90, before the mirroring."""
    mirror: bool = False
    overlays: bool = True
    shutters: bool = True
    figures: tuple[Figure, ...] = ()

    @property
    def rules(self) -> Rules:
        """The turn and the mirroring alone."""
        return Rules(turn=self.turn % 360, mirror=self.mirror)


AS_RECEIVED = Look()
