"""Labels stand beside their figures and can be put elsewhere; drawings wait on the PC while the box is away."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.box import Box
from tests.browser.light_table import choose, drawings, evaluate, key_drawing, open_study, place, shown
from tests.geometry_phantom import SQUARE, phantom
from tests.waiting import wait_for

Place = dict[str, float]


def _labels(page: Page) -> list[Place]:
    """The boxes of all labels on the screen, in the order of their drawings."""
    return [box for box in (one.bounding_box() for one in page.locator(".drawings .label rect").all()) if box]  # type: ignore[misc]  # a FloatRect is a dict


def _figures(page: Page) -> list[Place]:
    """The boxes around the lines of all figures."""
    around = """(figure) => {
      const all = [...figure.querySelectorAll('.line')].map((line) => line.getBoundingClientRect());
      const [left, top] = [Math.min(...all.map((b) => b.left)), Math.min(...all.map((b) => b.top))];
      const [right, bottom] = [Math.max(...all.map((b) => b.right)), Math.max(...all.map((b) => b.bottom))];
      return {x: left, y: top, width: right - left, height: bottom - top};
    }"""
    return [one.evaluate(around) for one in page.locator(".drawings .figure").all()]


def _overlap(a: Place, b: Place) -> float:
    across = min(a["x"] + a["width"], b["x"] + b["width"]) - max(a["x"], b["x"])
    down = min(a["y"] + a["height"], b["y"] + b["height"]) - max(a["y"], b["y"])
    return max(0.0, across) * max(0.0, down)


def _middle(box: Place) -> tuple[float, float]:
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def _drag(page: Page, start: tuple[float, float], by: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(start[0] + by[0], start[1] + by[1], steps=4)
    page.mouse.up()


def _settled(page: Page) -> None:
    """Until what is due has been drawn."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_labels_stand_beside_their_figures_and_can_be_put_elsewhere(
    page: Page, make_box: Callable[..., Box], tmp_path: Path
) -> None:
    """None covers a figure or another; dragged or moved by keys, a label goes alone and stays with the picture."""
    page.set_viewport_size({"width": 1500, "height": 1000})
    open_study(page, make_box, [phantom(SQUARE)], tmp_path / "files")
    place(page, "length", [(200, 150), (500, 180)])
    place(page, "angle", [(250, 450), (350, 350), (450, 460)])
    place(page, "rectangle", [(550, 300), (650, 400)])
    _settled(page)
    labels, figures = _labels(page), _figures(page)
    assert len(labels) == len(figures) == 3
    for number, label in enumerate(labels):
        others = labels[:number] + labels[number + 1 :]
        assert all(_overlap(label, one) == 0 for one in [*figures, *others]), (label, figures, others)

    choose(page, "window")
    key_drawing(page)
    window, before = evaluate(page, "table.active.appearance.voi"), drawings(page)
    _drag(page, _middle(labels[0]), (60, -50))
    _settled(page)
    x, y = _middle(labels[0])
    assert _middle(_labels(page)[0]) == (pytest.approx(x + 60, abs=1), pytest.approx(y - 50, abs=1))
    assert drawings(page) == before
    assert evaluate(page, "table.active.appearance.voi") == window
    assert _labels(page)[2] == pytest.approx(labels[2])

    under = "table.active.toImage({ x: argument[0], y: argument[1] })"
    viewport: Any = page.locator(".viewport").bounding_box()

    def image_point() -> Place:
        where = _middle(_labels(page)[0])
        return dict(evaluate(page, under, [where[0] - viewport["x"], where[1] - viewport["y"]]))

    point = image_point()
    page.keyboard.press("+")
    _settled(page)
    assert image_point() == pytest.approx(point, abs=2)
    page.keyboard.press("f")
    page.wait_for_timeout(500)  # zooming without a pause is one step of undo, and ends after 400 ms

    for key in ("g", "Enter", "Enter", "Enter"):  # the drawing whose label was dragged is the chosen one
        page.keyboard.press(key)
    expect(page.locator(".spoken")).to_have_text("Its label")
    moved = _middle(_labels(page)[0])
    page.keyboard.press("Shift+ArrowLeft")
    _settled(page)
    assert _middle(_labels(page)[0]) == (pytest.approx(moved[0] - 10, abs=1), pytest.approx(moved[1], abs=1))
    assert drawings(page) == before
    for _ in range(4):  # the keys, the fit, the zoom, the drag
        page.keyboard.press("Control+z")
    _settled(page)
    assert _middle(_labels(page)[0]) == pytest.approx(_middle(labels[0]), abs=1)


def test_drawings_wait_on_the_pc_while_the_box_is_away(
    page: Page, make_box: Callable[..., Box], tmp_path: Path
) -> None:
    """A reload does not lose them; what could not be saved says so, and is saved by itself when the box is back."""
    box = open_study(page, make_box, [phantom(SQUARE)], tmp_path / "files")
    place(page, "length", [(100, 100), (400, 100)])
    before = drawings(page)
    page.reload()
    shown(page)
    expect(page.get_by_text("Drawings that were not saved are here again.")).to_be_visible()
    assert drawings(page)[0]["points"] == before[0]["points"]
    box.stop()
    key_drawing(page)
    page.keyboard.press("Control+s")
    expect(page.get_by_text("The box does not answer. The drawings stay on this PC")).to_be_visible()
    assert evaluate(page, "measuring.keeping.isDirty")
    box.start()
    expect(page.get_by_text("Saved in the study.")).to_be_visible(timeout=60_000)
    assert not evaluate(page, "measuring.keeping.isDirty")
    page.reload()
    shown(page)
    wait_for(lambda: len(drawings(page)) == 1, 20, "the drawing that the box kept")
    assert drawings(page)[0]["points"] == before[0]["points"]
