"""Support from afar, as both sides see it: the vendor's console and the clinic's page, in a real browser."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect

from appliance.phantom.unit import write
from provisioning.fleet.tables import Staff
from tests.box import HOST, Box
from tests.box import PASSWORD as CLINICS
from tests.browser.album import picture
from tests.browser.axe import violations
from tests.fleet import SERIAL, Service
from tests.orthanc import Orthanc
from tests.pictures import small_study
from tests.waiting import wait_for

PASSWORD = "another horse battery"
TITLE = "PRACTICE1"
ANSWER_S = 90


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A running service after its key ceremony."""
    made = Service(tmp_path / "fleet")
    made.fleet.repository.ceremony(made.offline)
    yield made.start()
    made.stop()


@pytest.fixture
def console(browser: Browser, service: Service) -> Iterator[Page]:
    """A browser of the vendor's; the service's certificate is of an authority that browsers do not know."""
    context = browser.new_context(viewport={"width": 1024, "height": 768}, ignore_https_errors=True)
    yield context.new_page()
    context.close()


def _log_in(console: Page, service: Service, role: str = "support") -> None:
    _type_log_in(console, service, "sue", service.fleet.people.add("sue", role, PASSWORD, who="owner"))


def _type_log_in(console: Page, service: Service, name: str, secret: str, password: str = PASSWORD) -> None:
    console.goto(f"{service.url}/console/")
    console.get_by_label("Name").fill(name)
    console.get_by_label("Password").fill(password)
    console.get_by_label("Number from the authenticator").fill(pyotp.TOTP(secret).now())
    console.get_by_role("button", name="Log in").click()
    expect(console.get_by_role("heading", name="Boxes")).to_be_visible()


def _until(page: Page, text: str) -> None:
    """Look again, as a person does, until the page says so."""

    def said() -> bool:
        page.reload()
        if page.get_by_text(text).first.is_visible():
            return True
        time.sleep(1)
        return False

    wait_for(said, ANSWER_S, f"'{text}' on the page")


def _outcome(console: Page, what: str) -> str:
    """What the newest line of 'What was sent' of this name says, once the box answered."""
    found: list[str] = []

    def answered() -> bool:
        console.wait_for_load_state()  # what the last click began; Chromium refuses to reload a page that is being left
        console.reload()
        row = console.locator("section", has_text="What was sent").locator("tr", has_text=what).first
        text = row.inner_text()
        found[:] = [text]
        if "no answer yet" in text:
            time.sleep(1)
            return False
        return True

    wait_for(answered, ANSWER_S, f"the outcome of {what}")
    return found[0]


def _clinic_with_wrong_title(box: Box, pacs: Orthanc, service: Service, folder: Path) -> None:
    """A box whose pictures are to go to the practice's own archive, which knows it by another AE title."""
    box.bucky("destination", "add", "Archive", "--dimse", f"{Orthanc.aet}@{HOST}:{pacs.dicom_port}", "--auto")
    write(small_study("cervical-spine"), folder)
    box.bucky("import", str(folder))
    wait_for(lambda: box.facts("destination", "list")[0]["trouble"], ANSWER_S, "a delivery that is refused")
    service.fleet.registry.register(SERIAL, box.bucky("vendor", "identity"), who="factory")
    service.fleet.registry.assign(SERIAL, "Small Animal Practice", who="owner")
    service.hand_trust(box.data / "vendor")


def _let_in(clinic: Page, box: Box) -> None:
    clinic.goto(box.url)
    clinic.get_by_label("Name").fill("ann")
    clinic.get_by_label("Password").fill(CLINICS)
    clinic.get_by_role("button", name="Log in").click()
    clinic.goto(f"{box.url}/support")
    clinic.get_by_role("button", name="Let support in").click()
    if clinic.get_by_role("heading", name="Your password once more").is_visible():
        clinic.get_by_label("Password of").fill(CLINICS)
        clinic.get_by_role("button", name="Go on").click()
    expect(clinic.get_by_text("ann let it in", exact=False).first).to_be_visible()


