"""axe-core on every page where pictures are, in light and dark, at 1024 pixels and as a tablet held upright."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from appliance.phantom.unit import write
from tests.box import Box
from tests.browser.axe import violations
from tests.browser.light_table import log_in
from tests.pictures import small_study

WIDTHS = {"1024": (1024, 768), "tablet": (768, 1024)}
LEAST_TARGET_PX = 44


@pytest.fixture
def box(make_box: Callable[..., Box], tmp_path: Path) -> Box:
    """A thorax, and the same a year earlier."""
    made = make_box().set_up()
    earlier = small_study()
    for ds in earlier:
        ds.StudyDate = "20240101"
    for name, study in (("earlier", earlier), ("now", small_study())):
        made.bucky("import", str(write(study, tmp_path / name)[0].parent))
    return made.start()


def _whole(page: Page, what: str) -> None:
    """No rule broken, nothing beyond the right edge."""
    assert violations(page) == [], what
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), what


@pytest.mark.parametrize("width", WIDTHS)
def test_pages_with_pictures_are_whole_for_everybody(width: str, page: Page, box: Box) -> None:
    """The study with its pictures, compared with the earlier one, menus, and what is handed over; fingers find them."""
    page.goto(box.url)
    log_in(page)
    page.locator("a.study").first.click()
    page.get_by_role("button", name="Pictures (PNG)").click()
    expect(page.get_by_role("link", name="Save")).to_be_visible(timeout=60_000)
    study = page.url
    page.set_viewport_size(dict(zip(("width", "height"), WIDTHS[width], strict=True)))  # type: ignore[arg-type]  # a size by its two names
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # it is one of them
        page.goto(study.partition("#")[0])
        expect(page.locator(".viewport[data-shown=full]").first).to_be_visible(timeout=60_000)
        page.get_by_text("Without the patient's name").click()
        _whole(page, scheme)
        page.locator(".viewport").first.click()
        page.keyboard.press("5")
        expect(page.locator(".viewport[data-shown=full]")).to_have_count(2, timeout=60_000)
        expect(page.locator(".viewport .name").nth(1)).to_contain_text("Earlier")
        _whole(page, f"compared, {scheme}")
        for menu in page.locator(".toolbar [popovertarget]").all():
            menu.click()
            _whole(page, f"{menu.inner_text()}, {scheme}")
            page.keyboard.press("Escape")
    buttons = page.locator(".toolbar button:visible, .hand-over button:visible").all()
    sizes = {button.inner_text(): seen["height"] for button in buttons if (seen := button.bounding_box())}
    assert len(sizes) > 10
    assert {name: height for name, height in sizes.items() if height < LEAST_TARGET_PX} == {}
