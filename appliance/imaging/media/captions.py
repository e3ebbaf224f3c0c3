"""The words on a picture that leaves the box: who, what, which side, and a bar of known length."""

from dataclasses import dataclass

from PIL import Image, ImageDraw
from pydicom.dataset import Dataset

from appliance.dicom.record import text
from appliance.dicom.repair import direction, opposites, turned_orientation
from appliance.imaging.decode import Frame
from appliance.imaging.media.content import Content
from appliance.imaging.media.look import AS_RECEIVED, Look
from appliance.imaging.media.seen import seen
from appliance.imaging.shown import font, write_on
from appliance.imaging.spacing import Spacing, whole_scale

_NICE_MM = (100.0, 50.0, 20.0, 10.0, 5.0, 2.0, 1.0)
NO_SCALE = "no scale: the unit did not say the size of a pixel"


@dataclass(frozen=True)
class Bar:
    """A bar of a round length on a picture."""

    length_mm: float
    length_pixels: float
    basis: str

    @property
    def words(self) -> str:
        """Its length and what it rests on."""
        length = f"{self.length_mm / 10:g} cm" if self.length_mm >= 10 else f"{self.length_mm:g} mm"
        return f"{length} {self.basis}"


def bar_for(scale: Spacing | None, width: int, stored_columns: int, room: int | None = None) -> Bar | None:
    """The longest round bar for a picture `width` wide that shows `stored_columns`, within a third of `room` or it."""
    if scale is None or stored_columns < 1:
        return None
    mm = scale.column_mm * stored_columns / width
    fitting = [length for length in _NICE_MM if length / mm <= (room or width) / 3]
    return Bar(fitting[0], fitting[0] / mm, scale.words) if fitting else None


def side_marker(header: Dataset) -> str:
    """'L' or 'R' if the picture says its side, else empty (PS3.3 C.7.3.1, C.8.11.1)."""
    side = text(header, "ImageLaterality") or text(header, "Laterality") or ""
    return side if side in ("L", "R") else ""


def bar_on(frame: Frame, image: Image.Image, look: Look) -> Bar | None:
    """The bar for a picture that `seen` made with this look."""
    upright = image.height if look.turn % 180 else image.width
    return bar_for(whole_scale(frame.header), upright, frame.pixels.shape[1], image.width)


def edge_letters(header: Dataset, look: Look = AS_RECEIVED) -> tuple[str, str]:
    """What lies towards the left and the right edge of the picture, by Patient Orientation (C.7.6.1.1.1)."""
    said = (text(header, "PatientOrientation") or "").split("\\")
    if len(said) != 2:
        return "", ""
    opposite = opposites(header)
    right = direction(turned_orientation(said, look.rules, opposite)[0])
    return (opposite[right], right) if right in opposite else ("", "")


def view_line(header: Dataset) -> str:
    """Which picture it is."""
    words = (text(header, keyword) for keyword in ("Modality", "BodyPartExamined", "ViewPosition"))
    number = text(header, "InstanceNumber")
    return " ".join([word for word in words if word] + ([f"no. {number}"] if number else []))


def captioned(frame: Frame, content: Content, look: Look = AS_RECEIVED, number: int = 1) -> Image.Image:
    """The whole of frame `number` with the patient line, the view, the side and the scale bar written into it."""
    image = seen(frame, look, number)
    bar = bar_on(frame, image, look)
    bottom = [content.study_line, view_line(frame.header), bar.words if bar else NO_SCALE]
    top = [line for line in (content.patient_line, content.clinic) if line]
    share = 1.0 - bar.length_pixels / image.width - 0.04 if bar else 1.0  # beside the bar, not under it
    canvas = write_on(image, top, [line for line in bottom if line], bottom_share=share)
    _draw_marks(canvas, frame.header, bar, look)
    return canvas


def _draw_marks(canvas: Image.Image, header: Dataset, bar: Bar | None, look: Look) -> None:
    draw, longest = ImageDraw.Draw(canvas), max(canvas.size)
    margin, edge = max(4, round(longest * 0.012)), max(1, longest // 500)
    white, black = (255, 0) if canvas.mode == "L" else ((255, 255, 255), (0, 0, 0))
    big = font(max(16, longest / 22))
    if side := side_marker(header):
        draw.text((canvas.width - margin, margin), side, white, big, "ra", stroke_width=edge, stroke_fill=black)
    for letter, x, anchor in zip(
        edge_letters(header, look), (margin, canvas.width - margin), ("lm", "rm"), strict=True
    ):
        if letter:
            place = (x, canvas.height / 2)
            draw.text(place, letter, white, font(max(12, longest / 40)), anchor, stroke_width=edge, stroke_fill=black)
    if bar:
        right, y = canvas.width - margin, canvas.height - margin
        left = right - bar.length_pixels
        thick = max(2, longest // 300)
        draw.rectangle((left - 1, y - thick - 1, right + 1, y + 1), fill=black)
        draw.rectangle((left, y - thick, right, y), fill=white)
