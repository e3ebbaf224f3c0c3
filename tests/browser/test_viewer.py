"""The light table shows the grey values that the standard's formulas give."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Route, expect
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from appliance.phantom.unit import write
from tests.box import PASSWORD, Box
from tests.browser.conftest import FLAGS
from tests.pictures import small_study

COLUMNS = 250


def _ramp() -> Dataset:
    """A picture whose stored values count from 0 to 4095."""
    (ds,) = small_study("cervical-spine")
    ds.PixelData = np.linspace(0, 4095, ds.Rows * ds.Columns).astype("<u2").tobytes()
    return ds


def _linear(ds: Dataset, value: float) -> float:
    return (value - (1000 - 0.5)) / (600 - 1) + 0.5


def _window(ds: Dataset, function: str | None) -> None:
    ds.WindowCenter, ds.WindowWidth = "1000", "600"
    if function:
        ds.VOILUTFunction = function


def _plain(ds: Dataset) -> Callable[[float], float]:
    _window(ds, None)
    return lambda value: _linear(ds, value)


def _exact(ds: Dataset) -> Callable[[float], float]:
    _window(ds, "LINEAR_EXACT")
    return lambda value: (value - 1000) / 600 + 0.5


def _sigmoid(ds: Dataset) -> Callable[[float], float]:
    _window(ds, "SIGMOID")
    return lambda value: 1 / (1 + math.exp(-4 * (value - 1000) / 600))


def _monochrome1(ds: Dataset) -> Callable[[float], float]:
    _window(ds, None)
    ds.PhotometricInterpretation = "MONOCHROME1"
    del ds.PresentationLUTShape
    return lambda value: 1 - min(1, max(0, _linear(ds, value)))


def _rescaled(ds: Dataset) -> Callable[[float], float]:
    _window(ds, "LINEAR_EXACT")
    ds.RescaleSlope, ds.RescaleIntercept = "2", "-3000"
    return lambda value: (value * 2 - 3000 - 1000) / 600 + 0.5


def _curve(ds: Dataset) -> Callable[[float], float]:
    del ds.WindowCenter, ds.WindowWidth
    lut = Dataset()
    lut.LUTDescriptor = [4096, 0, 12]
    lut.LUTData = [(v * v) // 4095 for v in range(4096)]
    lut["LUTDescriptor"].VR = lut["LUTData"].VR = "US"
    ds.VOILUTSequence = Sequence([lut])
    return lambda value: (int(value) ** 2 // 4095) / 4095


CASES = {
    "LINEAR": _plain,
    "LINEAR_EXACT": _exact,
    "SIGMOID": _sigmoid,
    "MONOCHROME1": _monochrome1,
    "rescale": _rescaled,
    "VOI LUT": _curve,
}


def _visit(page: Page, make_box: Callable[..., Box], ds: Dataset, folder: Path) -> None:
    box = make_box().set_up()
    write([ds], folder)
    box.bucky("import", str(folder))
    box.start()
    page.goto(box.url)
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.locator(".study").click()


def _open(page: Page, make_box: Callable[..., Box], ds: Dataset, folder: Path) -> None:
    _visit(page, make_box, ds, folder)
    expect(page.locator("[data-shown=full]")).to_be_visible(timeout=20_000)


def _shown(page: Page, column: int, row: int) -> int:
    viewport = "document.querySelector('[data-light-table]').lightTable.active"
    return int(page.evaluate(f"([column, row]) => {viewport}.colourAt(column, row)[0]", [column, row]))


@pytest.mark.parametrize("case", CASES)
def test_grey_values_follow_the_formulas(case: str, page: Page, make_box: Callable[..., Box], tmp_path: Path) -> None:
    """Every stored value looked at is shown as the formula says, within one step of 255."""
    ds = _ramp()
    formula = CASES[case](ds)
    _open(page, make_box, ds, tmp_path / "files")
    stored = np.frombuffer(ds.PixelData, "<u2").reshape(ds.Rows, ds.Columns)
    for row in range(3, ds.Rows, 37):
        column = (row * 7) % COLUMNS
        expected = 255 * min(1.0, max(0.0, formula(float(stored[row, column]))))
        assert abs(_shown(page, column, row) - expected) <= 1.0, (case, row, column)


@pytest.mark.parametrize(("most", "halves"), [(4095, 2), (16383, 1), (65535, 0)])
def test_a_small_picture_is_the_mean_of_what_it_covers(
    most: int, halves: int, page: Page, make_box: Callable[..., Box], tmp_path: Path
) -> None:
    """Noise at a quarter of its size: from sums of four by four or two by two where 16 bits hold them, and without."""
    (ds,) = small_study("cervical-spine")
    stored = np.random.default_rng(1).integers(0, most, (ds.Rows, ds.Columns), np.uint16, endpoint=True)
    ds.BitsStored, ds.HighBit, ds.PixelData = 16, 15, stored.astype("<u2").tobytes()
    ds.WindowCenter, ds.WindowWidth = str(most / 2), str(most / 2)
    _open(page, make_box, ds, tmp_path / "files")
    rows, columns = ds.Rows // 4, ds.Columns // 4
    known, drawn = page.evaluate(
        """([columns, rows]) => {
          const viewport = document.querySelector('[data-light-table]').lightTable.active;
          const canvas = Object.assign(document.createElement('canvas'), {width: columns, height: rows});
          viewport.drawInto(canvas, {a: 0.25, b: 0, c: 0, d: 0.25, e: 0, f: 0});
          const {data} = canvas.getContext('2d').getImageData(0, 0, columns, rows);
          return [viewport.shown.halves.length, [...data].filter((_, index) => index % 4 === 0)];
        }""",
        [columns, rows],
    )
    means = stored[: rows * 4, : columns * 4].reshape(rows, 4, columns, 4).mean((1, 3))
    expected = 255 * np.clip((means - (most / 2 - 0.5)) / (most / 2 - 1) + 0.5, 0, 1)
    assert known == halves
    assert np.abs(np.asarray(drawn).reshape(rows, columns) - expected).max() <= 1


def test_mouse_and_keys_change_window_and_zoom(page: Page, make_box: Callable[..., Box], tmp_path: Path) -> None:
    """Dragging changes the window, the wheel zooms, R brings everything back, I inverts."""
    _open(page, make_box, _ramp(), tmp_path / "files")
    picture, words = page.locator(".viewport"), page.locator(".viewport .state")
    before, grey = words.inner_text(), _shown(page, 100, 150)
    box = picture.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + 200
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 80, steps=4)
    page.mouse.up()
    assert words.inner_text() != before
    page.mouse.wheel(0, -400)
    expect(words).not_to_have_text(before)
    picture.focus()
    page.keyboard.press("r")
    expect(words).to_have_text(before)
    page.keyboard.press("i")
    assert abs(_shown(page, 100, 150) - (255 - grey)) <= 1


def test_a_picture_that_cannot_be_loaded_says_why_and_can_be_tried_again(
    page: Page, make_box: Callable[..., Box], tmp_path: Path
) -> None:
    """The server's words and a button stand on the picture; trying again works."""
    page.route(
        "**/frames/**", lambda route: route.fulfill(status=422, json={"message": "Broken here.", "hint": "Do this."})
    )
    _visit(page, make_box, _ramp(), tmp_path / "files")
    expect(page.get_by_text("Broken here. Do this.")).to_be_visible(timeout=20_000)
    page.unroute("**/frames/**")
    page.get_by_role("button", name="Try again", exact=True).click()
    expect(page.locator("[data-shown=full]")).to_be_visible(timeout=20_000)


