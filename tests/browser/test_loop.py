"""From exposure to report, with the real box, a real archive or reader, and a real browser."""

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, expect
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.uid import BasicTextSRStorage, EncapsulatedPDFStorage

from appliance.phantom.unit import write
from appliance.reading.report import Report
from appliance.reading.report_pdf import encapsulated_pdf, report_pdf
from appliance.reading.report_sr import report_sr
from tests.box import HOST, PASSWORD, Box
from tests.conftest import SENTINEL
from tests.orthanc import Orthanc, need
from tests.pictures import small_study
from tests.waiting import wait_for

ARRIVES_MS = 2_000
LOOP_MS = 60_000


def _first_run(page: Page, box: Box) -> None:
    page.goto(box.url)
    page.get_by_label("Setup code").fill(box.setup_code)
    page.get_by_label("Name of the").fill("Paw Clinic")
    page.get_by_label("Your name").fill("Ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Set up").click()


def _add_reader(page: Page, url: str, token: str = "") -> None:
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="Readers").click()
    page.get_by_label("Name", exact=True).fill("Far Reader")
    page.locator("input[name=url]").fill(url)
    page.locator("input[name=token]").fill(token)
    page.get_by_label("Send every picture").uncheck()
    page.get_by_role("button", name="Add reader").click()
    page.get_by_role("button", name="Test").click()
    expect(page.get_by_text("Far Reader answers as it should.")).to_be_visible()
    page.get_by_role("link", name="Studies").click()


def _send_case(page: Page, urgency: str = "Routine") -> None:
    """From the open study: ask, say how urgent, send; three clicks."""
    page.get_by_role("button", name="Ask a reader").click()
    page.get_by_label("Question").fill("Pneumonia?")
    page.get_by_label("History").fill("Coughs at night.")
    page.get_by_label("Medication").fill("none")
    if urgency != "Routine":
        page.get_by_role("radio", name=urgency).check()
    if urgency == "STAT":
        page.get_by_label("Reason for STAT").fill("dyspnoea")
        page.get_by_label("Call-back number").fill("555 0100")
    page.get_by_role("button", name="Send the case").click()


def _storescu(box: Box, datasets: list[Dataset], folder: Path) -> None:
    need("storescu")
    files = [str(path) for path in write(datasets, folder)]
    subprocess.run(
        ["storescu", "-aet", "DX1", "-aec", "BUCKY", HOST, str(box.dicom_port), *files], check=True, timeout=60
    )


def _expose_and_accept(page: Page, box: Box, datasets: list[Dataset], folder: Path) -> None:
    """An unknown unit sends: the page asks, one tap accepts, the study stands in the list with its thumbnails."""
    expect(page.get_by_role("heading", name="No pictures yet")).to_be_visible()
    _storescu(box, datasets, folder)
    question = page.get_by_label("New X-ray unit")
    expect(question).to_contain_text("A unit calling itself DX1", timeout=ARRIVES_MS)
    question.get_by_role("button", name="Yes, accept it").click()
    line = page.locator(".study")
    expect(line).to_contain_text(SENTINEL)
    expect(line).to_contain_text("Canine")
    expect(line.locator("img")).to_have_count(len(datasets), timeout=10_000)
    first = line.locator("img").first
    wait_for(lambda: first.evaluate("image => image.naturalWidth") > 100, 10, "the thumbnail's pixels")


def _send(page: Page, datasets: list[Dataset]) -> None:
    page.locator(".study").click()
    expect(page.locator("[data-shown=full]").first).to_be_visible(timeout=20_000)
    _send_case(page)
    beside = 2  # Orthanc keeps no worklist: the story goes as a PDF and as a Basic Text SR
    expect(page.get_by_text(f"At Far Reader: all {len(datasets) + beside} confirmed")).to_be_visible(timeout=LOOP_MS)


