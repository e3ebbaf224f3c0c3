"""A study on paper: a PDF with one picture a page, a bar of known length and its basis."""

import io
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from appliance.errors import CannotDisplay
from appliance.imaging.decode import Frame, decode_frame
from appliance.imaging.media.captions import NO_SCALE, Bar, bar_on, edge_letters, side_marker, view_line
from appliance.imaging.media.content import Content, Item, Step
from appliance.imaging.media.look import Look
from appliance.imaging.media.seen import seen
from appliance.imaging.shown import fitted

MAX_PAGES = 200
_DOTS = 2400  # of the longer side: about 220 to the inch
_MARGIN, _HEAD, _FOOT = 12 * mm, 16 * mm, 18 * mm
_FONT = "Paper"
_DEJAVU = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")  # Debian's fonts-dejavu-core
_NOTE = "Not for diagnosis: a print has fewer grey values than the original."


def write_pdf(content: Content, target: Path | BinaryIO, step: Step) -> int:
    """Write the PDF and return its number of pages; of a cine the middle frame. Raises CannotDisplay if none shows."""
    _use_font()
    canvas = Canvas(str(target) if isinstance(target, Path) else target, pageCompression=1)
    canvas.setTitle(content.study_line or "Pictures")
    canvas.setAuthor(content.clinic)
    chosen, pages = content.images[:MAX_PAGES], 0
    for done, item in enumerate(chosen):
        step(done, len(chosen))
        pages += _page(canvas, content, item)
    if not pages:
        raise CannotDisplay(reason="there is no picture in this study that can be printed")
    if len(content.images) > len(chosen):
        _last_page(canvas, f"{len(content.images) - len(chosen)} further pictures are not printed.")
    canvas.save()
    step(len(chosen), len(chosen))
    return pages


def _use_font() -> None:
    """The system's DejaVu Sans, else Vera, which comes with reportlab."""
    if _FONT not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont(_FONT, str(_DEJAVU) if _DEJAVU.exists() else "Vera.ttf"))


def _page(canvas: Any, content: Content, item: Item) -> int:
    """One page, 0 if the picture cannot be shown."""
    try:
        frame = decode_frame(item.path, item.still)
    except CannotDisplay:
        return 0
    image = seen(frame, item.look, item.still)
    size = landscape(A4) if image.width > image.height else A4
    canvas.setPageSize(size)
    room = size[0] - 2 * _MARGIN, size[1] - 2 * _MARGIN - _HEAD - _FOOT
    shrink = min(room[0] / image.width, room[1] / image.height)
    width, height = image.width * shrink, image.height * shrink
    left, bottom = (size[0] - width) / 2, _MARGIN + _FOOT + (room[1] - height) / 2
    canvas.drawImage(_as_jpeg(image), left, bottom, width, height)
    _words(canvas, content, frame, size)
    _marks(canvas, frame, item.look, (left, bottom, width, height))
    _draw_bar(canvas, bar_on(frame, image, item.look), shrink)
    canvas.showPage()
    return 1


def _as_jpeg(image: Image.Image) -> ImageReader:
    small = fitted(image, _DOTS, _DOTS) if max(image.size) > _DOTS else image
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=92, subsampling=0)  # thin coloured lines stay sharp
    buffer.seek(0)
    return ImageReader(buffer)


def _words(canvas: Any, content: Content, frame: Frame, size: tuple[float, float]) -> None:
    top = size[1] - _MARGIN
    canvas.setFont(_FONT, 11)
    canvas.drawString(_MARGIN, top - 11, content.patient_line)
    canvas.drawRightString(size[0] - _MARGIN, top - 11, content.clinic)
    canvas.setFont(_FONT, 9)
    canvas.drawString(_MARGIN, top - 25, " · ".join(filter(None, (content.study_line, view_line(frame.header)))))
    canvas.setFont(_FONT, 7)
    canvas.drawRightString(size[0] - _MARGIN, _MARGIN, f"{_NOTE}  Page {canvas.getPageNumber()}")


def _marks(canvas: Any, frame: Frame, look: Look, box: tuple[float, float, float, float]) -> None:
    """The side, and what lies towards the edges, white with a black edge."""
    left, bottom, width, height = box
    canvas.setStrokeColorRGB(0, 0, 0)
    canvas.setFillColorRGB(1, 1, 1)
    edges = edge_letters(frame.header, look)
    for text, x, y, points in (
        (side_marker(frame.header), left + width - 26, bottom + height - 30, 26),
        (edges[0], left + 6, bottom + height / 2, 14),
        (edges[1], left + width - 6 - pdfmetrics.stringWidth(edges[1], _FONT, 14), bottom + height / 2, 14),
    ):
        if text:
            line = canvas.beginText(x, y)
            line.setFont(_FONT, points)
            line.setTextRenderMode(2)
            line.textOut(text)
            canvas.drawText(line)
    canvas.setFillColorRGB(0, 0, 0)


def _draw_bar(canvas: Any, bar: Bar | None, shrink: float) -> None:
    """The bar in the foot, as long as its length is in the printed picture; without a basis, the words why not."""
    canvas.setFont(_FONT, 8)
    if bar is None:
        canvas.drawString(_MARGIN, _MARGIN + 8, NO_SCALE)
        return
    length, y = bar.length_pixels * shrink, _MARGIN + 20
    canvas.setLineWidth(1)
    for x in (_MARGIN, _MARGIN + length):
        canvas.line(x, y - 3, x, y + 3)
    canvas.line(_MARGIN, y, _MARGIN + length, y)
    canvas.drawString(_MARGIN, _MARGIN + 6, bar.words)


def _last_page(canvas: Any, words: str) -> None:
    canvas.setPageSize(A4)
    canvas.setFont(_FONT, 11)
    canvas.drawString(_MARGIN, A4[1] - _MARGIN - 11, words)
    canvas.showPage()
