"""A person makes copies of a study on its page and takes them along."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from dicomweb_client import DICOMwebClient
from PIL import Image
from playwright.sync_api import Page, expect
from pydicom import dcmread
from pydicom.data import get_testdata_file

from appliance.phantom.unit import write
from tests.box import PASSWORD, Box
from tests.browser.album import picture
from tests.browser.light_table import choose, drawings, evaluate, key_drawing, place, shown
from tests.conftest import SENTINEL
from tests.pictures import small_study
from tests.waiting import wait_for


def _open_study(page: Page, box: Box) -> None:
    page.goto(box.url)
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.locator(".study").first.click()
    expect(page.get_by_role("heading", name="Hand over")).to_be_visible()


def test_copies_are_asked_for_made_and_saved(page: Page, make_box: Callable[..., Box], tmp_path: Path) -> None:
    """Files with names, then a medium without; each appears by itself and holds what it says."""
    box = make_box().set_up()
    write(small_study(), tmp_path / "files")
    box.bucky("import", str(tmp_path / "files"))
    box.start()
    _open_study(page, box)
    page.get_by_role("button", name="DICOM files (ZIP)").click()
    with page.expect_download(timeout=60_000) as saved:
        page.get_by_role("link", name="Save").first.click(timeout=60_000)
    with zipfile.ZipFile(saved.value.path()) as bundle:
        assert len(bundle.namelist()) == 3
    page.get_by_text("Without the patient's name").click()
    page.get_by_label("De-identify").check()
    page.get_by_role("button", name="Stick or disc").click()
    expect(page.get_by_role("link", name="Save")).to_have_count(2, timeout=120_000)
    with page.expect_download() as medium:
        page.get_by_role("link", name="Save").first.click()
    with zipfile.ZipFile(medium.value.path()) as bundle:
        assert "DICOMDIR" in bundle.namelist() and "INDEX.HTM" in bundle.namelist()
        assert not any(SENTINEL.lower().encode() in bundle.read(name).lower() for name in bundle.namelist())
    picture(page, "hand-over", whole=True)


def test_a_print_opens_as_pdf(page: Page, make_box: Callable[..., Box], tmp_path: Path) -> None:
    """The finished PDF comes with its type, for the browser's own print."""
    box = make_box().set_up()
    write(small_study("cervical-spine"), tmp_path / "files")
    box.bucky("import", str(tmp_path / "files"))
    box.start()
    _open_study(page, box)
    page.get_by_role("button", name="Print or PDF").click()
    link = page.get_by_role("link", name="Open (")
    expect(link).to_be_visible(timeout=60_000)
    answer = page.request.get(box.url + (link.get_attribute("href") or ""))
    assert answer.headers["content-type"] == "application/pdf"
    assert len(pypdfium2.PdfDocument(answer.body())) == 1


def test_reports_and_objects_without_a_picture_are_shown(
    page: Page, make_box: Callable[..., Box], tmp_path: Path
) -> None:
    """A structured report as headings and tables, a waveform as its facts."""
    box = make_box().set_up()
    (ds,) = small_study("cervical-spine")
    for name in ("test-SR.dcm", "waveform_ecg.dcm"):
        other = dcmread(str(get_testdata_file(name, download=False)))
        other.StudyInstanceUID, other.PatientName, other.PatientID = ds.StudyInstanceUID, ds.PatientName, ds.PatientID
        other.save_as(tmp_path / name)
    write([ds], tmp_path / "files")
    box.bucky("import", str(tmp_path / "files"), str(tmp_path / "test-SR.dcm"), str(tmp_path / "waveform_ecg.dcm"))
    box.start()
    _open_study(page, box)
    expect(
        page.get_by_text("12-lead", exact=False).or_(page.get_by_text("channels", exact=False)).first
    ).to_be_visible()
    expect(page.locator(".report .prose").first).to_be_visible()
    picture(page, "reports", whole=True)


def _picture(page: Page, ending: str) -> Image.Image:
    """The active picture as the command of the light table saves it."""
    with page.expect_download() as saved:
        choose(page, f"picture-{ending}")
    assert saved.value.suggested_filename.endswith(f".{ending}")
    return Image.open(io.BytesIO(Path(saved.value.path()).read_bytes())).convert("L")


