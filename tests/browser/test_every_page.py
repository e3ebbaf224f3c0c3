"""Every page of a box and of a reader service, by their own maps of addresses, as PC, tablet and phone show it."""

import re
from collections.abc import Callable

from flask import Flask
from playwright.sync_api import Page, Response, expect

from appliance.archive.blobs import Provenance
from appliance.archive.part10 import take_dataset
from appliance.clock import stamp
from appliance.logs import Log
from appliance.phantom.unit import send
from appliance.settings import load
from appliance.wiring import Box as Services
from appliance.wiring.reader import build_reader_app
from appliance.wiring.web import build_app
from tests.box import HOST, PASSWORD, Box
from tests.browser.album import picture
from tests.browser.axe import violations
from tests.peers import Mode, Peer
from tests.pictures import small_study
from tests.waiting import wait_for
from webui.services import BoxFacts

SIZES = {"pc": (1024, 768), "tablet": (768, 1024), "phone": (390, 844)}
_PARTS = "list|state|exports|thumbnail|preview|file|document.*|frames/.*|pictures/.*|bytes"
NO_PAGE = re.compile(rf"/({_PARTS})$|\.\w+$|^/static")
"""Parts of pages, pictures and files."""
NOT_HERE = {
    "support.report": "the vendor's support has asked for nothing",
    "trust.how": "is there where TLS is served",
    "session.code": "leads to the log-in without a password before",
    "lock.locked": "leads to the log-in on a PC that is not the clinic's",
    "session.setup": "is looked at before",
    "session.log_in": "is looked at before",
    "session.health": "is for programs",
}


def _services(box: Box) -> Services:
    return Services(load(box.data, command_line={}, environ={}))


def _facts(box: Services, kind: str) -> BoxFacts:
    return BoxFacts(
        kind=kind,
        ae_title="BUCKY",
        addresses=lambda: [HOST],
        dicom_port=lambda: 1,
        http_port=1,
        secret_key=box.secret_key,
    )


def _addresses(app: Flask) -> dict[str, str]:
    """Every page by its endpoint; what is asked for by number is number one."""
    found = {}
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("dicomweb.") or rule.endpoint in NOT_HERE or "GET" not in (rule.methods or ()):
            continue
        path = re.sub(r"<(int:|path:)?\w+>", "1", rule.rule)
        if not NO_PAGE.search(path):
            found[rule.endpoint] = path
    return found


def _log_in(page: Page, url: str, name: str) -> None:
    page.goto(f"{url}/login")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()


def _troubles(page: Page, name: str) -> list[str]:
    """What is wrong with the page that is open: sideways scrolling, and what axe-core says, in light and dark."""
    expect(page.locator("main")).to_be_visible()
    found = []
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        beyond = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if beyond > 0:
            found.append(f"{name} on a {size} is {beyond} pixels too wide")
        picture(page, f"{name}-{size}", whole=True)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of its words
        found += [f"{name} in {scheme}: {line}" for line in violations(page)]
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1024, "height": 768})
    return found


def _listen(page: Page) -> list[str]:
    """What the page's own scripts and pictures are refused from now on."""
    refused: list[str] = []

    def look(answer: Response) -> None:
        if answer.status >= 400 and answer.request.resource_type != "document":
            refused.append(f"{answer.request.method} {answer.url}: {answer.status}")

    page.on("response", look)
    return refused


def _tour(page: Page, url: str, addresses: dict[str, str]) -> list[str]:
    found = []
    for endpoint, path in sorted(addresses.items()):
        answer = page.goto(f"{url}{path}")
        if page.url.split("?")[0].endswith("/again") and endpoint != "lock.again":
            page.get_by_label("Password of").fill(PASSWORD)
            page.get_by_role("button", name="Go on").click()
        if answer is None or answer.status != 200:
            found.append(f"{endpoint} answered {answer and answer.status}")
        else:
            found += _troubles(page, endpoint)
    return found


def _at_work(box: Box, peer: Peer) -> None:
    """Something of everything: pictures, a new device, an exam, a reader, a deleted study, a case, an export."""
    box.accept("DX1")
    box.deliver_to("Far", peer.url)
    study = small_study()
    assert send(study, HOST, box.dicom_port, calling_ae="DX1") == [0, 0, 0]
    assert send(small_study("cervical-spine"), HOST, box.dicom_port, calling_ae="STRANGER") == [0]
    box.bucky("worklist", "add", "--patient", "Bella", "--owner", "Miller, Anna", "--species", "cat")
    services = _services(box)
    services.rehearsals.ask("ann")
    take_dataset(services.intake, small_study("cervical-spine")[0], Provenance("local", "x", "", stamp()))
    wait_for(lambda: not services.catalogue.without_preview(limit=1), 60, "the previews")
    box.wait_verified(str(study[0].StudyInstanceUID))
    services.removals.delete_study(services.catalogue.recent()[0].study.id, reason="test exposure", by="ann")
    services.casebook.draft(1, "ann", None)
    wait_for(lambda: (last := services.rehearsals.latest()) and last.ended_at, 60, "the rehearsal")


def test_every_page_of_the_box(page: Page, make_box: Callable[..., Box], make_peer: Callable[[Mode], Peer]) -> None:
    """No page scrolls sideways, axe-core finds nothing, and each is pictured; on a box with something of everything."""
    refused = _listen(page)
    box = make_box().start()
    page.goto(box.url)
    found = _troubles(page, "session.setup")
    box.set_up()
    page.goto(f"{box.url}/login")
    found += _troubles(page, "session.log_in")
    _log_in(page, box.url, "ann")
    found += _troubles(page, "clinic.studies-empty")
    _at_work(box, make_peer("healthy"))
    services = _services(box)
    found += _tour(page, box.url, _addresses(build_app(services, _facts(services, "box"), Log("web"))))
    assert not found + refused, "\n".join(found + refused)


def test_every_page_of_a_reader_service(page: Page, make_box: Callable[..., Box]) -> None:
    """The same for the house and one of its clinics."""
    refused = _listen(page)
    box, reader = make_box().set_up(), make_box("reader", "reader").set_up("rita").start()
    token = reader.bucky("token", "create", "clinic", "--role", "technician")
    box.deliver_to("Far", reader.dicomweb, token=token)
    box.start()
    box.accept("DX1")
    study = small_study()
    assert send(study, HOST, box.dicom_port, calling_ae="DX1") == [0, 0, 0]
    box.wait_verified(str(study[0].StudyInstanceUID))
    _log_in(page, reader.url, "rita")
    services = _services(reader)
    pages = _addresses(build_reader_app(services, _facts(services, "reader"), Log("web")))
    found = _tour(page, reader.url, {f"house.{endpoint}": path for endpoint, path in pages.items()})
    page.goto(reader.url)
    page.locator(".study").first.click()
    expect(page.locator("[data-shown=full]").first).to_be_visible()
    found += _troubles(page, "house.reader.case")
    assert not found + refused, "\n".join(found + refused)
