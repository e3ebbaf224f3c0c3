"""Two other ways of reading, in a real browser: by DICOM without a credential, and in house."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from appliance.phantom.unit import AssociationRejected, send
from tests.box import HOST, PASSWORD, Box
from tests.pictures import small_study
from tests.waiting import wait_for

LONG_MS = 120_000


def _log_in(page: Page, url: str, name: str) -> None:
    page.goto(url)
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def test_a_box_that_sends_by_dicom_is_accepted_on_the_readers_page(page: Page, make_box: Callable[..., Box]) -> None:
    """Until then its pictures are kept apart; then they are on the list, and the box has its confirmation."""
    reader, box = make_box("reader", "reader").set_up("rita").start(), make_box().set_up("ann")
    address = f"BUCKY@{HOST}:{reader.dicom_port}"
    box.bucky("destination", "add", "Far", "--dimse", address, "--auto")
    box.accept("PHANTOM-DX")
    box.start()
    datasets = small_study("cervical-spine")
    assert send(datasets, HOST, box.dicom_port) == [0]
    _log_in(page, reader.url, "rita")
    waiting = page.get_by_role("link", name="1 DICOM sender waits for you.")
    expect(waiting).to_be_visible(timeout=LONG_MS)
    expect(page.locator(".study")).to_have_count(0)
    assert not any(row["complete"] for row in box.facts("study", "verify", str(datasets[0].StudyInstanceUID), expect=1))
    waiting.click()
    row = page.locator("tr", has_text=HOST)
    expect(row).to_contain_text("waits for you")
    row.get_by_role("button", name="Accept").click()
    expect(row).to_contain_text("accepted")
    page.get_by_role("link", name="Cases").click()
    expect(page.locator(".study").first).to_be_visible(timeout=LONG_MS)
    box.bucky("destination", "test", "Far")  # try again now, not in a minute
    box.wait_verified(str(datasets[0].StudyInstanceUID), 120)
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="DICOM senders").click()
    row.get_by_role("button", name="Block").click()
    expect(row).to_contain_text("blocked")
    with pytest.raises(AssociationRejected):
        send(small_study("cervical-spine"), HOST, reader.dicom_port, calling_ae="BUCKY")


def test_a_doctor_of_the_clinic_reports_in_house(page: Page, make_box: Callable[..., Box]) -> None:
    """With the same form, a template and the password; no reader is needed, and the report is on the study's page."""
    box = make_box().set_up("ann")
    box.accept("PHANTOM-DX")
    box.start()
    datasets = small_study()
    assert set(send(datasets, HOST, box.dicom_port)) == {0}
    _log_in(page, box.url, "ann")
    page.locator(".study").first.click()
    page.get_by_role("link", name="Report in house").click()
    page.get_by_label("Template").select_option("Thorax, dog")
    expect(page.get_by_label("Findings")).to_have_value(
        "Positioning and exposure:\nThoracic wall and diaphragm:\nMediastinum and trachea:\nHeart (VHS):\n"
        "Pulmonary vessels:\nLungs:\nPleural space:\nBones:"
    )
    page.get_by_label("Impression").fill("Normal thorax, read in house.")
    for template in ("none", "Thorax, dog"):
        page.get_by_label("Template").select_option(template)
        expect(page.get_by_label("Impression")).to_have_value("Normal thorax, read in house.")
    page.get_by_label("Your password").fill("not the password")
    page.get_by_role("button", name="Sign the report").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Impression")).to_have_value("Normal thorax, read in house.")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Sign the report").click()
    expect(page.get_by_text("The report is signed.")).to_be_visible(timeout=LONG_MS)
    page.get_by_role("link", name="← The study").click()
    expect(page.get_by_text("Normal thorax, read in house.", exact=True)).to_be_visible(timeout=LONG_MS)
    uid = str(datasets[0].StudyInstanceUID)
    wait_for(lambda: len(box.facts("study", "show", uid)) == 5, 30, "three pictures, the report and its PDF")
