"""Two-up and four-up, linking, stacks, earlier studies, hanging by view and as a person left it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from appliance.phantom.ct import ct_slices
from appliance.phantom.unit import write
from tests.box import PASSWORD, Box
from tests.browser.axe import violations
from tests.pictures import small_study
from tests.waiting import wait_for

TABLE = "document.querySelector('[data-light-table]').lightTable"
WIDE = {"width": 1680, "height": 900}


@pytest.fixture
def shown(page: Page, make_box: Callable[..., Box], tmp_path: Path) -> Page:
    """A box with a thorax, the same a year earlier, and a CT; the thorax is open on a wide screen."""
    box = make_box().set_up()
    earlier = small_study()
    for ds in earlier:
        ds.StudyDate = "20240101"
    for name, study in (("ct", ct_slices(12)), ("earlier", earlier), ("now", small_study())):
        box.bucky("import", str(write(study, tmp_path / name)[0].parent))
    box.start()
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]  # a plain dict is one
    page.goto(box.url)
    page.get_by_label("Name", exact=True).first.fill("ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.locator("a.study").first.click()
    expect(page.locator(".viewport[data-shown=full]")).to_have_count(3, timeout=60_000)
    return page


def _labels(page: Page) -> list[str]:
    return [str(text) for text in page.locator(".viewport .name").all_inner_texts()]


def _views(page: Page) -> list[str]:
    return [text.split(" ")[0] for text in _labels(page)]


def _zooms(page: Page) -> list[float]:
    """Of each viewport, in parts of its fitted size."""
    return [float(z) for z in page.evaluate(f"{TABLE}.visible.map((v) => v.relativePlacement.zoom)")]


def test_a_three_view_thorax_hangs_by_view_and_as_the_person_left_it(shown: Page) -> None:
    """Right lateral, left lateral, ventro-dorsal; another order and a turn are remembered for this person."""
    assert _views(shown) == ["RL", "LL", "VD"]
    shown.locator(".viewport").first.click()
    shown.keyboard.press("2")
    expect(shown.locator(".viewport[data-shown=full]")).to_have_count(2, timeout=60_000)
    shown.locator(".strip button", has_text="VD").first.click()
    expect(shown.locator(".viewport .name").first).to_contain_text("VD")
    expect(shown.locator(".viewport[data-shown=full]")).to_have_count(2, timeout=60_000)
    shown.locator(".viewport").first.click()
    shown.keyboard.press("t")
    shown.get_by_role("button", name="Hang", exact=True).click()
    shown.get_by_role("button", name="Remember for this kind of exam").click()
    expect(shown.get_by_text("This arrangement is remembered for you.")).to_be_visible()
    left = _views(shown)
    assert left[0] == "VD"
    shown.reload()
    expect(shown.locator(".viewport[data-shown=full]")).to_have_count(2, timeout=60_000)
    assert _views(shown) == left
    expect(shown.locator(".viewport .state").first).to_contain_text("90°")
    shown.get_by_role("button", name="Hang", exact=True).click()
    shown.get_by_role("button", name="Forget my arrangement").click()
    expect(shown.locator(".viewport[data-shown=full]")).to_have_count(3, timeout=60_000)
    assert _views(shown) == ["RL", "LL", "VD"]


def test_an_earlier_study_is_offered_by_view_and_goes_along(shown: Page) -> None:
    """Key 5 puts the same view of the year before beside it, and zoom, place and window of one are done in both."""
    shown.locator(".viewport").nth(1).click()
    shown.keyboard.press("5")
    expect(shown.locator(".viewport[data-shown=full]")).to_have_count(2, timeout=60_000)
    now, before = _labels(shown)
    assert now.startswith("LL")
    assert before.startswith("Earlier · LL")
    assert "2024-01-01" in before
    shown.locator(".viewport").first.click()
    shown.keyboard.press("+")
    shown.keyboard.press("[")
    first, second = _zooms(shown)
    assert first == pytest.approx(1.25)
    assert second == pytest.approx(first)
    windows = shown.evaluate(f"{TABLE}.visible.map((v) => v.appearance.voi.width / v.facts.voi[0].width)")
    assert windows[0] < 1
    assert windows[1] == pytest.approx(windows[0])
    shown.keyboard.press("k")
    shown.keyboard.press("f")
    assert _zooms(shown) == pytest.approx([1.0, 1.25])


def test_layouts_keep_what_is_looked_at(shown: Page) -> None:
    """One, two and four places; the active picture stays on the table."""
    shown.locator(".viewport").nth(2).click()
    shown.keyboard.press("1")
    expect(shown.locator(".viewport")).to_have_count(1)
    expect(shown.locator(".viewport[data-shown=full]")).to_have_count(1, timeout=60_000)
    assert _zooms(shown) == [1.0]
    assert _views(shown) == ["VD"]
    shown.keyboard.press("4")
    expect(shown.locator(".viewport")).to_have_count(4)
    assert "VD" in _views(shown)


def test_a_series_of_slices_is_one_stack_that_plays(shown: Page) -> None:
    """The strip shows the CT once; wheel, keys and slider turn its pages, the window stays; it plays and stops."""
    shown.locator(".back a").click()
    shown.locator("a.study").last.click()
    expect(shown.locator(".viewport[data-shown=full]")).to_have_count(1, timeout=60_000)
    expect(shown.locator(".strip button:visible")).to_have_count(1)
    state = shown.locator(".viewport .state")
    expect(state).to_contain_text("1 of 12")
    shown.locator(".viewport").click()
    shown.keyboard.press("[")
    width = shown.evaluate(f"{TABLE}.active.appearance.voi.width")
    shown.mouse.wheel(0, 100)
    expect(state).to_contain_text("2 of 12")
    shown.keyboard.press("PageDown")
    expect(state).to_contain_text("3 of 12")
    assert shown.evaluate(f"{TABLE}.active.appearance.voi.width") == width
    shown.get_by_label("Place in the stack").fill("12")
    expect(state).to_contain_text("12 of 12")
    shown.get_by_role("button", name="Play", exact=True).click()
    expect(state).to_contain_text("4 of 12", timeout=30_000)
    shown.get_by_role("button", name="Stop", exact=True).click()
    stopped = state.inner_text()
    shown.wait_for_timeout(500)
    assert state.inner_text() == stopped
    sizes = shown.evaluate(f"[{TABLE}.source.cache.bytes, {TABLE}.source.cache.budget]")
    assert 12 * 2 * 256 * 256 <= sizes[0] <= sizes[1]


def test_memory_stays_within_its_budget(shown: Page) -> None:
    """However many frames come, the last ones are kept within 384 MiB; one that alone is larger is not kept."""
    kept = shown.evaluate(
        f"""() => {{
          const cache = {TABLE}.source.cache;
          let most = 0;
          for (let n = 0; n < 100; n++) {{
            cache.put(`test/${{n}}`, null, 15e6);
            most = Math.max(most, cache.bytes);
          }}
          cache.put('test/huge', null, cache.budget + 1);
          return [most, cache.budget, cache.has('test/99'), cache.has('test/0'), cache.has('test/huge')];
        }}"""
    )
    assert kept[1] == 384 * 2**20
    assert 0.9 * kept[1] < kept[0] <= kept[1]
    assert kept[2:] == [True, False, False]


def test_the_table_is_whole_for_screen_readers_and_keys(shown: Page) -> None:
    """axe-core finds nothing; every button has a name and explains itself; Tab and the arrows reach the tools."""
    assert violations(shown) == []
    buttons = shown.locator(".toolbar button, .strip button:visible, .viewport button:visible").all()
    assert len(buttons) > 20
    for button in buttons:
        assert button.get_attribute("title"), button.inner_html()
    shown.locator(".toolbar button").first.focus()
    shown.keyboard.press("ArrowRight")
    shown.keyboard.press("Enter")
    expect(shown.get_by_role("button", name="Move", exact=True)).to_have_attribute("aria-pressed", "true")
    shown.locator(".viewport").first.focus()
    shown.keyboard.press("?")
    expect(shown.get_by_role("dialog", name="Keys of the light table")).to_be_visible()
    assert violations(shown) == []
    shown.keyboard.press("Escape")


def test_fingers_move_and_enlarge(shown: Page) -> None:
    """Two fingers that part enlarge about their middle, whatever the tool."""
    viewport = shown.locator(".viewport").first
    viewport.click()
    shown.keyboard.press("1")
    expect(shown.locator(".viewport")).to_have_count(1)
    expect(shown.locator(".viewport[data-shown=full]")).to_have_count(1, timeout=60_000)
    wait_for(lambda: _zooms(shown) == [1.0], 20, "the picture to fit its new place")
    viewport.evaluate(
        """(element) => {
          const box = element.getBoundingClientRect();
          const finger = (type, pointerId, x, y) => element.dispatchEvent(new PointerEvent(type, {
            pointerId, pointerType: 'touch', bubbles: true, clientX: box.left + x, clientY: box.top + y, buttons: 1,
          }));
          element.setPointerCapture = () => undefined; // there is no real finger to capture
          finger('pointerdown', 1, 200, 200);
          finger('pointerdown', 2, 300, 200);
          finger('pointermove', 2, 400, 200);
          finger('pointerup', 1, 200, 200);
          finger('pointerup', 2, 400, 200);
        }"""
    )
    (zoom,) = _zooms(shown)
    assert zoom == pytest.approx(2.0, rel=0.01)
