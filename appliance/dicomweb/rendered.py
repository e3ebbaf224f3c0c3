"""Rendered pictures and thumbnails (PS3.18 10.4.1.1.3 and .4, 8.3.5)."""

import io
from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image

from appliance.archive.catalogue import Instance
from appliance.dicom.names import shown_name
from appliance.dicom.record import text
from appliance.errors import BadInput
from appliance.imaging.decode import Frame, decode_frame, number_of_frames
from appliance.imaging.shown import MAX_SIDE, Region, fitted, picture, write_on
from appliance.imaging.voi import Window, window_of

JPEG, PNG, GIF = "image/jpeg", "image/png", "image/gif"
THUMBNAIL_SIDE = 320
_MAX_GIF_FRAMES = 512


@dataclass(frozen=True)
class Wishes:
    """The rendering parameters of a request."""

    window: Window | None
    viewport: tuple[int, int] | None
    region: Region | None
    quality: int
    annotations: frozenset[str]


def wishes(parameters: Mapping[str, str]) -> Wishes:
    """Read window, viewport, quality and annotation; raises BadInput."""
    viewport, region = _viewport(parameters.get("viewport", ""))
    annotations = frozenset(word for word in parameters.get("annotation", "").split(",") if word)
    if not annotations <= {"patient", "technique"}:
        raise BadInput(field="annotation", reason="patient, technique or both")
    quality = parameters.get("quality", "90")
    if not (quality.isascii() and quality.isdecimal() and 1 <= int(quality[:4]) <= 100):
        raise BadInput(field="quality", reason="a number from 1 to 100")
    return Wishes(window_of(parameters.get("window", "")), viewport, region, int(quality), annotations)


def _viewport(said: str) -> tuple[tuple[int, int] | None, Region | None]:
    """Width and height of the answer, then the part of the picture that it shows (8.3.5.1.3)."""
    if not said:
        return None, None
    try:
        numbers = [abs(int(float(part))) if part.strip() else -1 for part in said.split(",")]
    except (ValueError, OverflowError):
        numbers = []
    if len(numbers) not in (2, 6) or not all(0 < number <= MAX_SIDE for number in numbers[:2]):
        raise BadInput(field="viewport", reason=f"width,height of at most {MAX_SIDE}, then x,y,width,height or nothing")
    region = Region(*numbers[2:]) if len(numbers) == 6 else None
    return (numbers[0], numbers[1]), region


def frame_picture(frame: Frame, number: int, wish: Wishes) -> Image.Image:
    """Frame `number` as wished, with its overlays and shutters; raises BadInput for a region beside the picture."""
    shown = picture(frame, number, window=wish.window, region=_within(wish.region, frame))
    if wish.viewport:
        shown = fitted(shown, *wish.viewport)
    top = patient_lines(frame) if "patient" in wish.annotations else []
    bottom = technique_lines(frame) if "technique" in wish.annotations else []
    return write_on(shown, top, bottom) if top or bottom else shown


def _within(region: Region | None, frame: Frame) -> Region | None:
    if region is None:
        return None
    rows, columns = frame.pixels.shape[:2]
    left, top = max(0, region.left), max(0, region.top)
    width = region.width if region.width > 0 else columns - left
    height = region.height if region.height > 0 else rows - top
    if left + width > columns or top + height > rows or width < 1 or height < 1:
        raise BadInput(field="viewport", reason="its part lies beside the picture")
    return Region(left, top, width, height)


def patient_lines(frame: Frame) -> list[str]:
    """Name, number and birth date."""
    header = frame.header
    facts = (text(header, "PatientID"), text(header, "PatientBirthDate"))
    return [line for line in (shown_name(text(header, "PatientName")), " · ".join(f for f in facts if f)) if line]


def technique_lines(frame: Frame) -> list[str]:
    """How the picture was made."""
    units = (("KVP", "kV"), ("ExposureTime", "ms"), ("XRayTubeCurrent", "mA"), ("Exposure", "mAs"))
    values = [f"{value} {unit}" for keyword, unit in units if (value := text(frame.header, keyword))]
    view = [v for k in ("Modality", "BodyPartExamined", "ViewPosition") if (v := text(frame.header, k))]
    return [" ".join(line) for line in (view, values) if line]


def encoded(image: Image.Image, media_type: str, quality: int) -> bytes:
    """JPEG or PNG bytes."""
    buffer = io.BytesIO()
    if media_type == PNG:
        image.save(buffer, "PNG", compress_level=3)
    else:
        image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def render(instance: Instance, numbers: list[int] | None, media_type: str, wish: Wishes) -> bytes:
    """One frame, or for GIF all of them, or the first if none is named; raises CannotDisplay."""
    at = numbers[0] if numbers else 1
    first = decode_frame(instance.path, at)
    still = frame_picture(first, at, wish)
    if media_type != GIF:
        return encoded(still, media_type, wish.quality)
    wanted = numbers or range(1, min(_MAX_GIF_FRAMES, number_of_frames(first.header)) + 1)
    rest = (frame_picture(decode_frame(instance.path, number), number, wish) for number in wanted[1:])
    buffer = io.BytesIO()
    duration_ms = max(20, round(float(text(first.header, "FrameTime") or 100)))
    still.save(buffer, "GIF", save_all=len(wanted) > 1, append_images=rest, duration=duration_ms, loop=0)
    return buffer.getvalue()


def thumbnail(instance: Instance, number: int | None, wish: Wishes) -> bytes:
    """A small JPEG of a frame, the middle one if none is named; raises CannotDisplay."""
    number = number or (instance.number_of_frames or 1) // 2 + 1
    size = wish.viewport or (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    return encoded(fitted(picture(decode_frame(instance.path, number), number), *size), JPEG, min(wish.quality, 80))
