"""The daily way in German: chosen at the log-in, no English left, German dates, and everything still fits."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from appliance.phantom.unit import send
from tests.box import HOST, PASSWORD, Box
from tests.browser.album import picture
from tests.browser.axe import violations
from tests.browser.test_every_page import SIZES, _services
from tests.peers import Mode, Peer
from tests.pictures import small_study
from webui import languages

ENGLISH = re.compile(r"\b(the|is|are|and|of|this|not|with|your|from|here|there|sent|picture|pictures)\b")
SHOWN = """() => {
  const seen = (element) => element && element.checkVisibility() && !element.closest("script, style, [data-not-words]");
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [document.title.split(" · ")[0]];
  while (walk.nextNode()) if (seen(walk.currentNode.parentElement)) found.push(walk.currentNode.textContent);
  for (const element of document.querySelectorAll("[aria-label], [title], [placeholder], [alt]"))
    if (seen(element)) for (const name of ["aria-label", "title", "placeholder", "alt"])
      found.push(element.getAttribute(name) ?? "");
  return found.map((text) => text.replace(/\\s+/g, " ").trim()).filter(Boolean);
}"""
"""Everything that a person reads on the page, or has read out."""
PAGES = (
    *("settings", "first-steps", "units", "readers", "me", "find", "requests", "safety", "network", "people"),
    *("settings/case-rules", "settings/prices", "settings/notices", "statement", "templates", "rehearsal", "removed"),
    *("tokens", "support", "audit", "place", "cheat-sheet", "studies/1/correct", "studies/1/delete"),
)
"""Beside those on the daily way."""
DATA = re.compile(
    r"Right lateral|Left lateral|Lateral|\bVD\b|Thorax|Phantom|Canine|Labrador|English|Far|Paw|Bucky|BUCKY|DX1|ann"
)
"""Names, and what came with pictures and code sets: no words of ours."""


def _rest(page: Page) -> list[str]:
    """Texts that have a German translation and are not in it, and those that look English."""
    found = []
    for text in page.evaluate(SHOWN):
        known = languages._translated("de", text)
        if (known != text and not DATA.search(text)) or ENGLISH.search(DATA.sub("", text)):
            found.append(text)
    return found


def _look(page: Page, name: str) -> list[str]:
    """What is wrong with the page that is open."""
    expect(page.locator("main")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "de")
    troubles = [f"{name} says: {text}" for text in _rest(page)]
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        beyond = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if beyond > 0:
            troubles.append(f"{name} on a {size} is {beyond} pixels too wide")
        picture(page, f"german-{name}-{size}", whole=True)
    page.set_viewport_size({"width": 1024, "height": 768})
    return troubles + [f"{name}: {line}" for line in violations(page)]


def _log_in_in_german(page: Page, url: str) -> None:
    page.goto(f"{url}/login")
    page.get_by_role("button", name="Deutsch").click()
    page.get_by_label("Name", exact=True).fill("ann")
    page.get_by_label("Passwort", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Anmelden", exact=True).click()
    expect(page.get_by_role("link", name="Heute")).to_be_visible()


def test_the_daily_way_in_german(page: Page, make_box: Callable[..., Box], make_peer: Callable[[Mode], Peer]) -> None:
    """From the log-in by the exam and the study to the case and the status."""
    box, peer = make_box().set_up(), make_peer("healthy")
    box.deliver_to("Far", peer.url, auto=False)
    _services(box).database.set_setting("language", "de")
    box.start()
    box.accept("DX1")
    page.goto(f"{box.url}/login")
    page.get_by_role("button", name="Deutsch").click()
    found = _look(page, "login")
    _log_in_in_german(page, box.url)
    page.get_by_role("link", name="Heute").click()
    page.get_by_label("Tier", exact=True).fill("Rex")
    page.locator("select[name=protocol]").select_option("Thorax 3 views")
    page.get_by_role("button", name="Auf die Liste setzen").click()
    expect(page.locator(".exam")).to_contain_text("Noch kein Bild")
    found += _look(page, "today")
    assert send(small_study(), HOST, box.dicom_port, calling_ae="DX1") == [0, 0, 0]
    page.get_by_role("link", name="Studien").click()
    expect(page.locator(".study img")).to_have_count(3, timeout=60_000)
    expect(page.locator(".study time")).to_contain_text("heute")
    found += _look(page, "studies")
    page.locator(".study").click()
    expect(page.locator(".toolbar")).to_contain_text("Helligkeit")
    expect(page.locator(".facts").first).to_contain_text(re.compile(r"\d\d\.\d\d\.\d{4}"))
    found += _look(page, "study")
    page.get_by_role("button", name="Befunder fragen").first.click()
    expect(page.get_by_label("Frage")).to_be_visible()
    found += _look(page, "case")
    page.get_by_label("Frage").fill("Pneumonie?")
    expect(page.locator("[data-saved]")).to_have_text("Gespeichert.")
    page.get_by_role("link", name="Status").click()
    found += _look(page, "status")
    for name in PAGES:
        answer = page.goto(f"{box.url}/{name}")
        assert answer
        assert answer.status == 200, name
        if page.url.split("?")[0].endswith("/again"):
            page.get_by_label("Passwort von").fill(PASSWORD)
            page.get_by_role("button", name="Weiter").click()
        found += _look(page, name)
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("name", "word"), [("Español", "Ajustes"), ("Français", "Réglages"), ("English", "Settings")])
def test_another_language_is_a_click_away(page: Page, make_box: Callable[..., Box], name: str, word: str) -> None:
    """On one's own page; the page that is open speaks it at once."""
    box = make_box().set_up().start()
    _log_in_in_german(page, box.url)
    page.get_by_role("link", name="ann").click()
    page.get_by_role("button", name=name).click()
    expect(page.get_by_role("link", name=word)).to_be_visible()
    page.reload()
    expect(page.get_by_role("link", name=word)).to_be_visible()


def test_days_are_named_as_people_name_them(page: Page, make_box: Callable[..., Box]) -> None:
    """Yesterday, today, tomorrow; what lies further off, before or after, by its date."""
    box = make_box().set_up().start()
    _log_in_in_german(page, box.url)
    shown = page.evaluate(
        """async () => {
          const { showTimes } = await import("/static/js/times.js");
          const noon = (days) => {
            const day = new Date();
            day.setDate(day.getDate() + days);
            day.setHours(12, 0, 0, 0);
            return day.toISOString();
          };
          for (const days of [-30, -1, 0, 1, 30]) {
            const element = document.createElement("time");
            element.className = "tried";
            element.setAttribute("datetime", noon(days));
            document.body.append(element);
          }
          showTimes(document);
          return [...document.querySelectorAll(".tried")].map((element) => element.textContent);
        }"""
    )
    assert shown[1:4] == ["gestern 12:00", "heute 12:00", "morgen 12:00"]
    assert all(re.fullmatch(r"\d{1,2}\. \w+\.? \d{4} 12:00", text) for text in (shown[0], shown[4])), shown
