"""Reports: as structured report, as PDF, and read back as text."""

import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pypdfium2 import PdfDocument

from appliance.archive.blobs import Provenance
from appliance.archive.part10 import take_dataset
from appliance.clock import stamp
from appliance.dicom.names import shown_name
from appliance.errors import BadInput, NotDicom
from appliance.phantom.unit import write
from appliance.reading.report import LANGUAGES, STATUSES, Report, valid_language
from appliance.reading.report_pdf import report_pdf
from appliance.reading.report_sr import report_sr
from appliance.reading.sr_text import sr_text
from appliance.wiring import Box
from tests.orthanc import need
from tests.pictures import shared_files, small_study

REPORT = Report(
    "Line one.\nHeart 9.5 VHS, <b>&", "Cardiomegaly – 12° tilt", "", "Dr Jo Far", "Far Readers", datetime.now(UTC)
)


def test_a_report_is_read_back_as_it_was_written() -> None:
    """Empty sections are left out."""
    text = sr_text(report_sr(REPORT, small_study()))
    assert [(s.heading, s.paragraphs) for s in text.sections] == [
        ("Findings", [REPORT.findings]),
        ("Impressions", [REPORT.impression]),
    ]
    assert text.verified
    assert text.complete
    assert text.author == "Dr Jo Far"


def test_dcmtk_reads_the_structured_report(tmp_path: Path) -> None:
    """dsrdump finds an Enhanced SR without errors."""
    need("dsrdump")
    (path,) = write([report_sr(REPORT, small_study())], tmp_path)
    done = subprocess.run([shutil.which("dsrdump") or "", str(path)], capture_output=True, text=True, check=True)
    assert "Enhanced SR Document" in done.stdout
    assert "E:" not in done.stderr


def test_signing_puts_a_report_and_its_pdf_into_the_study(box: Box) -> None:
    """With the patient of the pictures, veterinary attributes included."""
    for ds in small_study():
        take_dataset(box.intake, ds, Provenance("dicomweb", "clinic", "", stamp()))
    box.desk.sign(1, REPORT)
    line = box.catalogue.line(box.catalogue.study(1))
    assert [i.report_kind for i in line.reports] == ["SR", "PDF"]
    for instance in line.reports:
        ds = dcmread(instance.path)
        assert ds.PatientSpeciesDescription == "Canine"
        assert ds.StudyInstanceUID == line.study.study_instance_uid
    assert box.desk.document(line.reports[1]).startswith(b"%PDF-")
    assert box.cases.open()[0].is_read


def test_an_empty_report_cannot_be_signed(box: Box) -> None:
    """Nor one without pictures."""
    take_dataset(box.intake, small_study()[0], Provenance("dicomweb", "clinic", "", stamp()))
    with pytest.raises(BadInput, match="write findings"):
        box.desk.sign(1, Report(" ", "\n", "x", "a", "b", datetime.now(UTC)))


def test_a_report_names_the_language_in_which_it_is_written() -> None:
    """As TID 1204 says, and in the PDF; a language that nobody knows is refused."""
    sr = report_sr(replace(REPORT, language="de"), small_study())
    (item,) = [i for i in sr.ContentSequence if i.ConceptNameCodeSequence[0].CodeValue == "121049"]
    said = item.ConceptCodeSequence[0]
    assert (said.CodeValue, said.CodingSchemeDesignator, said.CodeMeaning) == ("de", "RFC5646", "German")
    assert b"/Lang (de)" in report_pdf(replace(REPORT, language="de"), small_study())
    with pytest.raises(BadInput, match="Language"):
        valid_language("tlh")


