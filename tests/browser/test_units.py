"""The page of one X-ray unit: rules tried, used and undone, and its certificate, as staff do it."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from appliance.phantom.unit import send, write
from tests.box import HOST, Box
from tests.browser.light_table import log_in
from tests.interop.test_odd_units import TRUE_NAME, UNIT, names, odd_study
from tests.interop.test_tls import storescu, unit_certificate
from tests.pictures import small_study
from tests.waiting import wait_for


def _at_the_unit(page: Page, box: Box, name: str) -> None:
    page.goto(f"{box.url}/units")
    log_in(page)
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)


def test_rules_are_looked_at_before_they_are_used_and_can_be_undone(page: Page, make_box: Callable[..., Box]) -> None:
    """The page shows each difference before and after; the list of patients follows, and goes back."""
    box = make_box().set_up().start()
    box.accept(UNIT)
    assert set(send(odd_study(), HOST, box.dicom_port, calling_ae=UNIT)) == {0}
    as_received = names(box)
    _at_the_unit(page, box, UNIT)
    page.get_by_label("Letters look wrong").select_option(value="ISO_IR 192")
    page.get_by_label("Owner and animal in one name").select_option(value="animal-first")
    page.get_by_label("Pictures lie wrongly").select_option(value="90")
    page.get_by_label("Put missing and invalid numbers right").check()
    page.get_by_role("button", name="Show what this does").click()
    expect(page.get_by_role("heading", name="before and after (not saved yet)")).to_be_visible()
    expect(page.get_by_role("region", name="Preview").get_by_text(TRUE_NAME).first).to_be_visible()
    assert names(box) == as_received, "looking changes nothing"

    page.get_by_role("button", name="Use these rules").click()
    wait_for(lambda: names(box) == {TRUE_NAME}, 60, "the rules on the list")
    page.reload()
    expect(page.get_by_label("Put missing and invalid numbers right")).to_be_checked()
    page.get_by_role("button", name="Undo the last change").click()
    wait_for(lambda: names(box) == as_received, 60, "the undo")
    expect(page.get_by_label("Put missing and invalid numbers right")).not_to_be_checked()


def test_a_unit_is_known_by_the_certificate_pasted_on_its_page(
    page: Page, make_box: Callable[..., Box], tmp_path: Path
) -> None:
    """What is no certificate is refused with the reason; with it on file, nothing else stores."""
    box = make_box().set_up().start()
    box.accept("STORESCU")
    paths = write(small_study(), tmp_path / "files")
    assert storescu(box, paths[0], "+tla") == 0
    certificate, key = unit_certificate(tmp_path / "unit", "DX1")
    _at_the_unit(page, box, "STORESCU")
    page.get_by_label("Certificate", exact=False).fill("-----BEGIN NOTHING-----")
    page.get_by_role("button", name="Save the certificate").click()
    expect(page.get_by_role("alert").first).to_contain_text("certificate")
    page.get_by_label("Certificate", exact=False).fill(certificate.read_text())
    page.get_by_role("button", name="Save the certificate").click()
    expect(page.get_by_text("Believed with its own certificate only")).to_be_visible()
    assert storescu(box, paths[1], "+tla") != 0
    assert storescu(box, paths[1], "+tls", str(key), str(certificate)) == 0
    page.get_by_label("Certificate", exact=False).fill("")
    page.get_by_role("button", name="Save the certificate").click()
    expect(page.get_by_text("Believed with its own certificate only")).to_have_count(0)
    assert storescu(box, paths[2], "+tla") == 0
