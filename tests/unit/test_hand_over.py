"""What leaves the box: files, pictures, paper, media, with and without names."""

import hashlib
import io
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.fileset import FileSet
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless

from appliance.clock import now
from appliance.courier.exports import Options
from appliance.courier.hand_over import ExportWorker
from appliance.errors import BadInput
from appliance.imaging.decode import decode_frame
from appliance.imaging.media.captions import bar_for, captioned
from appliance.imaging.media.content import Cancelled, Content, NotWrittenWell, no_progress
from appliance.imaging.media.pdi import _verify, write_medium
from appliance.imaging.spacing import whole_scale
from appliance.reading.report import Report
from appliance.wiring import Box
from tests.conftest import SENTINEL
from tests.orthanc import need
from tests.pictures import small_study
from tests.service import keep

REPORT = Report("Lung clear", "Normal", "None", "Dr Ann", "Paw", now())


@pytest.fixture
def study(box: Box) -> list[Dataset]:
    """Three views, one of them compressed, with a report."""
    objects = small_study(scale=0.12)
    objects[1].compress(JPEGLSLossless, generate_instance_uid=False)
    keep(box, *objects)
    box.desk.sign(1, REPORT)
    box.database.set_setting("clinic_name", "Paw Clinic")
    return objects


def _write(box: Box, kind: str, target: Path, **options: bool) -> list[str]:
    return box.hand_over.write(kind, 1, Options(**options), target, no_progress)


def _medium(box: Box, folder: Path, **options: bool) -> Path:
    with box.hand_over.content(1, Options(**options), folder, no_progress) as (content, _):
        box.hand_over.write_folder("media", content, folder / "medium", no_progress)
    return folder / "medium"


