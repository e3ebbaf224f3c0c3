"""Each tool says what a phantom of known geometry must give, however the picture lies and whatever its pixels are."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.box import Box
from tests.browser.light_table import drawings, evaluate, key_drawing, on_screen, open_study, place, values
from tests.geometry_phantom import ANGLES, CASES, SQUARE, TALL, WIDTH_MM, Case, phantom
from tests.waiting import wait_for

ANGLE_TOLERANCE, RELATIVE_TOLERANCE = 0.5, 0.005


def _measure(page: Page, tool: str, case: Case, spacing: tuple[float, float]) -> dict[str, float]:
    evaluate(page, "table.choose(argument)", tool)
    for x, y in on_screen(page, [(x / spacing[1], y / spacing[0]) for x, y in case.points]):
        page.mouse.click(x, y)
    if case.done:
        page.keyboard.press("Enter")
    (drawing,) = drawings(page)
    evaluate(page, "measuring.bench.book.remove(argument)", drawing["uid"])
    return values(drawing)


def _off(key: str, found: float, expected: float) -> float:
    """In parts of what is tolerated."""
    if key in ANGLES:
        return abs(found - expected) / ANGLE_TOLERANCE
    return abs(found - expected) / (abs(expected) * RELATIVE_TOLERANCE)


def test_values_of_all_tools(page: Page, make_box: Callable[..., Box], tmp_path: Path) -> None:
    """Within 0.5 degrees or 0.5 %, points placed with the mouse; as it came, and turned and flipped."""
    page.set_viewport_size({"width": 1700, "height": 1250})
    spacings = (SQUARE, TALL)
    images = [phantom(spacing) for spacing in spacings]
    images[1].StudyInstanceUID, images[1].SeriesNumber = images[0].StudyInstanceUID, 2
    open_study(page, make_box, images, tmp_path / "files")
    for number, spacing in enumerate(spacings):
        page.locator("[data-picture]").nth(number).click()
        columns = round(WIDTH_MM / spacing[1])
        wait_for(lambda c=columns: evaluate(page, "table.active.facts?.columns") == c, 90, "the picture")
        for turned in (False, True):
            key_drawing(page)
            for key in "th" if turned else "":
                page.keyboard.press(key)
            worst = _worst(page, spacing)
            print(spacing, turned, {name: round(off, 2) for name, off in worst[:5]})
            assert worst[0][1] <= 1, [pair for pair in worst if pair[1] > 1]


def _worst(page: Page, spacing: tuple[float, float]) -> list[tuple[str, float]]:
    """How far each value is off, in parts of what is tolerated, the worst first."""
    off = {}
    for tool, case in CASES.items():
        found = _measure(page, tool, case, spacing)
        assert found.keys() >= case.values.keys(), tool
        off.update({f"{tool} {key}": _off(key, found[key], expected) for key, expected in case.values.items()})
    return sorted(off.items(), key=lambda pair: -pair[1])


def test_every_tool_of_the_menus_is_measured() -> None:
    """A tool without a case here would be one that nobody checked."""
    source = Path(__file__).parents[2] / "webui" / "viewer" / "src" / "measure"
    text = "".join((source / f"{name}.ts").read_text() for name in ("basic", "veterinary", "spine", "foot"))
    said = set(re.findall(r'id: "([a-z-]+)"', text)) | set(re.findall(r'(?:Lordosis|Level|Axes)\("([a-z-]+)"', text))
    assert said - {"arrow", "text", "calibration"} == CASES.keys()


def test_where_an_image_point_lies_on_the_screen_is_where_it_is_drawn(
    page: Page, make_box: Callable[..., Box], tmp_path: Path
) -> None:
    """Turned and flipped, with tall pixels: the grey under each placed point is the ramp's at that column."""
    open_study(page, make_box, [phantom(TALL)], tmp_path / "files")
    key_drawing(page)
    page.keyboard.press("t")
    page.keyboard.press("h")
    page.wait_for_timeout(100)
    for column in range(40, 1000, 160):
        grey = evaluate(
            page,
            """(() => {
                const viewport = table.active;
                const { x, y } = viewport.toCanvas({ x: argument, y: 200 });
                const copy = document.createElement("canvas");
                copy.width = copy.height = 1;
                const ratio = viewport.canvas.width / viewport.element.clientWidth;
                const [left, top] = [Math.floor(x * ratio), Math.floor(y * ratio)];
                copy.getContext("2d").drawImage(viewport.canvas, left, top, 1, 1, 0, 0, 1, 1);
                return copy.getContext("2d").getImageData(0, 0, 1, 1).data[0];
            })()""",
            column,
        )
        millimetres = column * TALL[1]
        assert abs(grey - 255 * (millimetres * 10) / 2000) <= 2, column


def test_millimetres_are_refused_without_a_basis_and_given_by_a_marker(
    page: Page, make_box: Callable[..., Box], tmp_path: Path
) -> None:
    """Without spacing a length is in pixels and says so; a marker of 50 mm across 200 pixels makes it millimetres."""
    page.set_viewport_size({"width": 1700, "height": 1250})
    open_study(page, make_box, [phantom(None)], tmp_path / "files")
    place(page, "length", [(80, 120), (680, 120)])
    (length,) = drawings(page)
    assert length["reading"]["basis"]["words"] == "no scale"
    assert [value["unit"] for value in length["reading"]["values"]] == ["px"]
    assert values(length)["length"] == pytest.approx(600, rel=0.005)
    place(page, "calibration", [(100, 400), (300, 400)])
    page.get_by_label("How long is it").fill("50")
    page.get_by_role("button", name="Done", exact=True).click()
    again = drawings(page)[0]
    assert [value["unit"] for value in again["reading"]["values"]] == ["mm"]
    assert again["reading"]["basis"]["kind"] == "marker"
    assert values(again)["length"] == pytest.approx(150, rel=0.01)
