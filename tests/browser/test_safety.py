"""Safe keeping as an administrator uses it: the key, the backup, the rules, a study that leaves and comes back."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from appliance.clock import after
from appliance.phantom.unit import send
from appliance.settings import load
from appliance.wiring import Box as Services
from tests.box import HOST, PASSWORD, Box
from tests.peers import Mode, Peer
from tests.pictures import small_study
from tests.waiting import wait_for


def _delivered_study(box: Box, peer: Peer) -> str:
    """A box at work with one study that its reader has confirmed."""
    box.set_up()
    box.deliver_to("Reader", peer.url)
    box.start()
    box.accept("PHANTOM-DX")
    study = small_study()
    assert send(study, HOST, box.dicom_port) == [0, 0, 0]
    box.wait_verified(str(study[0].StudyInstanceUID))
    return str(study[0].StudyInstanceUID)


def _log_in(page: Page, box: Box) -> None:
    page.goto(f"{box.url}/login")
    page.get_by_label("Name", exact=True).fill("ann")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()


def test_a_clinic_prints_its_key_and_backs_up(
    page: Page, make_box: Callable[..., Box], make_peer: Callable[[Mode], Peer], tmp_path: Path
) -> None:
    """The status page shows the last good backup; a bare box is restored from it with the printed key."""
    box = make_box()
    uid = _delivered_study(box, make_peer("healthy"))
    _log_in(page, box)
    page.goto(f"{box.url}/settings")
    page.get_by_role("link", name="Safe keeping").click()
    page.get_by_role("button", name="Make a key and print it").click()
    code = page.locator("code", has_text=re.compile("AGE-SECRET-KEY-1"))
    expect(code).to_be_visible()
    key = code.inner_text()
    page.get_by_role("link", name="It is printed").click()
    usb = tmp_path / "usb"
    usb.mkdir()
    page.get_by_label("Folder on a USB disk").fill(str(usb))
    page.get_by_role("button", name="Save and back up now").click()

    def is_backed_up() -> bool:
        page.goto(f"{box.url}/status")
        return page.get_by_text("The last good backup is of").count() == 1

    wait_for(is_backed_up, 90, "the backup on the status page")
    new = Box(tmp_path / "new")
    assert "Restored" in new.bucky("restore", str(usb), "--key-stdin", text=f"{key}\n")
    assert [row["study_instance_uid"] for row in new.facts("study", "list")] == [uid]


def test_an_evicted_study_comes_back_when_it_is_opened(
    page: Page, make_box: Callable[..., Box], make_peer: Callable[[Mode], Peer]
) -> None:
    """It stays in the list with its pictures; the page tells how far it is, also when the line is dead."""
    box, peer = make_box(), make_peer("healthy")
    _delivered_study(box, peer)
    services = Services(load(box.data, command_line={}, environ={}))
    wait_for(lambda: {i.preview_state for i in services.catalogue.instances(1)} == {"ready"}, 60, "the previews")
    _log_in(page, box)
    page.goto(f"{box.url}/safety")
    page.get_by_label("Everything else: days").fill("30")
    page.get_by_role("button", name="Save rules").click()
    expect(page.get_by_label("Everything else: days")).to_have_value("30")
    with services.database.write() as db:
        db.conn.execute("UPDATE study SET last_received_at = ?", [after(-40 * 86_400)])
    box.kill("courier")

    def states() -> set[str]:
        return {i.file_state for i in services.catalogue.instances(1)}

    wait_for(lambda: states() == {"evicted"}, 60, "the eviction")
    page.goto(box.url)
    expect(page.locator(".thumb img")).to_have_count(3)
    peer.mode = "refusing"
    page.get_by_role("link").filter(has=page.locator(".thumb")).first.click()
    expect(page.get_by_text("Coming back from the reader’s archive")).to_be_visible()
    expect(page.get_by_text("The box goes on trying")).to_be_visible(timeout=30_000)
    peer.mode = "healthy"
    wait_for(lambda: states() == {"here"}, 90, "the recall")
    expect(page.get_by_text("Coming back from the reader’s archive")).to_have_count(0, timeout=20_000)
    page.get_by_role("button", name="Keep on this box for ever").click()
    expect(page.get_by_text("Kept on this box for ever")).to_be_visible()
