"""Each page in each language fits a phone, and what is printed leaves the page around it away."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from appliance.logs import Log
from appliance.wiring.web import build_app
from tests.box import PASSWORD, Box
from tests.browser.test_every_page import SIZES, _addresses, _at_work, _facts, _log_in, _services
from tests.peers import Mode, Peer

BEYOND = """() => [...document.querySelectorAll("header *, main *, footer *")]
  .filter((it) => it.checkVisibility() && !it.closest("svg, .viewport, .unseen, thead"))
  .filter((it) => it.getBoundingClientRect().width > 0 && it.getBoundingClientRect().right > innerWidth + 1)
  .map((it) => `${it.tagName}: ${it.textContent.trim().slice(0, 60)}`)"""
"""What stands beyond the right edge."""
PRINTED = ("cheat-sheet", "network", "statement", "studies/1/receipt")


@pytest.mark.timeout(1200)
def test_every_page_fits_a_phone_in_every_language(
    page: Page, make_box: Callable[..., Box], make_peer: Callable[[Mode], Peer]
) -> None:
    """Words are longer in other languages; nothing stands beyond the edge, nothing scrolls sideways."""
    box = make_box().set_up().start()
    _log_in(page, box.url, "ann")
    _at_work(box, make_peer("healthy"))
    services = _services(box)
    pages = _addresses(build_app(services, _facts(services, "box"), Log("web")))
    width, height = SIZES["phone"]
    page.set_viewport_size({"width": width, "height": height})
    ann = services.accounts.all()[0]
    found = []
    for language in ("es", "de", "fr"):
        services.accounts.set_language(ann.id, language)
        for endpoint, path in sorted(pages.items()):
            page.goto(f"{box.url}{path}")
            if page.url.split("?")[0].endswith("/again") and endpoint != "lock.again":
                page.locator("input[type=password]").fill(PASSWORD)
                page.locator("main button.go").click()
            expect(page.locator("html")).to_have_attribute("lang", language)
            found += [f"{endpoint} in {language}: {text}" for text in page.evaluate(BEYOND)]
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                found.append(f"{endpoint} in {language} scrolls sideways")
    assert not found, "\n".join(found)


def test_what_hangs_on_the_wall_prints_without_the_page_around_it(
    page: Page, make_box: Callable[..., Box], make_peer: Callable[[Mode], Peer]
) -> None:
    """No bar, no form, no button; dark letters on white, also for who likes it dark."""
    box = make_box().set_up().start()
    _log_in(page, box.url, "ann")
    _at_work(box, make_peer("healthy"))
    page.emulate_media(media="print", color_scheme="dark")
    for name in PRINTED:
        page.goto(f"{box.url}/{name}")
        expect(page.locator("main h1")).to_be_visible()
        for around in ("header.bar", "footer", "main form", "main button", "main .button"):
            assert page.locator(around).filter(visible=True).count() == 0, f"{name} prints {around}"
        colours = page.evaluate(
            "() => [document.body, document.querySelector('h1')].map((it) => getComputedStyle(it))"
            ".map((it, heading) => (heading ? it.color : it.backgroundColor))"
        )
        assert colours == ["rgb(255, 255, 255)", "rgb(18, 36, 43)"], f"{name} is printed in {colours}"