def test_exposure_to_report_with_orthanc(
    page: Page, make_box: Callable[..., Box], orthanc: Orthanc, tmp_path: Path
) -> None:
    """The instance is in Orthanc bit-identical in its pixels; an SR and a PDF stored there appear on the study page."""
    box = make_box().start()
    study = small_study()
    _first_run(page, box)
    _add_reader(page, orthanc.dicomweb)
    _expose_and_accept(page, box, study, tmp_path / "files")
    _send(page, study)
    for ds in study:
        there = dcmread(DicomBytesIO(orthanc.file(str(ds.SOPInstanceUID))))
        assert np.array_equal(there.pixel_array, ds.pixel_array)
    stories = [ds for ds in orthanc.instances() if ds.SOPClassUID in (BasicTextSRStorage, EncapsulatedPDFStorage)]
    assert len(stories) == 2
    assert any("Coughs at night." in str(ds) for ds in stories)
    report = Report("Lungs clear.", "Normal thorax °.", "None.", "Jo Far", "Far", datetime.now(UTC))
    sr = report_sr(report, study)
    for made in (sr, encapsulated_pdf(report_pdf(report, study), study, source=sr)):
        (path,) = write([made], tmp_path / "reports" / made.Modality)
        orthanc.upload(path.read_bytes())
    page.get_by_role("button", name="Try again and look for the report now").click()
    expect(page.get_by_text("Normal thorax °.")).to_be_visible(timeout=LOOP_MS)
    expect(page.get_by_text("Signed by Far Jo").or_(page.get_by_text("Signed by Jo Far"))).to_be_visible()
    expect(page.get_by_role("link", name="Open the report as PDF").first).to_be_visible(timeout=LOOP_MS)


def test_exposure_to_report_with_our_reader(page: Page, make_box: Callable[..., Box], tmp_path: Path) -> None:
    """The report typed in the reader's page appears at the clinic by itself."""
    box, reader = make_box().start(), make_box("reader", "reader").set_up("rita").start()
    token = reader.bucky("token", "create", "clinic", "--role", "technician")
    study = small_study()
    _first_run(page, box)
    _add_reader(page, reader.dicomweb, token)
    _expose_and_accept(page, box, study, tmp_path / "files")
    page.locator(".study").click()
    _send_case(page, urgency="STAT")
    expect(page.get_by_text("At Far Reader: all 3 confirmed")).to_be_visible(timeout=LOOP_MS)
    desk = page.context.new_page()
    desk.goto(reader.url)
    desk.get_by_label("Name").fill("rita")
    desk.get_by_label("Password").fill(PASSWORD)
    desk.get_by_role("button", name="Log in").click()
    case = desk.locator(".study")
    expect(case).to_contain_text("STAT")
    expect(case).to_contain_text("3 of 3 pictures here")
    case.click()
    desk.get_by_role("button", name="Take this case").click()
    expect(desk.get_by_label("Story")).to_contain_text("Pneumonia?")
    expect(desk.locator("[data-shown=full]").first).to_be_visible(timeout=20_000)
    desk.get_by_label("Findings").fill("Heart and lungs normal.\nNo <b>effusion</b>.")
    desk.get_by_label("Impression").fill("Normal thorax.")
    desk.get_by_label("Recommendation").fill("No treatment needed.")
    desk.get_by_label("Your password").fill(PASSWORD)
    desk.get_by_role("button", name="Sign the report").click()
    expect(desk.get_by_text("The report is signed.")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("No <b>effusion</b>.")).to_be_visible(timeout=LOOP_MS)
    expect(page.get_by_text("No treatment needed.")).to_be_visible()
    expect(page.get_by_role("link", name="Open the report as PDF")).to_be_visible(timeout=LOOP_MS)


def test_a_dead_box_is_told_on_the_page_and_the_page_recovers(page: Page, make_box: Callable[..., Box]) -> None:
    """While the box refuses or is silent the page says so, and goes on by itself when it is back."""
    box = make_box().start()
    _first_run(page, box)
    with page.expect_response("**/changes.json"):
        expect(page.get_by_role("heading", name="No pictures yet")).to_be_visible()
    web = box.roles()["web"]
    web.suspend()
    expect(page.get_by_role("alert")).to_contain_text("does not answer", timeout=20_000)
    web.resume()
    expect(page.locator(".offline")).to_be_hidden(timeout=20_000)
    box.stop()
    expect(page.get_by_role("alert")).to_contain_text("does not answer", timeout=20_000)
    box.start()
    expect(page.locator(".offline")).to_be_hidden(timeout=20_000)
