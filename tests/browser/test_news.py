"""What comes from the reader is told in the title and by a sound; the delivery receipt on the page and on paper."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

from playwright.sync_api import Page, expect

from appliance.archive.blobs import Provenance
from appliance.archive.part10 import take_dataset
from appliance.clock import stamp
from appliance.phantom.unit import send
from appliance.reading.report import Report
from appliance.reading.report_sr import report_sr
from appliance.settings import load
from appliance.wiring import Box as Services
from tests.box import HOST, PASSWORD, Box
from tests.conftest import SENTINEL
from tests.peers import Mode, Peer
from tests.pictures import small_study
from tests.waiting import wait_for

LONG_MS = 90_000
COUNT_TONES = """
window.tones = 0;
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...given) { window.tones += 1; return start.apply(this, given); };
"""


def _log_in(page: Page, box: Box) -> None:
    page.goto(f"{box.url}/login")
    page.get_by_label("Name", exact=True).fill("ann")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.get_by_role("link", name="Studies")).to_be_visible()


def test_a_report_is_told_in_the_title_and_by_a_sound_until_it_is_opened(
    page: Page, make_box: Callable[..., Box]
) -> None:
    """On whatever page somebody is; a critical one sounds three times; no patient's name is in the title.

    Heard also when it comes before the page has asked the box for the first time.
    """
    box = make_box().set_up().start()
    services = Services(load(box.data, command_line={}, environ={}))
    study = small_study()
    for ds in study:
        ds.PatientName = f"{SENTINEL}^Rex"
        take_dataset(services.intake, ds, Provenance("local", "test", "", stamp()))
    page.add_init_script(COUNT_TONES)
    page.route("**/changes.json", lambda route: route.abort())
    _log_in(page, box)
    expect(page.locator(".study").first).to_be_visible(timeout=LONG_MS)
    report = Report("Fluid.", "Effusion.", "", "Dr Jo Far", "Far Readers", datetime.now(UTC), critical=True)
    take_dataset(services.intake, report_sr(report, study), Provenance("result", "Far", "", stamp()))
    services.documents.read_new(1)
    page.unroute("**/changes.json")
    expect(page).to_have_title(re.compile(r"^\(1!\) "), timeout=LONG_MS)
    assert SENTINEL not in page.title()
    wait_for(lambda: page.evaluate("window.tones") == 3, LONG_MS / 1000, "three tones")  # polled from outside: no eval
    page.locator(".study").first.click()
    expect(page.get_by_text("Effusion.", exact=True)).to_be_visible()
    page.get_by_role("link", name="Studies", exact=True).click()
    expect(page).not_to_have_title(re.compile(r"^\("))


def test_the_receipt_says_taken_here_and_there_and_prints_without_the_page_around_it(
    page: Page, make_box: Callable[..., Box], make_peer: Callable[[Mode], Peer]
) -> None:
    """Picture by picture with its digest; one more taken than came is never 'everything arrived'."""
    box = make_box().set_up()
    box.deliver_to("Far", make_peer("healthy").url)
    box.start()
    box.accept("PHANTOM-DX")
    study = small_study()
    assert send(study, HOST, box.dicom_port) == [0, 0, 0]
    uid = str(study[0].StudyInstanceUID)
    box.bucky("study", "count", uid, "3")
    box.wait_verified(uid)
    _log_in(page, box)
    page.goto(f"{box.url}/studies/1/receipt")
    card = page.get_by_label("Far")
    expect(card.locator(".sums dd:not(.help)")).to_have_text(["3", "3", "3"])
    expect(card.get_by_text("Everything arrived")).to_be_visible()
    assert len(re.findall(r"\b[0-9a-f]{64}\b", card.inner_text())) == 3
    page.emulate_media(media="print")
    expect(page.locator(".bar")).to_be_hidden()
    expect(page.get_by_text("← The study")).to_be_hidden()
    expect(card.get_by_text("Everything arrived")).to_be_visible()
    page.emulate_media(media="screen")
    box.bucky("study", "count", uid, "4")
    page.reload()
    expect(card.get_by_text("4 were taken, 3 are on the box")).to_be_visible()
    expect(card.get_by_text("Everything arrived")).to_have_count(0)