def test_one_picture_is_saved_in_the_window_that_is_looked_at(
    page: Page, make_box: Callable[..., Box], tmp_path: Path
) -> None:
    """PNG and JPEG in full size, as grey as on the light table; another window gives another picture."""
    box = make_box().set_up()
    (ds,) = small_study("cervical-spine")
    write([ds], tmp_path / "files")
    box.bucky("import", str(tmp_path / "files"))
    box.start()
    _open_study(page, box)
    shown(page)
    png, jpeg = _picture(page, "png"), _picture(page, "jpg")
    assert png.size == jpeg.size == (ds.Columns, ds.Rows)
    assert np.abs(np.asarray(png, float) - np.asarray(jpeg, float)).mean() < 3
    row, column = ds.Rows // 3, ds.Columns // 3
    grey = evaluate(page, "table.active.colourAt(...argument)[0]", [column, row])
    assert np.asarray(png)[row, column] == pytest.approx(grey, abs=1)
    evaluate(page, "table.active.setAppearance({voi: {function: 'LINEAR_EXACT', center: 60000, width: 10, label: ''}})")
    plain = np.asarray(_picture(page, "png"))
    assert plain[row, column] == evaluate(page, "table.active.colourAt(...argument)[0]", [column, row])
    middle = slice(ds.Rows // 4, ds.Rows // 2), slice(ds.Columns // 4, ds.Columns // 2)
    assert plain[middle].std() < 1 < np.asarray(png)[middle].std()


def test_a_reader_hands_over_and_measures_as_the_clinic_does(
    page: Page, make_box: Callable[..., Box], tmp_path: Path
) -> None:
    """At the reader service, for the clinic whose study it is: files, print, a medium without names, a measurement."""
    reader = make_box("reader", "reader").set_up("rita").start()
    token = reader.bucky("token", "create", "Paw Clinic", "--role", "technician")
    line = DICOMwebClient(reader.dicomweb, headers={"Authorization": f"Bearer {token}"})
    line.store_instances(small_study())
    page.goto(f"{reader.url}/clinics/1/cases/1")
    page.get_by_label("Name").fill("rita")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Hand over")).to_be_visible()
    shown(page)

    page.get_by_role("button", name="DICOM files (ZIP)").click()
    with page.expect_download(timeout=60_000) as saved:
        page.get_by_role("link", name="Save").first.click(timeout=60_000)
    assert "/clinics/1/" in page.url
    with zipfile.ZipFile(saved.value.path()) as bundle:
        assert len(bundle.namelist()) == 3
    page.get_by_role("button", name="Print or PDF").click()
    opens = page.get_by_role("link", name="Open (")
    expect(opens).to_be_visible(timeout=60_000)
    answer = page.request.get(reader.url + (opens.get_attribute("href") or ""))
    assert len(pypdfium2.PdfDocument(answer.body())) == 3
    page.get_by_text("Without the patient's name").click()
    page.get_by_label("De-identify").check()
    page.get_by_role("button", name="Stick or disc").click()
    expect(page.get_by_role("link", name="Save")).to_have_count(2, timeout=120_000)
    with page.expect_download() as medium:
        page.get_by_role("link", name="Save").first.click()
    with zipfile.ZipFile(medium.value.path()) as bundle:
        assert "DICOMDIR" in bundle.namelist()
        assert not any(SENTINEL.lower().encode() in bundle.read(name).lower() for name in bundle.namelist())
    assert _picture(page, "png").size[0] > 100

    shown(page)
    place(page, "length", [(50, 50), (120, 90)])
    before = drawings(page)[0]["points"]
    key_drawing(page)
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Saved in the study.")).to_be_visible()
    page.reload()
    shown(page)
    wait_for(lambda: len(drawings(page)) == 1, 20, "the measurement")
    assert drawings(page)[0]["points"] == before
    kept = [dcmread(path).Modality for path in (reader.data / "clinics").rglob("*.dcm")]
    assert kept.count("SR") == 1
