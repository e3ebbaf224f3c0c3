"""The report as a PDF, alone and wrapped in a DICOM object (PS3.3 A.45.1)."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, HRFlowable, Paragraph, SimpleDocTemplate, Spacer, Table

from appliance.dicom.names import shown_name
from appliance.dicom.record import text
from appliance.reading.report import TITLE, Report, same_study

ENCAPSULATED_PDF_STORAGE = UID("1.2.840.10008.5.1.4.1.1.104.1")
_FONT = "Report"
_DEJAVU = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")  # Debian's fonts-dejavu-core
_BODY = ParagraphStyle("body", fontName=_FONT, fontSize=10.5, leading=15)
_HEADING = ParagraphStyle(
    "heading", parent=_BODY, fontSize=12, leading=18, spaceBefore=10, textColor=HexColor("#0b4f6c")
)
_TITLE = ParagraphStyle("title", parent=_BODY, fontSize=18, leading=24)
_SMALL = ParagraphStyle("small", parent=_BODY, fontSize=9, leading=12, textColor=HexColor("#444444"))


def report_pdf(report: Report, evidence: Sequence[Dataset]) -> bytes:
    """The report on A4 pages with the patient's and the study's facts."""
    _use_font()
    buffer = io.BytesIO()
    document = SimpleDocTemplate(
        buffer, pagesize=A4, title=TITLE, author=report.author, leftMargin=20 * mm, rightMargin=20 * mm
    )
    story: list[Flowable] = [Paragraph(TITLE, _TITLE), Spacer(1, 3 * mm), _facts(evidence), HRFlowable(width="100%")]
    for heading, body in report.sections():
        story.append(Paragraph(heading, _HEADING))
        story.extend(Paragraph(escape(line) or "&nbsp;", _BODY) for line in body.splitlines())
    story += [Spacer(1, 10 * mm), HRFlowable(width="100%"), Paragraph(_signature(report), _SMALL)]
    document.build(story, onFirstPage=_number_page, onLaterPages=_number_page)
    return buffer.getvalue()


def _use_font() -> None:
    """The system's DejaVu Sans (Latin, Greek, Cyrillic and more), else Vera, which comes with reportlab (Latin)."""
    if _FONT not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont(_FONT, str(_DEJAVU) if _DEJAVU.exists() else "Vera.ttf"))


def _facts(evidence: Sequence[Dataset]) -> Table:
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
    cells = [[Paragraph(escape(name), _SMALL), Paragraph(escape(value), _BODY)] for name, value in rows]
    return Table(cells, colWidths=[30 * mm, 140 * mm])


def _signature(report: Report) -> str:
    signed = report.signed_at.strftime("%Y-%m-%d %H:%M %Z")
    organisation = f", {report.organisation}" if report.organisation else ""
    return escape(f"Signed by {report.author}{organisation} on {signed}")


def _number_page(canvas: Any, document: Any) -> None:
    canvas.setFont(_FONT, 8)
    canvas.drawRightString(A4[0] - 20 * mm, 10 * mm, f"Page {document.page}")


def encapsulated_pdf(pdf: bytes, evidence: Sequence[Dataset], *, source: Dataset) -> Dataset:
    """The PDF as an Encapsulated PDF instance in the study of `evidence`; `source` is the structured report."""
    ds = same_study(evidence[0])
    ds.SOPClassUID = ENCAPSULATED_PDF_STORAGE
    ds.SOPInstanceUID = generate_uid()
    ds.SeriesInstanceUID = generate_uid()
    ds.Modality = "DOC"
    ds.SeriesNumber = 9002
    ds.SeriesDescription = "Report (PDF)"
    ds.InstanceNumber = 1
    ds.Manufacturer = "Bucky"
    ds.ConversionType = "WSD"
    ds.BurnedInAnnotation = "YES"
    ds.ContentDate, ds.ContentTime = source.ContentDate, source.ContentTime
    ds.AcquisitionDateTime = ""
    ds.DocumentTitle = TITLE
    concept = Dataset()
    concept.CodeValue, concept.CodingSchemeDesignator, concept.CodeMeaning = "18748-4", "LN", TITLE
    ds.ConceptNameCodeSequence = DicomSequence([concept])
    ds.SourceInstanceSequence = DicomSequence([_reference(source)])
    ds.VerificationFlag = "VERIFIED"
    ds.MIMETypeOfEncapsulatedDocument = "application/pdf"
    ds.EncapsulatedDocumentLength = len(pdf)
    ds.EncapsulatedDocument = pdf + b"\x00" * (len(pdf) % 2)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


def _reference(source: Dataset) -> Dataset:
    ds = Dataset()
    ds.ReferencedSOPClassUID = source.SOPClassUID
    ds.ReferencedSOPInstanceUID = source.SOPInstanceUID
    return ds