def test_the_frame_of_a_report_is_in_its_language(tmp_path: Path) -> None:
    """Headings on the page, in other viewers and in the PDF; the codes stay those of the standard."""
    need("dsrdump")
    report = replace(REPORT, language="de", recommendation="In 14 Tagen", status="corrected", critical=True)
    sr = report_sr(report, small_study())
    text = sr_text(sr)
    assert text.title == "Radiologischer Befund"
    assert [(s.heading, s.paragraphs) for s in text.sections][:3] == [
        ("Befunde", [REPORT.findings]),
        ("Beurteilung", [REPORT.impression]),
        ("Empfehlung", ["In 14 Tagen"]),
    ]
    codes = [i.ConceptNameCodeSequence[0].CodeValue for i in sr.ContentSequence]
    assert {"121070", "121072", "121074"} <= set(codes)
    (path,) = write([sr], tmp_path)
    done = subprocess.run([shutil.which("dsrdump") or "", str(path)], capture_output=True, text=True, check=True)
    assert "E:" not in done.stderr
    shown = PdfDocument(report_pdf(report, small_study()))[0].get_textpage().get_text_range()
    for german in ("Radiologischer Befund (korrigiert)", "Beurteilung", "Besitzer", "Unterschrieben von", "Seite 1"):
        assert german in shown
    for english in ("Findings", "Impression", "Owner", "Signed", "Page", "Critical"):
        assert english not in shown


def test_a_language_without_words_of_its_own_has_english_ones() -> None:
    """Nothing fails, and every word has as many translations as there are languages."""
    for language in LANGUAGES:
        for status in STATUSES:
            assert report_pdf(replace(REPORT, language=language, status=status, critical=True), small_study()[:1])
    assert sr_text(report_sr(replace(REPORT, language="fi"), small_study())).sections[0].heading == "Findings"


def test_a_template_decides_the_language_and_is_changed_by_its_name(box: Box) -> None:
    """The customary ones name none; one of the same name stands for it."""
    assert {t.language for t in box.templates.all()} == {""}
    box.templates.put({"name": "Abdomen", "findings": "Leber und Milz:", "language": "de"})
    found = box.templates.named("abdomen")
    assert found
    assert (found.language, found.findings, found.species) == ("de", "Leber und Milz:", "*")
    with pytest.raises(BadInput, match="Language"):
        box.templates.put({"name": "Abdomen", "findings": "x", "language": "<b>"})
    box.templates.put({"name": "Abdomen"})
    assert box.templates.named("abdomen") is None


def test_an_element_that_cannot_be_read_is_left_out_of_new_objects() -> None:
    """A number that is none in the picture does not keep the radiologist from signing."""
    (ds,) = small_study("cervical-spine")
    ds.add(RawDataElement(Tag("PatientWeight"), "DS", 4, b"heavy", 0, False, True))
    ds.add(RawDataElement(Tag("BitsStored"), "US", 3, b"\0\0\0", 0, False, True))
    sr = report_sr(REPORT, [ds])
    assert "PatientWeight" not in sr
    assert sr.StudyInstanceUID == ds.StudyInstanceUID


def test_poor_headers_are_enough_for_a_report() -> None:
    """Only the study's UID and the instance's are needed."""
    poor = Dataset()
    (full,) = small_study("cervical-spine")
    poor.StudyInstanceUID, poor.SOPInstanceUID, poor.SOPClassUID = (
        full.StudyInstanceUID,
        full.SOPInstanceUID,
        full.SOPClassUID,
    )
    assert sr_text(report_sr(REPORT, [poor])).sections


def test_every_real_structured_report_is_readable() -> None:
    """And what is none is refused as such."""
    with pytest.raises(NotDicom):
        sr_text(small_study("cervical-spine")[0])
    for path in shared_files():
        if path.name.startswith("sr_"):
            assert sr_text(dcmread(path)).sections, path.name


@pytest.mark.parametrize(
    ("value", "shown"),
    [("Rex^^^^", "Rex"), ("Doe^John^Q^Dr^Jr", "Dr John Q Doe Jr"), ("", "—"), (None, "—"), ("=山田^太郎", "太郎 山田")],
)
def test_person_names_in_reading_order(value: str | None, shown: str) -> None:
    """PS3.5 6.2.1.1."""
    assert shown_name(value) == shown
