"""A link for the owner: made on the study page, opened without a log-in, to look at only, until it is taken back."""

from collections.abc import Callable

import requests
from playwright.sync_api import Page, expect

from appliance.clock import after
from appliance.phantom.unit import send
from appliance.settings import load
from appliance.wiring import Box as Services
from tests.box import HOST, PASSWORD, Box
from tests.browser.axe import violations
from tests.conftest import SENTINEL
from tests.orthanc import Orthanc
from tests.pictures import small_study
from tests.waiting import wait_for


def _services(folder_of: Box) -> Services:
    return Services(load(folder_of.data, command_line={}, environ={}))


def _at_the_study(page: Page, box: Box) -> None:
    page.goto(f"{box.url}/login")
    page.get_by_label("Name", exact=True).fill("ann")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.locator(".study").click()


def _delivered(box: Box) -> str:
    box.start()
    box.accept("DX1")
    study = small_study()
    assert send(study, HOST, box.dicom_port, calling_ae="DX1") == [0, 0, 0]
    box.wait_verified(str(study[0].StudyInstanceUID))
    return str(study[0].StudyInstanceUID)


def _status(address: str) -> int:
    return requests.get(address, timeout=20, allow_redirects=False).status_code


def test_an_owner_looks_and_the_clinic_takes_it_back(page: Page, make_box: Callable[..., Box]) -> None:
    """Nothing but the pictures is behind the link; who opened it stands in the reader's trail; then it is gone."""
    box, reader = make_box().set_up(), make_box("reader", "reader").set_up("rita").start()
    token = reader.bucky("token", "create", "clinic", "--role", "technician")
    box.deliver_to("Far", reader.dicomweb, token=token)
    _delivered(box)
    _at_the_study(page, box)
    card = page.get_by_label("Links")
    card.get_by_label("Days").fill("3")
    card.get_by_role("button", name="Make a link").click()
    link = card.get_by_role("link")
    address = link.get_attribute("href") or ""
    assert address.startswith(f"{reader.url}/clinics/1/share/")
    assert SENTINEL.lower() not in address.lower()
    owner = page.context.browser.new_context().new_page()  # type: ignore[union-attr]  # of this test's browser

    def is_ready() -> bool:
        owner.goto(address)
        return owner.locator("figure img").count() == 3

    wait_for(is_ready, 60, "the previews at the reader")
    expect(owner.get_by_role("heading", name=SENTINEL)).to_be_visible()
    first = owner.locator("figure img").first
    wait_for(lambda: first.evaluate("image => image.naturalWidth") > 100, 20, "the picture's pixels")
    assert violations(owner) == []
    assert owner.get_by_role("button").count() == 0, "to look at only"
    for path in ("", "/", "/cases/1", "/instances/1/file", "/instances/1/preview", "/studies/1/drawings.json"):
        assert _status(f"{reader.url}/clinics/1{path}") in (302, 401, 404, 405), path
    answer = requests.get(address, timeout=20)
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "noindex" in answer.headers["X-Robots-Tag"]
    assert _status(address[:-1] + ("A" if address[-1] != "A" else "B")) == 404
    opened = [e for e in _services(reader).trail.after(0, limit=500) if e.actor.name.startswith("link 1 of clinic")]
    assert opened
    assert {entry.kind for entry in opened} == {"accessed"}
    kinds = [e.detail.get("subject") for e in _services(box).trail.after(0, limit=500) if e.kind == "exported"]
    assert kinds == ["link at Far for 3 days"]
    card.get_by_role("button", name="Take it back").click()
    expect(card.get_by_role("link")).to_have_count(0)
    assert _status(address) == 404
    assert _status(f"{address}/0.webp") == 404


def test_a_link_ends_by_itself(make_box: Callable[..., Box]) -> None:
    """And a token of another clinic can neither make nor end one of this study."""
    box, reader = make_box().set_up(), make_box("reader", "reader").set_up("rita").start()
    ours = {"Authorization": f"Bearer {reader.bucky('token', 'create', 'clinic', '--role', 'technician')}"}
    theirs = {"Authorization": f"Bearer {reader.bucky('token', 'create', 'other', '--role', 'technician')}"}
    box.deliver_to("Far", reader.dicomweb, token=ours["Authorization"].split()[1])
    shares = f"{reader.dicomweb}/studies/{_delivered(box)}/shares"
    made = requests.post(shares, json={"days": 1}, headers=ours, timeout=20)
    assert made.status_code == 201
    address = reader.url + made.json()["path"]
    assert _status(address) == 200
    assert requests.post(shares, json={"days": 1}, headers=theirs, timeout=20).status_code == 404
    assert requests.delete(f"{shares}/{made.json()['id']}", headers=theirs, timeout=20).status_code == 404
    assert requests.post(shares, json={"days": 1}, timeout=20).status_code in (401, 404)
    for days in (0, 31, "7", None, True, 1e9):
        assert requests.post(shares, json={"days": days}, headers=ours, timeout=20).status_code == 400, days
    clinic = Services(load(reader.data / "clinics" / "1", command_line={}, environ={}))
    with clinic.database.write() as db:
        db.conn.execute("UPDATE share SET ends_at = ?", [after(-1)])
    assert _status(address) == 404


def test_an_archive_without_links_says_so(page: Page, make_box: Callable[..., Box], orthanc: Orthanc) -> None:
    """And nothing is kept of the attempt."""
    box = make_box().set_up()
    box.deliver_to("Archive", orthanc.dicomweb)
    _delivered(box)
    _at_the_study(page, box)
    page.get_by_label("Links").get_by_role("button", name="Make a link").click()
    expect(page.get_by_text("This reader offers no links for this study.")).to_be_visible()
    assert _services(box).links.of_study(1) == []
