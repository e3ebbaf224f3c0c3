"""Pictures for e-mail, slides and owners: PNG or JPEG with captions."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from appliance.errors import CannotDisplay
from appliance.imaging.decode import decode_frame
from appliance.imaging.media.captions import captioned
from appliance.imaging.media.content import Content, Item, Step

FORMATS = {"jpeg": ("JPEG", "jpg"), "png": ("PNG", "png")}
MAX_FRAMES = 500  # of one object; longer ones are thinned out evenly


def frames_of(item: Item) -> list[int]:
    """The frames of an object that are given, counted from 1."""
    step = max(1, -(-item.frames // MAX_FRAMES))
    return list(range(1, item.frames + 1, step))


def save(image: Image.Image, target: Path | BinaryIO, kind: str) -> None:
    """Write a picture as 'jpeg' or 'png'."""
    image.save(
        target, FORMATS[kind][0], **({"quality": 92, "subsampling": 0} if kind == "jpeg" else {"compress_level": 4})
    )


def write_pictures(content: Content, folder: Path, kind: str, step: Step) -> list[Path]:
    """A file for each frame; what cannot be shown is left out. Returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [(number, item, frame) for number, item in enumerate(content.images, 1) for frame in frames_of(item)]
    return [path for path in _written(content, folder, kind, step, wanted) if path is not None]


def _written(
    content: Content,
    folder: Path,
    kind: str,
    step: Step,
    wanted: list[tuple[int, Item, int]],
) -> Iterator[Path | None]:
    for done, (number, item, frame) in enumerate(wanted):
        step(done, len(wanted))
        name = f"picture-{number:03d}" + (f"-{frame:03d}" if item.frames > 1 else "")
        target = folder / f"{name}.{FORMATS[kind][1]}"
        try:
            save(captioned(decode_frame(item.path, frame), content, item.look, frame), target, kind)
        except CannotDisplay:
            yield None
            continue
        yield target
    step(len(wanted), len(wanted))