@pytest.mark.parametrize("damage", ["cut short", "one bit", "another answer"])
def test_a_damaged_picture_says_so_and_comes_when_it_is_fetched_again(
    damage: str, page: Page, make_box: Callable[..., Box], tmp_path: Path
) -> None:
    """Bytes that were lost or changed on the way are no picture; a button fetches it again."""

    def spoil(route: Route) -> None:
        body = route.fetch().body()
        half = len(body) // 2
        spoilt = {
            "cut short": body[:half],
            "one bit": body[:half] + bytes([body[half] ^ 1]) + body[half + 1 :],
            "another answer": b"<!doctype html><title>Log in to the hotel's network</title>",
        }[damage]
        route.fulfill(status=200, content_type="application/octet-stream", body=spoilt)

    page.route("**/frames/**", spoil)
    _visit(page, make_box, _ramp(), tmp_path / "files")
    said = "The picture arrived damaged. Try again; if it happens again, call support."
    expect(page.get_by_text(said)).to_be_visible()
    expect(page.locator("[data-shown=full]")).to_have_count(0)
    page.unroute("**/frames/**")
    page.get_by_role("button", name="Try again", exact=True).click()
    expect(page.locator("[data-shown=full]")).to_be_visible()


def test_without_webgl_the_preview_stays_and_the_reason_is_said(
    browser: Browser, make_box: Callable[..., Box], tmp_path: Path
) -> None:
    """As in a browser whose graphics are switched off; nothing claims to be in full depth."""
    flat = browser.browser_type.launch(executable_path=shutil.which("chromium"), args=[*FLAGS, "--disable-3d-apis"])
    try:
        page = flat.new_page()
        _visit(page, make_box, _ramp(), tmp_path / "files")
        viewport = page.locator(".viewport")
        expect(viewport.get_by_role("alert")).to_contain_text("WebGL 2 is missing", timeout=60_000)
        expect(viewport.locator("img")).to_be_visible()
        expect(page.locator("[data-shown=full]")).to_have_count(0)
    finally:
        flat.close()