def test_a_wrong_ae_title_is_found_diagnosed_and_mended_with_the_clinics_consent(
    page: Page, console: Page, service: Service, make_box: Callable[..., Box], tmp_path: Path
) -> None:
    """From the list of boxes to a confirmed delivery; the clinic lets support in, sees what goes out, and ends it."""
    closed = dict.fromkeys(("DicomAlwaysAllowEcho", "DicomAlwaysAllowStore", "DicomAlwaysAllowFind"), False)
    facts = {**closed, "DicomModalities": {"box": [TITLE, HOST, 104]}}
    with Orthanc(tmp_path / "archive", facts=facts) as pacs:
        box = make_box().set_up().start()
        _clinic_with_wrong_title(box, pacs, service, tmp_path / "files")
        _log_in(console, service)
        _until(console, "bad: Line to reader 1")
        picture(console, "boxes")
        assert violations(console) == []
        _look_at_it(console)
        _let_in(page, box)
        picture(page, "clinic-let-in")
        _diagnose(console, page, box)
        _mend(console)
        box.wait_verified(str(small_uid(box)), ANSWER_S)
        assert len(pacs.instances()) == 1
        console.get_by_role("link", name="Boxes").click()
        _until(console, "Small Animal Practice")
        wait_for(lambda: _is_mended(console), ANSWER_S, "a list without trouble")
        _end(page, box)


def small_uid(box: Box) -> str:
    """The study on the box."""
    (study,) = box.facts("study", "list")
    return str(study["study_instance_uid"])


def _is_mended(console: Page) -> bool:
    console.reload()
    time.sleep(1)
    return not console.get_by_text("Line to reader 1").is_visible()


def _look_at_it(console: Page) -> None:
    """The page says what is wrong in words, and that the clinic is to be asked first."""
    console.get_by_role("link", name=SERIAL).click()
    _until(console, "The other side turns the box away")
    expect(console.get_by_text("The clinic has not let support in: the box refuses all of this")).to_be_visible()
    picture(console, "box", whole=True)
    assert violations(console) == []


def _diagnose(console: Page, clinic: Page, box: Box) -> None:
    """The network check names the trouble; figures go when the clinic has seen them."""
    _until(console, "The clinic lets support in until")
    console.get_by_role("button", name="Check the network of the box").click()
    assert "association-refused" in _outcome(console, "Check the network of the box")
    console.get_by_role("button", name="Collect figures for support").click()
    assert "done" in _outcome(console, "Collect figures for support")
    expect(console.get_by_text("Diagnostics that the clinic released")).to_be_hidden()
    clinic.reload()
    clinic.get_by_role("link", name="Look at it and decide").click()
    expect(clinic.get_by_text('"free_bytes"')).to_be_visible()
    picture(clinic, "clinic-report")
    assert violations(clinic) == []
    clinic.get_by_role("button", name="Send it to support").click()
    _until(console, "Diagnostics that the clinic released")


def _mend(console: Page) -> None:
    """The right title, tried by the box and kept; then the study once more."""
    console.get_by_label("ae_title").fill(TITLE)
    console.get_by_role("button", name="Sign and send").click()
    assert "done" in _outcome(console, "settings")
    console.get_by_label("Name for support").fill("S-1")
    console.get_by_role("button", name="Send a study again").click()
    assert "done" in _outcome(console, "Send a study again")
    picture(console, "box-mended")


def _end(clinic: Page, box: Box) -> None:
    """The strip is on every page while support is in; the clinic sees what was done and ends it."""
    clinic.goto(f"{box.url}/status")
    expect(clinic.locator(".let-in")).to_be_visible()
    clinic.goto(f"{box.url}/support")
    for done in ("Checked the network", "Collected figures", "Settings", "Sent a study again"):
        expect(clinic.get_by_role("cell", name=done).first).to_be_visible()
    picture(clinic, "clinic-support", whole=True)
    assert violations(clinic) == []
    clinic.get_by_role("button", name="End now").click()
    expect(clinic.get_by_role("button", name="Let support in")).to_be_visible()
    expect(clinic.locator(".let-in")).to_have_count(0)


