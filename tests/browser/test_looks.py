"""Presets by body region, the window from a region, sharpening and the magnifier; undo and redo of each."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from pydicom.dataset import Dataset

from tests.box import Box
from tests.browser.light_table import choose, evaluate, key_drawing, on_screen, open_study
from tests.geometry_phantom import SQUARE, phantom

MOST = 2000  # the ramp of the phantom goes from 0 to here
SHARES = {
    "automatic": (0.01, 0.99),
    "thorax": (0.02, 0.9),
    "abdomen": (0.1, 0.98),
    "spine-and-pelvis": (0.2, 0.995),
    "bone-extremity": (0.3, 0.999),
    "soft-tissue": (0.005, 0.75),
}
STEP_ROW, STEP_COLUMN = 718, 400
PAUSE_MS = 500  # what changes without a pause is one step of undo


def _with_a_step() -> Dataset:
    """The ramp, and in its last rows a step from 800 to 1200."""
    ds = phantom(SQUARE)
    pixels = np.frombuffer(ds.PixelData, "<u2").reshape(ds.Rows, ds.Columns).copy()
    pixels[-5:, :STEP_COLUMN], pixels[-5:, STEP_COLUMN:] = 800, 1200
    ds.PixelData = pixels.tobytes()
    return ds


def _voi(page: Page) -> dict[str, Any]:
    return dict(evaluate(page, "table.active.appearance.voi"))


def _grey(page: Page, column: int, row: int) -> int:
    return int(evaluate(page, "table.active.colourAt(...argument)[0]", [column, row]))


def test_presets_spread_the_greys_of_a_body_region_and_can_be_undone(
    page: Page, make_box: Callable[..., Box], tmp_path: Path
) -> None:
    """Each goes from one share of the values to another; CT presets are in Hounsfield units."""
    open_study(page, make_box, [_with_a_step()], tmp_path / "files")
    first, seen = _voi(page), []
    for name, (low, high) in SHARES.items():
        choose(page, f"look-{name}")
        voi = _voi(page)
        seen.append(voi)
        assert voi["center"] == pytest.approx(MOST * (low + high) / 2, abs=0.01 * MOST), name
        assert voi["width"] == pytest.approx(MOST * (high - low), abs=0.01 * MOST), name
        page.wait_for_timeout(PAUSE_MS)
    choose(page, "look-ct-bone")
    assert (_voi(page)["center"], _voi(page)["width"]) == (480, 2500)
    page.wait_for_timeout(PAUSE_MS)
    for expected in [*reversed(seen), first]:
        page.locator(".toolbar [data-id=undo]").click()
        assert _voi(page) == expected
    key_drawing(page)
    page.keyboard.press("Control+y")
    assert _voi(page) == seen[0]


def test_a_box_drawn_on_the_picture_gives_the_window(page: Page, make_box: Callable[..., Box], tmp_path: Path) -> None:
    """From the least to the greatest value in it, by pointer; over the middle of the place by keys."""
    open_study(page, make_box, [_with_a_step()], tmp_path / "files")
    choose(page, "region-window")
    (left, right) = on_screen(page, [(200, 200), (440, 400)])
    page.mouse.move(*left)
    page.mouse.down()
    page.mouse.move(*right, steps=4)
    page.mouse.up()
    voi = _voi(page)
    assert voi["center"] == pytest.approx((200 + 440) / 2 * 2.5, abs=10)
    assert voi["width"] == pytest.approx((440 - 200) * 2.5, abs=20)
    key_drawing(page)
    page.keyboard.press("u")
    page.keyboard.press("Enter")
    assert _voi(page)["center"] == pytest.approx(MOST / 2, abs=10)


def test_sharpening_lifts_edges_and_the_magnifier_shows_twice_the_size(
    page: Page, make_box: Callable[..., Box], tmp_path: Path
) -> None:
    """A step grows by press and falls back at the third; under the loupe an image pixel is twice as wide."""
    open_study(page, make_box, [_with_a_step()], tmp_path / "files")
    key_drawing(page)

    def step() -> int:
        return _grey(page, STEP_COLUMN, STEP_ROW) - _grey(page, STEP_COLUMN - 1, STEP_ROW)

    steps = [step()]
    for _ in range(3):
        page.keyboard.press("d")
        steps.append(step())
    assert steps[0] == pytest.approx(400 / MOST * 255, abs=2)
    assert steps[1] > 1.3 * steps[0]
    assert steps[2] > 1.1 * steps[1]
    assert steps[3] == steps[0]

    choose(page, "magnifier")
    ((x, y),) = on_screen(page, [(400, 300)])
    page.mouse.move(x, y)
    page.mouse.down()
    loupe = page.locator("canvas.loupe")
    expect(loupe).to_be_visible()
    where = loupe.bounding_box()
    assert where
    assert loupe.evaluate("(c) => getComputedStyle(c).opacity") == "1"
    assert (where["x"] + where["width"] / 2, where["y"] + where["height"] / 2) == (
        pytest.approx(x, abs=2),
        pytest.approx(y, abs=2),
    )
    read = "(c) => [-60, 60].map((d) => c.getContext('2d').getImageData(c.width / 2 + d, c.height / 2, 1, 1).data[0])"
    left, right = loupe.evaluate(read)
    zoom = evaluate(page, "table.active.placement.zoom")
    assert right - left == pytest.approx(120 / (2 * zoom) * 2.5 / MOST * 255, abs=2)
    page.mouse.up()
    expect(loupe).to_have_count(0)
    page.keyboard.press("Enter")
    expect(loupe).to_be_visible()
    page.keyboard.press("Escape")
    expect(loupe).to_have_count(0)
