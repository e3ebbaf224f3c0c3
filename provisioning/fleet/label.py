"""The label on a box: serial, setup code, and both as a QR code; one page of 62 x 40 mm."""

import io
from pathlib import Path

import segno
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

_WIDTH, _HEIGHT = 62 * mm, 40 * mm


def qr_text(serial: str, code: str) -> str:
    """What the QR code says."""
    return f"BUCKY:{serial}:{code}"


def print_label(path: Path, serial: str, code: str) -> None:
    """Write the label as PDF, or only its QR code as SVG, by the file's ending."""
    qr = segno.make(qr_text(serial, code), error="m", micro=False)
    if path.suffix.lower() == ".svg":
        qr.save(str(path), kind="svg", scale=4)
        return
    picture = io.BytesIO()
    qr.save(picture, kind="png", scale=8, border=2)
    picture.seek(0)
    page = Canvas(str(path), pagesize=(_WIDTH, _HEIGHT), pageCompression=0)
    page.drawImage(ImageReader(picture), 2 * mm, 8 * mm, 28 * mm, 28 * mm)
    page.setFont("Helvetica-Bold", 11)
    page.drawString(32 * mm, 30 * mm, "Bucky")
    page.setFont("Helvetica", 8)
    for text, height in (("Serial", 25), (serial, 21), ("Setup code", 15)):
        page.drawString(32 * mm, height * mm, text)
    page.setFont("Courier-Bold", 8)
    page.drawString(32 * mm, 11 * mm, code)
    page.save()