def test_the_console_shows_rollouts_and_audit_and_an_owner_replaces_a_box(
    console: Page, service: Service, tmp_path: Path
) -> None:
    """A signed release is started and halted; a box that is replaced is out at once."""
    archive = tmp_path / "release.tar.gz"
    archive.write_bytes(b"a release")
    service.fleet.repository.add("1.1", archive, service.offline)
    for folder, serial in (("one", SERIAL), ("two", "BX-0002")):
        service.register(tmp_path / folder, serial)
    service.fleet.registry.assign(SERIAL, "Small Animal Practice", who="owner")
    _log_in(console, service, "owner")
    console.get_by_role("link", name="Rollouts").click()
    console.get_by_role("button", name="Start with 1 %").click()
    expect(console.get_by_role("button", name="Halt")).to_be_visible()
    picture(console, "rollouts")
    assert violations(console) == []
    console.get_by_role("button", name="Halt").click()
    expect(console.get_by_text("halted: halted by sue")).to_be_visible()
    console.get_by_role("link", name="Boxes").click()
    console.get_by_label("Serial or clinic").fill("animal")
    console.get_by_role("button", name="Search").click()
    console.get_by_role("link", name=SERIAL).click()
    console.get_by_label("New box").fill("BX-0002")
    console.get_by_role("button", name="Replace").click()
    expect(console.get_by_text("replaced by BX-0002")).to_be_visible()
    console.get_by_role("link", name="Audit").click()
    expect(console.get_by_role("cell", name="replaced", exact=True)).to_be_visible()
    picture(console, "audit")
    assert violations(console) == []


def test_an_owner_makes_an_account_whose_person_can_log_in_and_blocks_it(
    browser: Browser, console: Page, service: Service
) -> None:
    """The code for the authenticator is on the page once; the new person is in, and out when blocked."""
    _log_in(console, service, "owner")
    console.get_by_role("link", name="People").click()
    console.get_by_label("Name").fill("bob")
    console.get_by_label("Role").select_option("watcher")
    console.get_by_label("First password").fill(PASSWORD)
    console.get_by_role("button", name="Make the account").click()
    card = console.get_by_label("Code for the authenticator")
    expect(card.locator("svg")).to_be_visible()
    secret = card.locator("code").inner_text()
    assert violations(console) == []
    console.reload()
    expect(card).to_have_count(0)
    context = browser.new_context(ignore_https_errors=True)
    other = context.new_page()
    _type_log_in(other, service, "bob", secret)
    expect(other.get_by_role("link", name="People")).to_have_count(0)
    console.get_by_role("button", name="Block", exact=True).click()
    expect(console.get_by_role("button", name="Unblock")).to_be_visible()
    picture(console, "people")
    other.reload()
    expect(other.get_by_role("button", name="Log in")).to_be_visible()
    context.close()


def _number(service: Service, secret: str) -> str:
    """The number that the authenticator shows, as if half a minute had gone by since the last one."""
    with service.fleet.store.write() as session:
        session.get_one(Staff, "sue").totp_last = 0
    return pyotp.TOTP(secret).now()


def _logged_out(page: Page) -> None:
    page.reload()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()


def test_a_person_of_the_vendor_changes_password_and_authenticator(
    browser: Browser, console: Page, service: Service
) -> None:
    """Another window of theirs is out each time; a mistake is said and changes nothing."""
    secret = service.fleet.people.add("sue", "watcher", PASSWORD, who="owner")
    context = browser.new_context(ignore_https_errors=True)
    other = context.new_page()
    _type_log_in(console, service, "sue", secret)
    _number(service, secret)
    _type_log_in(other, service, "sue", secret)
    console.get_by_role("link", name="sue").click()
    assert violations(console) == []
    picture(console, "account", whole=True)
    for again in ("a mistaken horse", "the third horse battery"):
        form = console.get_by_label("A new password", exact=True)
        form.get_by_label("Present password").fill(PASSWORD)
        form.get_by_label("Number from the authenticator").fill(_number(service, secret))
        form.get_by_label("New password", exact=True).fill("the third horse battery")
        form.get_by_label("New password again").fill(again)
        form.get_by_role("button").click()
        expect(console.get_by_role("alert" if "mistaken" in again else "status")).to_be_visible()
        assert violations(console) == []
    _logged_out(other)
    _number(service, secret)
    _type_log_in(other, service, "sue", secret, "the third horse battery")
    form = console.get_by_label("A new authenticator", exact=True)
    new = form.locator("code").inner_text()
    form.get_by_label("Present password").fill("the third horse battery")
    form.get_by_label("Number from the authenticator").fill(_number(service, secret))
    form.get_by_label("Number from the new authenticator").fill(pyotp.TOTP(new).now())
    form.get_by_role("button").click()
    expect(console.get_by_text("Your new authenticator counts from now on.")).to_be_visible()
    _logged_out(other)
    _number(service, new)
    _type_log_in(other, service, "sue", new, "the third horse battery")
    context.close()
