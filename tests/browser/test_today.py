"""A day at the clinic: an exam is entered, pictures arrive as they are taken, what is missing is said, it is sent."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from appliance.phantom.unit import send
from tests.box import HOST, PASSWORD, Box
from tests.browser.axe import violations
from tests.conftest import SENTINEL
from tests.peers import Mode, Peer
from tests.pictures import small_study

ARRIVES_MS = 5_000


def _log_in(page: Page, box: Box) -> None:
    page.goto(f"{box.url}/login")
    page.get_by_label("Name", exact=True).fill("ann")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()


def _enter_exam(page: Page) -> None:
    page.get_by_role("link", name="Today").click()
    page.get_by_label("Animal").fill("Rex")
    page.get_by_label("Owner").fill(f"{SENTINEL}, Ann")
    page.get_by_label("Species").fill("dog")
    page.get_by_label("Breed").fill("Labrador retriever dog")
    page.locator("select[name=neutered]").select_option("yes")
    page.locator("input[name=age]").fill("8")
    page.locator("select[name=age_unit]").select_option("months")
    page.get_by_label("Weight in kg").fill("31.5")
    page.locator("select[name=protocol]").select_option("Thorax 3 views")
    page.get_by_role("button", name="Put on the list").click()


def test_from_the_exam_to_the_reader_on_one_page(
    page: Page, make_box: Callable[..., Box], make_peer: Callable[[Mode], Peer]
) -> None:
    """Pictures and what is missing appear without a reload; from the complete exam it is three clicks to the reader."""
    box, peer = make_box().set_up(), make_peer("healthy")
    box.deliver_to("Far", peer.url, auto=False)
    box.start()
    box.accept("DX1")
    _log_in(page, box)
    _enter_exam(page)
    exam = page.locator(".exam")
    expect(exam).to_contain_text("No picture yet")
    expect(exam).to_contain_text("to be made")
    (ordered,) = box.facts("worklist", "list")
    study = small_study()
    for ds in study:
        ds.StudyInstanceUID, ds.AccessionNumber = ordered["study_instance_uid"], ordered["accession_number"]
    page.evaluate("() => { window.kept = true; }")
    assert send(study[:2], HOST, box.dicom_port, calling_ae="DX1") == [0, 0]
    expect(exam.locator("img")).to_have_count(2, timeout=ARRIVES_MS)
    expect(exam).to_contain_text("Still to make: VD")
    expect(exam.locator(".views .badge.good")).to_have_count(2)
    assert violations(page) == []
    assert send(study[2:], HOST, box.dicom_port, calling_ae="DX1") == [0]
    expect(exam.get_by_text("Complete")).to_be_visible(timeout=ARRIVES_MS)
    expect(exam.locator("img")).to_have_count(3, timeout=ARRIVES_MS)
    assert page.evaluate("() => window.kept"), "the page was not loaded anew"
    exam.get_by_role("button", name="Ask a reader").click()
    page.get_by_label("Question").fill("Pneumonia?")
    page.get_by_label("History").fill("Coughs at night.")
    page.get_by_label("Medication").fill("none")
    page.get_by_role("button", name="Send the case").click()
    page.get_by_role("link", name="Today").click()
    expect(exam).to_contain_text("confirmed", timeout=60_000)
    expect(exam.get_by_role("button", name="Ask a reader")).to_have_count(0)


def test_pictures_that_nobody_ordered_are_shown_too(page: Page, make_box: Callable[..., Box]) -> None:
    """Under their own names, below the exams."""
    box = make_box().set_up().start()
    box.accept("DX1")
    _log_in(page, box)
    _enter_exam(page)
    assert send(small_study()[:1], HOST, box.dicom_port, calling_ae="DX1") == [0]
    rows = page.locator(".exam")
    expect(rows).to_have_count(2, timeout=ARRIVES_MS)
    expect(rows.nth(1)).to_contain_text("Not on the list")
    expect(rows.nth(1)).to_contain_text(SENTINEL)


def test_a_failed_rehearsal_stands_above_everything(
    page: Page, make_box: Callable[..., Box], make_peer: Callable[[Mode], Peer]
) -> None:
    """On Today, the list of studies and the status page; one press rehearses again, and the note goes by itself."""
    box, peer = make_box().set_up(), make_peer("full")
    box.deliver_to("Far", peer.url, auto=False)
    box.start()
    _log_in(page, box)
    page.goto(f"{box.url}/rehearsal")
    page.get_by_role("button", name="Rehearse now").click()
    expect(page.get_by_text("trouble", exact=True).first).to_be_visible(timeout=60_000)
    assert violations(page) == []
    for place in ("/exams", "/"):
        page.goto(f"{box.url}{place}")
        expect(page.get_by_role("alert").filter(has_text="The rehearsal failed. To Far and back")).to_be_visible()
    page.goto(f"{box.url}/status")
    expect(page.locator(".finding.bad", has_text="Morning rehearsal")).to_be_visible()
    peer.mode = "healthy"
    page.goto(f"{box.url}/exams")
    page.get_by_role("link", name="Look and rehearse again").click()
    page.get_by_role("button", name="Rehearse now").click()
    expect(page.get_by_text("came back bit for bit").first).to_be_visible(timeout=60_000)
    page.goto(f"{box.url}/exams")
    expect(page.get_by_text("The rehearsal failed")).to_have_count(0)
