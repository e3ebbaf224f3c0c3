"""Makes the pictures of README.md from the running product: `make screenshots`."""

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from appliance.phantom.dataset import phantom_study
from appliance.phantom.unit import send
from tests.box import HOST, PASSWORD, Box
from tests.browser.conftest import FLAGS

OUTPUT = Path(__file__).parent.parent.parent / "webui" / "screenshots"
SIZE = {"width": 1280, "height": 800}


def _log_in(page: Page, url: str, name: str) -> None:
    page.goto(url)
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def main() -> None:
    """A box and a reader with phantom patients, pictured as their users see them."""
    OUTPUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        box, reader = (
            Box(Path(folder) / "box").set_up("clinic"),
            Box(Path(folder) / "reader", "reader").set_up("reader"),
        )
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        try:
            reader.start()
            token = reader.bucky("token", "create", "clinic", "--role", "technician")
            box.deliver_to("Reader", reader.dicomweb, token=token)
            box.start()
            _pictures(browser.new_page(viewport=SIZE), browser.new_page(viewport=SIZE), box, reader)
        finally:
            browser.close()
            box.stop()
            reader.stop()


def _pictures(clinic: Page, desk: Page, box: Box, reader: Box) -> None:
    _log_in(clinic, box.url, "clinic")
    send(phantom_study("cervical-spine"), HOST, box.dicom_port, calling_ae="DX1")
    clinic.get_by_role("heading", name="Is this your X-ray unit?").wait_for()
    clinic.wait_for_timeout(3000)
    clinic.screenshot(path=OUTPUT / "new-device.png")
    clinic.get_by_role("button", name="Yes, accept it").click()
    study = phantom_study()
    send(study, HOST, box.dicom_port, calling_ae="DX1")
    box.wait_verified(str(study[0].StudyInstanceUID))
    clinic.wait_for_timeout(3000)
    clinic.screenshot(path=OUTPUT / "studies.png")
    _log_in(desk, reader.url, "reader")
    desk.locator(".study", has_text="Canine").click()
    desk.locator("[data-shown=full]").first.wait_for()
    desk.get_by_label("Findings").fill("The cardiac silhouette is of normal size and shape.\nThe lungs are clear.")
    desk.get_by_label("Impression").fill("Normal thorax.")
    desk.get_by_label("Recommendation").fill("No further imaging needed.")
    desk.screenshot(path=OUTPUT / "reading.png")
    desk.get_by_label("Your password").fill(PASSWORD)
    desk.get_by_role("button", name="Sign the report").click()
    clinic.locator(".study", has_text="Canine").click()
    clinic.locator("[data-shown=full]").first.wait_for()
    clinic.get_by_text("Normal thorax.").wait_for(timeout=60_000)
    clinic.wait_for_timeout(1000)
    clinic.screenshot(path=OUTPUT / "study.png")


if __name__ == "__main__":
    main()
