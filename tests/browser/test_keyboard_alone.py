"""A case from the log-in to the reader by a person who has no mouse: Tab, arrows, Enter and the keys of the table."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from appliance.phantom.unit import write
from tests.box import PASSWORD, Box
from tests.browser.light_table import drawings, evaluate, values
from tests.pictures import small_study
from tests.waiting import wait_for

LONG_MS = 120_000
STOPS = 150
"""More than any page has."""
IS_HERE = "one => one === document.activeElement"
IS_SEEN = """() => {
  const style = getComputedStyle(document.activeElement);
  return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
}"""


def _go_to(page: Page, goal: Locator) -> None:
    """Tab on until it has the focus; every stop on the way is seen to be one."""
    expect(goal).to_be_visible()
    for _ in range(STOPS):
        if goal.evaluate(IS_HERE):
            return
        page.keyboard.press("Tab")
        at = "document.activeElement.outerHTML.slice(0, 200)"
        assert page.evaluate("document.activeElement === document.body") or page.evaluate(IS_SEEN), page.evaluate(at)
    raise AssertionError(f"no Tab leads to {goal}")


def _press(page: Page, goal: Locator) -> None:
    _go_to(page, goal)
    page.keyboard.press("Enter")


def _log_in(page: Page, box: Box) -> None:
    page.goto(box.url)
    _go_to(page, page.get_by_label("Name").first)
    page.keyboard.type("ann")
    _go_to(page, page.get_by_label("Password"))
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")


@pytest.fixture
def box(make_box: Callable[..., Box], tmp_path: Path) -> Box:
    """A study, and a reader who is far away."""
    made = make_box().set_up()
    made.bucky("import", str(write(small_study(), tmp_path / "files")[0].parent))
    made.bucky("destination", "add", "Far Reader", "--dicomweb", "http://127.0.0.1:9/dicom-web")
    return made.start()


def test_a_whole_case_without_a_mouse(page: Page, box: Box) -> None:
    """Open the study, window, measure from a menu, save, make a copy, ask the reader."""
    _log_in(page, box)
    _press(page, page.locator("a.study").first)
    expect(page.locator("[data-shown=full]").first).to_be_visible(timeout=LONG_MS)
    picture = page.locator(".viewport").first
    _go_to(page, picture)
    before = evaluate(page, "table.active.appearance.voi.width")
    page.keyboard.press("]")
    assert evaluate(page, "table.active.appearance.voi.width") != before

    _choose(page, "Spine, foot", "pelvic-level")
    expect(picture).to_be_focused()  # its keys work at once
    for step, times in (("Shift+ArrowUp", 8), ("Shift+ArrowLeft", 5), ("Shift+ArrowDown", 12)):
        for _ in range(times):
            page.keyboard.press(step)
        page.keyboard.press("Enter")
    (drawing,) = drawings(page)
    assert values(drawing)["pelvic-level"] != 0
    _press(page, page.locator(".guide").get_by_role("button", name="Cancel"))
    expect(page.locator(".guide")).to_be_hidden()
    expect(picture).to_be_focused()

    _press(page, page.locator(".toolbar [data-id=save]"))
    expect(page.locator(".spoken")).to_contain_text("Saved in the study", timeout=LONG_MS)

    _press(page, page.get_by_role("button", name="Print or PDF"))
    expect(page.get_by_role("link", name="Open")).to_be_visible(timeout=LONG_MS)
    _go_to(page, page.get_by_role("link", name="Open").first)
    _press(page, page.get_by_role("button", name="Ask a reader"))
    for field, words in (("Question", "Level?"), ("History", "Limps."), ("Medication", "none")):
        _go_to(page, page.get_by_label(field))
        page.keyboard.type(words)
    _press(page, page.get_by_role("button", name="Send the case"))
    expect(page.get_by_role("button", name="Send the case")).to_have_count(0)
    expect(page.get_by_text("Far Reader").first).to_be_visible()


def _choose(page: Page, menu: str, tool: str) -> None:
    """Along the toolbar by arrows, into the menu by Tab."""
    toolbar = page.locator(".toolbar")
    _go_to(page, toolbar.get_by_role("button").first)
    opener = toolbar.get_by_role("button", name=menu, exact=True)
    for _ in range(STOPS):
        if opener.evaluate(IS_HERE):
            break
        page.keyboard.press("ArrowRight")
    _press(page, opener)
    _press(page, toolbar.locator(f"[data-id={tool}]"))


def test_enter_on_a_button_presses_it_while_points_are_placed(
    page: Page, make_box: Callable[..., Box], tmp_path: Path
) -> None:
    """A tool that waits for Enter does not take it from the thumbnails, the menus and its own guide."""
    made = make_box().set_up()
    made.bucky("import", str(write(small_study(), tmp_path / "files")[0].parent))
    _log_in(page, made.start())
    _press(page, page.locator("a.study").first)
    expect(page.locator("[data-shown=full]").first).to_be_visible(timeout=LONG_MS)
    _go_to(page, page.locator(".viewport").first)
    page.keyboard.press("l")
    page.keyboard.press("Enter")
    _press(page, page.locator(".guide").get_by_role("button", name="Back"))
    expect(page.locator(".guide").get_by_role("button", name="Back")).to_be_disabled()
    assert page.locator(".guide").evaluate("guide => guide.contains(document.activeElement)")
    first = evaluate(page, "table.active.picture.id")
    _press(page, page.locator(".strip [data-picture]").nth(1))
    wait_for(lambda: evaluate(page, "table.active.picture.id") != first, 120, "the other picture")
    assert evaluate(page, "table.tool.id") == "length"
    _press(page, page.locator(".guide").get_by_role("button", name="Cancel"))
    assert evaluate(page, "table.tool.id") == "window"
