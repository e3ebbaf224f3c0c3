"""The report as a PDF, alone and wrapped in a DICOM object (PS3.3 A.45.1)."""

import io
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, HRFlowable, Paragraph, SimpleDocTemplate, Spacer, Table

from appliance.dicom.names import shown_name
from appliance.dicom.record import text
from appliance.reading.attachments import pdf_in_study
from appliance.reading.report import TITLE, Report
from appliance.reading.report_words import word

_FONT = "Report"
_DEJAVU = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")  # Debian's fonts-dejavu-core
_BODY = ParagraphStyle("body", fontName=_FONT, fontSize=10.5, leading=15)
_HEADING = ParagraphStyle(
    "heading", parent=_BODY, fontSize=12, leading=18, spaceBefore=10, textColor=HexColor("#0b4f6c")
)
_TITLE = ParagraphStyle("title", parent=_BODY, fontSize=18, leading=24)
_CRITICAL = ParagraphStyle("critical", parent=_BODY, fontSize=12, leading=18, textColor=HexColor("#98231b"))
_SMALL = ParagraphStyle("small", parent=_BODY, fontSize=9, leading=12, textColor=HexColor("#444444"))


def report_pdf(report: Report, evidence: Sequence[Dataset]) -> bytes:
    """The report on A4 pages with the patient's and the study's facts."""
    _use_font()
    buffer = io.BytesIO()
    document = SimpleDocTemplate(
        buffer,
        pagesize=A4,
        title=TITLE,
        author=report.author,
        lang=report.language,
        leftMargin=20 * mm,
        rightMargin=20 * mm,
    )
    story: list[Flowable] = _letterhead(report)
    facts = _facts(evidence, report.language)
    story += [Paragraph(escape(report.title), _TITLE), Spacer(1, 3 * mm), facts, HRFlowable(width="100%")]
    if report.critical:
        sentence = word("Critical finding: please confirm that you have read this.", report.language)
        story.append(Paragraph(sentence, _CRITICAL))
    for heading, body in report.sections():
        story.append(Paragraph(word(heading, report.language), _HEADING))
        story.extend(Paragraph(escape(line) or "&nbsp;", _BODY) for line in body.splitlines())
    story += [Spacer(1, 10 * mm), HRFlowable(width="100%"), Paragraph(_signature(report), _SMALL)]
    number_page = partial(_number_page, language=report.language)
    document.build(story, onFirstPage=number_page, onLaterPages=number_page)
    return buffer.getvalue()


def _letterhead(report: Report) -> list[Flowable]:
    """The practice's name and the lines below it, ruled off."""
    if not report.organisation:
        return []
    lines = [Paragraph(escape(line), _SMALL) for line in report.letterhead.splitlines() if line.strip()]
    name = Paragraph(escape(report.organisation), _HEADING)
    return [name, *lines, HRFlowable(width="100%"), Spacer(1, 4 * mm)]


def _use_font() -> None:
    """The system's DejaVu Sans (Latin, Greek, Cyrillic and more), else Vera, which comes with reportlab (Latin)."""
    if _FONT not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont(_FONT, str(_DEJAVU) if _DEJAVU.exists() else "Vera.ttf"))


def _facts(evidence: Sequence[Dataset], language: str = "en") -> Table:
    first = evidence[0]
    animal = " · ".join(
        value
        for keyword in ("PatientSpeciesDescription", "PatientBreedDescription", "PatientSex", "PatientAge")
        if (value := text(first, keyword))
    )
    views = ", ".join(
        dict.fromkeys(v for ds in evidence if (v := text(ds, "ViewPosition") or text(ds, "SeriesDescription")))
    )
    rows = [
        ("Patient", shown_name(text(first, "PatientName"))),
        ("Patient ID", text(first, "PatientID") or "—"),
        ("Owner", shown_name(text(first, "ResponsiblePerson"))),
        ("", animal or "—"),
        ("Study", " ".join(filter(None, (text(first, "StudyDate"), text(first, "StudyDescription")))) or "—"),
        ("Pictures", f"{len(evidence)}: {views}" if views else str(len(evidence))),
    ]
    cells = [
        [Paragraph(escape(word(name, language) if name else ""), _SMALL), Paragraph(escape(value), _BODY)]
        for name, value in rows
    ]
    return Table(cells, colWidths=[30 * mm, 140 * mm])


def _signature(report: Report) -> str:
    signed = report.signed_at.strftime("%Y-%m-%d %H:%M %Z")
    organisation = f", {report.organisation}" if report.organisation else ""
    first = "Preliminary, by" if report.status == "preliminary" else "Signed by"
    sentence = word(first + " {who} on {when}", report.language)
    return escape(sentence.format(who=f"{report.author}{organisation}", when=signed))


def _number_page(canvas: Any, document: Any, *, language: str = "en") -> None:
    canvas.setFont(_FONT, 8)
    canvas.drawRightString(A4[0] - 20 * mm, 10 * mm, f"{word('Page', language)} {document.page}")


def encapsulated_pdf(pdf: bytes, evidence: Sequence[Dataset], *, source: Dataset) -> Dataset:
    """The PDF as an Encapsulated PDF instance in the study of `evidence`; `source` is the structured report."""
    ds = pdf_in_study(pdf, evidence[0], title=TITLE, description=f"{source.SeriesDescription}, PDF", number=9002)
    ds.ContentDate, ds.ContentTime = source.ContentDate, source.ContentTime
    concept = Dataset()
    concept.CodeValue, concept.CodingSchemeDesignator, concept.CodeMeaning = "18748-4", "LN", TITLE
    ds.ConceptNameCodeSequence = DicomSequence([concept])
    ds.SourceInstanceSequence = DicomSequence([_reference(source)])
    ds.VerificationFlag = "VERIFIED"
    return ds


def _reference(source: Dataset) -> Dataset:
    ds = Dataset()
    ds.ReferencedSOPClassUID = source.SOPClassUID
    ds.ReferencedSOPInstanceUID = source.SOPInstanceUID
    return ds


def request_pdf(title: str, told: Sequence[tuple[str, str]], evidence: Sequence[Dataset], clinic: str) -> bytes:
    """A reading request on paper, for archives that know no worklist."""
    _use_font()
    buffer = io.BytesIO()
    document = SimpleDocTemplate(
        buffer, pagesize=A4, title=title, author=clinic, leftMargin=20 * mm, rightMargin=20 * mm
    )
    story: list[Flowable] = [Paragraph(escape(clinic), _HEADING), Paragraph(escape(title), _TITLE)]
    story += [Spacer(1, 3 * mm), _facts(evidence), HRFlowable(width="100%")]
    for label, value in told:
        story.append(Paragraph(escape(label), _HEADING))
        story.extend(Paragraph(escape(line) or "&nbsp;", _BODY) for line in value.splitlines())
    document.build(story, onFirstPage=_number_page, onLaterPages=_number_page)
    return buffer.getvalue()
