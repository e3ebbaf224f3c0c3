"""What the light table keeps in a study: drawings with their values, views of pictures, key images; as JSON says it."""

import math
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

Coordinate = Annotated[float, Meta(ge=-65536, le=65536)]
Point = tuple[Coordinate, Coordinate]
"""Column and row from the upper left corner of the first pixel, whose centre is (0.5, 0.5)."""
Word = Annotated[str, Meta(max_length=64)]
Words = Annotated[str, Meta(max_length=1024)]
Uid = Annotated[str, Meta(pattern=r"^[0-9.]{1,64}$")]


class Value(Struct, frozen=True, omit_defaults=True):
    """One number of a measurement; `key` and `unit` are named in `concepts`."""

    key: Word
    name: Word
    value: float
    unit: Word
    note: Words = ""

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ValueError("a value is not a number")


class Basis(Struct, frozen=True):
    """Where the millimetres come from: `kind` as in webui/viewer/src/measure/plane.ts, and its words for staff."""

    kind: Word
    words: Words


class Drawing(Struct, frozen=True, omit_defaults=True):
    """A measurement or drawing on one frame of one picture; `picture` is the instance's row."""

    uid: Uid
    kind: Word
    picture: int
    frame: Annotated[int, Meta(ge=1)]
    points: Annotated[tuple[Point, ...], Meta(min_length=1, max_length=400)]
    text: Words = ""
    values: Annotated[tuple[Value, ...], Meta(max_length=40)] = ()
    basis: Basis = Basis("none", "")
    origin: Words = ""
    """Who made it elsewhere; empty for those of this page."""
    said: Words = ""
    """What a maker elsewhere measured, in words."""


class Window(Struct, frozen=True):
    """A VOI window (PS3.3 C.11.2.1.2); `function` is LINEAR, LINEAR_EXACT or SIGMOID."""

    function: Word
    center: float
    width: float


class Graphic(Struct, frozen=True):
    """A line of a view, or words at its first point."""

    points: Annotated[tuple[Point, ...], Meta(min_length=1, max_length=400)]
    text: Words = ""


class View(Struct, frozen=True):
    """How one picture is shown."""

    picture: int
    frame: Annotated[int, Meta(ge=0)]
    """0 for all."""
    window: Window | None
    invert: bool
    rotation: int
    """Degrees clockwise, a multiple of 90, before the flip (PS3.3 C.10.6)."""
    flipped: bool
    area: tuple[Coordinate, Coordinate, Coordinate, Coordinate]
    """What lies in the upper left and in the lower right corner of what is shown."""
    graphics: Annotated[tuple[Graphic, ...], Meta(max_length=400)] = ()


class Seen(Struct, frozen=True, forbid_unknown_fields=True):
    """How a person sees one picture, for a copy that shows the same; names as in View."""

    window: Window | None
    choice: Annotated[int, Meta(ge=0, le=1000)]
    """Which of the picture's own windows and tables, where there is no `window`."""
    invert: bool
    rotation: Annotated[int, Meta(ge=0, le=270, multiple_of=90)]
    flipped: bool
    overlays: bool
    shutters: bool
    graphics: Annotated[tuple[Graphic, ...], Meta(max_length=4000)] = ()
    """Lines, rings at single points, and words at their first point with a leader to the second."""


class Presentation(Struct, frozen=True):
    """A presentation state; `own` if it was kept at this service."""

    id: int
    label: str
    by: str
    own: bool
    views: tuple[View, ...]


class Key(Struct, frozen=True):
    """A key image and who marked it."""

    picture: int
    by: str


class Marks(Struct, frozen=True):
    """All that a study holds."""

    drawings: tuple[Drawing, ...] = ()
    presentations: tuple[Presentation, ...] = ()
    keys: tuple[Key, ...] = ()


class ToKeep(Struct, frozen=True, forbid_unknown_fields=True):
    """What a person saves; what is None stays as it was kept last."""

    drawings: Annotated[tuple[Drawing, ...], Meta(max_length=2000)] | None = None
    views: Annotated[tuple[View, ...], Meta(max_length=200)] | None = None
    keys: Annotated[tuple[int, ...], Meta(max_length=2000)] | None = None


def to_show(body: bytes) -> Seen:
    """How a page shows a picture; raises msgspec.DecodeError with what is wrong in it."""
    return msgspec.json.decode(body, type=Seen)


def to_keep(body: bytes) -> ToKeep:
    """What a page sends; raises msgspec.DecodeError with what is wrong in it."""
    return msgspec.json.decode(body, type=ToKeep)