def test_a_zip_holds_the_files_as_they_are_stored(box: Box, study: list[Dataset], tmp_path: Path) -> None:
    """Byte by byte, whatever their transfer syntax."""
    _write(box, "zip", tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as bundle:
        packed = {hashlib.sha256(bundle.read(name)).hexdigest() for name in bundle.namelist()}
    assert packed == {hashlib.sha256(i.path.read_bytes()).hexdigest() for i in box.catalogue.instances(1)}


@pytest.mark.parametrize("kind", ["jpeg", "png"])
def test_pictures_carry_the_patient_the_side_and_a_bar(
    kind: str, box: Box, study: list[Dataset], tmp_path: Path
) -> None:
    """One file a picture at full size; the captions differ from the bare picture in the corners only."""
    _write(box, kind, tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as bundle:
        images = [Image.open(io.BytesIO(bundle.read(name))) for name in sorted(bundle.namelist())]
    assert [image.size for image in images] == [(ds.Columns, ds.Rows) for ds in study]
    assert {image.format for image in images} == {kind.upper()}


def test_the_bar_is_as_long_as_it_says(box: Box, study: list[Dataset]) -> None:
    """Its white pixels, times the spacing of the picture, are its length."""
    instance = box.catalogue.instances(1)[0]
    frame = decode_frame(instance.path)
    scale = whole_scale(frame.header)
    assert scale is not None and "detector plane" in scale.words
    bar = bar_for(scale, frame.pixels.shape[1], frame.pixels.shape[1])
    assert bar is not None
    assert bar.length_pixels * scale.column_mm == pytest.approx(bar.length_mm)
    image = np.asarray(captioned(frame, Content((), "", "", "")))
    longest = max(image.shape)
    margin = max(4, round(longest * 0.012))
    row = image[image.shape[0] - margin, image.shape[1] // 2 :]
    white = np.flatnonzero(row == 255)
    last_run = np.split(white, np.flatnonzero(np.diff(white) > 1) + 1)[-1]
    assert abs(len(last_run) - 1 - bar.length_pixels) <= 1


@pytest.mark.parametrize(
    ("facts", "basis", "row_mm"),
    [
        ({}, None, 0),
        ({"ImagerPixelSpacing": [0.2, 0.2]}, "detector plane", 0.2),
        ({"ImagerPixelSpacing": [0.2, 0.2], "PixelSpacing": [0.2, 0.2]}, "detector plane", 0.2),
        ({"ImagerPixelSpacing": [0.2, 0.2], "PixelSpacing": [0.15, 0.15]}, "calibrated", 0.15),
        ({"ImagerPixelSpacing": [0.2, 0.2], "EstimatedRadiographicMagnificationFactor": 1.25}, "estimated", 0.16),
        ({"PixelSpacing": [0.5, 0.5], "Modality": "CT"}, "at the patient", 0.5),
        ({"PixelSpacing": [0.5, 0.5]}, "as the unit gave it", 0.5),
        ({"NominalScannedPixelSpacing": [0.1, 0.1]}, "film", 0.1),
        ({"PixelSpacing": [0, 0.5]}, None, 0),
    ],
)
def test_a_scale_says_what_it_rests_on(facts: dict[str, object], basis: str | None, row_mm: float) -> None:
    """PS3.3 10.7.1.3; without a basis there is none."""
    ds = Dataset()
    for keyword, value in facts.items():
        setattr(ds, keyword, value)
    scale = whole_scale(ds)
    assert (scale is None) == (basis is None)
    if scale and basis:
        assert basis in scale.words
        assert scale.row_mm == pytest.approx(row_mm)


def test_the_pdf_has_a_page_a_picture_with_its_words(box: Box, study: list[Dataset], tmp_path: Path) -> None:
    """Patient, clinic, view and basis of the scale as text that can be found."""
    _write(box, "pdf", tmp_path / "out.pdf")
    document = pypdfium2.PdfDocument(tmp_path / "out.pdf")
    assert len(document) == 3
    text = document[0].get_textpage().get_text_range()
    assert SENTINEL in text and "Paw Clinic" in text and "detector plane" in text


def test_the_bar_on_paper_is_in_proportion_to_the_picture(box: Box, study: list[Dataset], tmp_path: Path) -> None:
    """Its length on the page is to the picture's width as its millimetres are to the picture's."""
    _write(box, "pdf", tmp_path / "out.pdf")
    page = pypdfium2.PdfDocument(tmp_path / "out.pdf")[0]
    objects = list(page.get_objects())
    (left, _, right, _) = next(o for o in objects if o.type == 3).get_bounds()  # FPDF_PAGEOBJ_IMAGE
    widths = [b[2] - b[0] for o in objects if o.type == 2 for b in [o.get_bounds()]]  # FPDF_PAGEOBJ_PATH
    frame = decode_frame(box.catalogue.instances(1)[0].path)
    bar = bar_for(whole_scale(frame.header), frame.pixels.shape[1], frame.pixels.shape[1])
    assert bar is not None
    assert max(widths) / (right - left) == pytest.approx(bar.length_pixels / frame.pixels.shape[1], abs=0.01)


def test_a_medium_is_a_sound_file_set(box: Box, study: list[Dataset], tmp_path: Path) -> None:
    """DICOMDIR lists every object in Explicit VR Little Endian; dcmtk and dciodvfy find no fault in it."""
    need("dciodvfy")
    medium = _medium(box, tmp_path)
    files = FileSet(medium / "DICOMDIR")
    kept = {i.sop_instance_uid for i in box.catalogue.instances(1)}
    assert {instance.SOPInstanceUID for instance in files} == kept
    for instance in files:
        ds = dcmread(instance.path)
        assert ds.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        assert ds.SOPInstanceUID == instance.SOPInstanceUID
    lossless = next(ds for ds in study if ds.file_meta.TransferSyntaxUID == JPEGLSLossless)
    (back,) = files.find(SOPInstanceUID=lossless.SOPInstanceUID)
    assert np.array_equal(back.load().pixel_array, lossless.pixel_array)
    checked = subprocess.run(["dciodvfy", str(medium / "DICOMDIR")], capture_output=True, text=True, check=False)
    errors = [line for line in checked.stderr.splitlines() if line.startswith("Error")]
    assert [e for e in errors if "Relationship Type" not in e] == []  # HAS CONCEPT MOD is right, F.5.23
    dumped = subprocess.run(["dcmdump", str(medium / "DICOMDIR")], capture_output=True, text=True, check=True)
    assert dumped.stdout.count("ReferencedFileID") == len(kept)


def test_a_medium_opens_without_a_server(box: Box, study: list[Dataset], tmp_path: Path) -> None:
    """Every link and picture of its pages is a file on it; its texts name patient and clinic."""
    import re

    medium = _medium(box, tmp_path)
    assert SENTINEL in (medium / "INDEX.HTM").read_text() and "Paw Clinic" in (medium / "README.TXT").read_text()
    pages = [medium / "INDEX.HTM", *(medium / "IHE_PDI").glob("*.HTM")]
    assert len(pages) == 5
    for page in pages:
        for target in re.findall(r'(?:href|src)="([^"]+)"', page.read_text()):
            assert "://" not in target and (page.parent / target).is_file(), (page.name, target)


def test_damage_to_a_medium_is_noticed(box: Box, study: list[Dataset], tmp_path: Path) -> None:
    """What reads back differently is not called done."""
    medium = _medium(box, tmp_path)
    digests = {
        Path(i.path): hashlib.sha256(Path(i.path).read_bytes()).hexdigest() for i in FileSet(medium / "DICOMDIR")
    }
    _verify(medium, digests, lambda _: None)
    victim = next(iter(digests))
    victim.write_bytes(victim.read_bytes()[:-2] + b"xx")
    with pytest.raises(NotWrittenWell):
        _verify(medium, digests, lambda _: None)


def test_without_names_no_file_of_a_medium_names_anybody(box: Box, study: list[Dataset], tmp_path: Path) -> None:
    """Neither in DICOM files, nor on pages, nor in pictures' metadata; UIDs are new, references fit."""
    medium = _medium(box, tmp_path, deidentify=True, keep_characteristics=True)
    files = [path for path in medium.rglob("*") if path.is_file()]
    for path in files:
        assert SENTINEL.lower().encode() not in path.read_bytes().lower(), path.name
        assert str(study[0].StudyInstanceUID).encode() not in path.read_bytes(), path.name
    objects = [dcmread(i.path) for i in FileSet(medium / "DICOMDIR")]
    assert len({ds.StudyInstanceUID for ds in objects}) == 1
    assert all(ds.PatientIdentityRemoved == "YES" for ds in objects)
    images = {ds.SOPInstanceUID for ds in objects if "PixelData" in ds}
    (report,) = (ds for ds in objects if ds.Modality == "SR")
    evidence = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    assert {r.ReferencedSOPInstanceUID for s in evidence for r in s.ReferencedSOPSequence} == images


def test_burned_in_names_and_left_out_documents_are_said(box: Box, study: list[Dataset], tmp_path: Path) -> None:
    """The person is told what no program can clean."""
    keep(box, _as_ultrasound(study[0]))
    notes = _write(box, "zip", tmp_path / "out.zip", deidentify=True)
    assert any("burned" in note and "US" in note for note in notes)
    assert any("left out" in note for note in notes)  # the report's PDF


def _as_ultrasound(ds: Dataset) -> Dataset:
    other = dcmread(io.BytesIO(_bytes(ds)))
    other.SOPInstanceUID, other.Modality = "2.25.4711", "US"
    del other.BurnedInAnnotation
    return other


def _bytes(ds: Dataset) -> bytes:
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def test_objects_of_every_kind_go_onto_a_medium(box: Box, tmp_path: Path) -> None:
    """Waveforms, plans, doses and reports of pydicom's own files are listed, whatever they leave out."""
    names = (
        "test-SR.dcm",
        "waveform_ecg.dcm",
        "rtplan.dcm",
        "CT_small.dcm",
        "MR_small_RLE.dcm",
        "examples_ybr_color.dcm",
    )
    keep(box, *(Path(str(get_testdata_file(name, download=False))) for name in names))
    for line in box.catalogue.recent():
        folder = tmp_path / str(line.study.id)
        folder.mkdir()
        with box.hand_over.content(line.study.id, Options(), folder, no_progress) as (content, _):
            assert write_medium(content, folder / "medium", no_progress).left_out == 0


def test_an_export_is_made_kept_and_removed(box: Box, study: list[Dataset]) -> None:
    """Asked, made by the worker with its progress, found as a file, gone after its time."""
    worker = ExportWorker(box.exports, box.hand_over)
    number = box.exports.ask(1, "media", Options(), "ann")
    assert box.exports.get(number).is_open
    worker.run_once()
    export = box.exports.get(number)
    assert (export.state, export.done) == ("done", export.total)
    path = box.exports.path(export)
    assert path.stat().st_size == export.size_bytes
    assert zipfile.ZipFile(path).testzip() is None
    assert not box.exports.scratch(export).exists()
    with box.database.write() as db:
        db.conn.execute("UPDATE export SET ended_at = '2000-01-01T00:00:00.000000Z'")
    worker.run_once()
    assert not path.exists() and box.exports.of_study(1) == []


def test_an_export_can_be_stopped(box: Box, study: list[Dataset], tmp_path: Path) -> None:
    """Before it begins, and in its middle; nothing is left behind."""
    worker = ExportWorker(box.exports, box.hand_over)
    number = box.exports.ask(1, "zip", Options(), "ann")
    box.exports.cancel(number)
    worker.run_once()
    assert box.exports.get(number).state == "cancelled"
    second = box.exports.ask(1, "zip", Options(), "ann")
    step = worker._watched(second)
    step(0, 10)
    box.exports.cancel(second)
    with pytest.raises(Cancelled):
        step(10, 10)
    assert not any(path.is_file() for path in (box.settings.data / "exports").rglob("*"))


def test_an_export_that_ended_with_the_process_is_given_up(box: Box, study: list[Dataset]) -> None:
    """After two attempts that never ended it fails with words, and the next one is made."""
    number = box.exports.ask(1, "zip", Options(), "ann")
    for _ in range(2):
        assert box.exports.begin(number)
    ExportWorker(box.exports, box.hand_over).run_once()
    assert box.exports.get(number).state == "failed"
    with pytest.raises(BadInput):
        box.exports.ask(1, "floppy", Options(), "ann")


def test_memory_stays_bounded_for_a_long_study(box: Box, tmp_path: Path) -> None:
    """A ZIP of sixty pictures is written in portions: its peak is far below its size."""
    import tracemalloc

    (ds,) = small_study("cervical-spine", scale=0.4)
    for number in range(60):
        ds.SOPInstanceUID = f"2.25.{number + 1}"
        keep(box, ds)
    tracemalloc.start()
    _write(box, "zip", tmp_path / "out.zip")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < (tmp_path / "out.zip").stat().st_size / 8
    shutil.rmtree(tmp_path, ignore_errors=True)
