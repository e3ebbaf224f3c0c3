"""A study open on the light table of a real box, and the hand that measures on it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect
from pydicom.dataset import Dataset

from appliance.phantom.unit import write
from tests.box import PASSWORD, Box

_TABLE = "document.querySelector('[data-light-table]')"


def open_study(page: Page, make_box: Callable[..., Box], images: Sequence[Dataset], folder: Path) -> Box:
    """A box with these images, the person logged in, the study open and its first picture drawn in full."""
    box = make_box().set_up()
    write(list(images), folder)
    box.bucky("import", str(folder))
    box.start()
    page.goto(box.url)
    log_in(page)
    page.locator(".study").click()
    shown(page)
    return box


def log_in(page: Page) -> None:
    """As the administrator of the tests."""
    page.get_by_label("Name").first.fill("ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def shown(page: Page) -> None:
    """Wait until the picture is drawn in full."""
    expect(page.locator("[data-shown=full]").first).to_be_visible(timeout=20_000)


def evaluate(page: Page, expression: str, argument: Any = None) -> Any:
    """A value from the page; `table` and `measuring` are its light table's."""
    body = f"(argument) => {{ const {{ lightTable: table, measuring }} = {_TABLE}; return {expression}; }}"
    return page.evaluate(body, argument)


def on_screen(page: Page, points: Sequence[Sequence[float]]) -> list[tuple[float, float]]:
    """Where image points lie on the screen."""
    box = page.locator(".viewport").first.bounding_box()
    assert box
    places = evaluate(page, "argument.map(([x, y]) => table.active.toCanvas({ x, y }))", [list(p) for p in points])
    return [(box["x"] + place["x"], box["y"] + place["y"]) for place in places]


def choose(page: Page, tool: str) -> None:
    """Press a tool's button, in its menu where it has one."""
    button = page.locator(f".toolbar [data-id={tool}]")
    menu = page.locator(f".menu:has([data-id={tool}])")
    if menu.count():
        page.locator(f"[popovertarget={menu.get_attribute('id')}]").click()
    button.click()


def place(page: Page, tool: str, points: Sequence[Sequence[float]]) -> None:
    """Choose a tool and click image points."""
    choose(page, tool)
    for x, y in on_screen(page, points):
        page.mouse.click(x, y)


def drawings(page: Page) -> list[dict[str, Any]]:
    """All drawings with their values and the words of their basis."""
    read = "measuring.bench.readings.of(one, table.active)"
    return list(evaluate(page, f"measuring.bench.book.all.map((one) => ({{ ...one, reading: {read} }}))"))


def values(drawing: dict[str, Any]) -> dict[str, float]:
    """The numbers of a drawing by their keys."""
    return {value["key"]: value["value"] for value in drawing["reading"]["values"]}


def key_drawing(page: Page) -> None:
    """Give the keys to the picture."""
    page.locator(".viewport").first.focus()
