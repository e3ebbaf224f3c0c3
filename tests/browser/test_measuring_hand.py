"""Measuring by mouse, finger and keys; undo; saving, also while the box is away; what others measured."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from pydicom import dcmread
from pydicom.dataset import Dataset

from appliance.phantom.unit import write
from appliance.reading.evidence import complete
from appliance.reading.marks import Drawing, Value, View, Window
from appliance.reading.measurements import measurements_sr
from appliance.reading.presentation import presentation_state
from tests.box import Box
from tests.browser.light_table import (
    choose,
    drawings,
    evaluate,
    key_drawing,
    on_screen,
    open_study,
    place,
    shown,
    values,
)
from tests.geometry_phantom import SQUARE, phantom
from tests.waiting import wait_for

TOLERANCE = 0.01


@pytest.fixture
def touch_page(browser: Browser) -> Iterator[Page]:
    """A tablet."""
    context = browser.new_context(viewport={"width": 1366, "height": 1024}, has_touch=True)
    yield context.new_page()
    context.close()


def _count(page: Page, number: int) -> None:
    """Wait until so many drawings are there."""
    wait_for(lambda: len(drawings(page)) == number, 20, "the drawings")


def test_a_length_by_keys_alone_can_be_changed_undone_and_redone(
    page: Page, make_box: Callable[..., Box], tmp_path: Path
) -> None:
    """L, arrows and Enter place it; G, N, Enter and arrows change it; its value is said aloud."""
    open_study(page, make_box, [phantom(SQUARE)], tmp_path / "files")
    key_drawing(page)
    page.keyboard.press("l")
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Enter")
    for _ in range(5):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    (length,) = drawings(page)
    scale = evaluate(page, "table.active.placement.zoom")
    assert values(length)["length"] == pytest.approx(50 / scale * SQUARE[1], rel=TOLERANCE)
    spoken = page.locator(".spoken")
    expect(spoken).to_contain_text("calibrated at the patient")
    for key in ("g", "n", "Enter", "Shift+ArrowLeft"):
        page.keyboard.press(key)
    longer = drawings(page)[0]
    assert values(longer)["length"] == pytest.approx(60 / scale * SQUARE[1], rel=TOLERANCE)
    page.keyboard.press("Control+z")
    assert drawings(page)[0]["points"] == length["points"]
    page.keyboard.press("Control+y")
    assert drawings(page)[0]["points"] == longer["points"]
    page.keyboard.press("Delete")
    assert drawings(page) == []
    page.keyboard.press("Control+z")
    assert len(drawings(page)) == 1


def test_points_and_whole_drawings_are_dragged(page: Page, make_box: Callable[..., Box], tmp_path: Path) -> None:
    """A handle with the window tool, the line with the adjusting tool; a drag is one step of undo."""
    page.set_viewport_size({"width": 1500, "height": 1100})
    open_study(page, make_box, [phantom(SQUARE)], tmp_path / "files")
    place(page, "length", [(100, 100), (400, 100)])
    choose(page, "window")
    window = evaluate(page, "table.active.appearance.voi")
    (x, y), (to_x, to_y) = on_screen(page, [(400, 100), (400, 400)])
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(to_x, to_y, steps=4)
    page.mouse.up()
    (moved,) = drawings(page)
    assert (moved["points"][1]["x"], moved["points"][1]["y"]) == (pytest.approx(400, abs=1), pytest.approx(400, abs=1))
    assert evaluate(page, "table.active.appearance.voi") == window
    choose(page, "adjust")
    (x, y), (to_x, to_y) = on_screen(page, [(250, 250), (270, 290)])
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(to_x, to_y, steps=4)
    page.mouse.up()
    both = drawings(page)[0]["points"]
    for before, after in zip(moved["points"], both, strict=True):
        assert (after["x"] - before["x"], after["y"] - before["y"]) == (
            pytest.approx(20, abs=1),
            pytest.approx(40, abs=1),
        )
    page.locator(".toolbar [data-id=undo]").click()
    assert drawings(page)[0]["points"] == moved["points"]


def test_a_finger_places_under_the_loupe_and_takes_hold_within_22_pixels(
    touch_page: Page, make_box: Callable[..., Box], tmp_path: Path
) -> None:
    """A point lands where the finger lifts; a handle is taken 20 pixels beside it (a target of 44)."""
    page = touch_page
    open_study(page, make_box, [phantom(SQUARE)], tmp_path / "files")
    fingers = page.context.new_cdp_session(page)

    def touch(kind: str, *where: tuple[float, float]) -> None:
        points = [{"x": x, "y": y} for x, y in where]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def drag(start: tuple[float, float], end: tuple[float, float]) -> None:
        touch("touchStart", start)
        touch("touchMove", ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2))
        touch("touchMove", end)
        expect(page.locator(".loupe")).to_be_visible()
        touch("touchEnd")
        expect(page.locator(".loupe")).to_have_count(0)

    choose(page, "length")
    a, b, c = on_screen(page, [(150, 300), (550, 300), (550, 500)])
    drag((a[0] + 30, a[1] + 30), a)
    drag((b[0] - 30, b[1] + 30), b)
    (length,) = drawings(page)
    assert values(length)["length"] == pytest.approx(100, rel=TOLERANCE)
    choose(page, "window")
    drag((b[0] + 14, b[1] + 14), (c[0] + 14, c[1] + 14))
    (moved,) = drawings(page)
    assert (moved["points"][1]["x"], moved["points"][1]["y"]) == (pytest.approx(550, abs=3), pytest.approx(500, abs=3))
    assert all(
        box["height"] >= 44
        for box in (one.bounding_box() for one in page.locator(".toolbar button:visible").all())
        if box
    )


def test_drawings_look_and_key_image_are_saved_in_the_study(
    page: Page, make_box: Callable[..., Box], tmp_path: Path
) -> None:
    """They are there again after a reload, as new DICOM objects; the original is what it was."""
    page.set_viewport_size({"width": 1500, "height": 1100})
    box = open_study(page, make_box, [phantom(SQUARE)], tmp_path / "files")
    (original,) = (box.data / "instances").rglob("*.dcm")
    content = original.read_bytes()
    place(page, "cobb", [(100, 100), (400, 150), (100, 500), (400, 450)])
    before = drawings(page)
    key_drawing(page)
    page.keyboard.press("t")
    page.keyboard.press("h")
    choose(page, "key-image")
    choose(page, "keep-view")
    expect(page.get_by_text("Saved in the study.")).to_be_visible()
    placement = evaluate(page, "table.active.placement")
    page.reload()
    shown(page)
    _count(page, 1)
    assert drawings(page)[0]["points"] == before[0]["points"]
    assert values(drawings(page)[0]) == pytest.approx(values(before[0]))
    wait_for(lambda: evaluate(page, "table.active.placement.rotation") != 0, 20, "the look")
    again = evaluate(page, "table.active.placement")
    assert (again["rotation"], again["flipped"]) == (placement["rotation"], placement["flipped"])
    assert evaluate(page, "[...measuring.keeping.keys]") == [1]
    assert not evaluate(page, "measuring.keeping.isDirty")
    modalities = sorted(dcmread(path).Modality for path in (box.data / "instances").rglob("*.dcm"))
    assert modalities == ["DX", "KO", "PR", "SR"]
    assert original.read_bytes() == content


def _by_a_reader(image: Dataset) -> list[Dataset]:
    """A length of 100 mm that a reader measured, and a look in which the picture lies on its side."""
    header = complete(image)
    value = Value("length", "Length", 100.0, "mm")
    length = Drawing("1.2.826.1", "length", 1, 1, ((100.0, 300.0), (500.0, 300.0)), values=(value,))
    report = measurements_sr(
        [length], {1: header}, author="Far", instance_number=1, series_instance_uid="1.2.826.2", previous=None
    )
    view = View(1, 0, Window("LINEAR", 500.0, 400.0), True, 90, False, (0.0, 0.0, 800.0, 720.0))
    look = presentation_state(view, header, author="Far", instance_number=1, series_instance_uid="1.2.826.3")
    return [report, look]


def test_what_a_reader_made_is_shown_as_theirs_and_can_be_chosen(
    page: Page, make_box: Callable[..., Box], tmp_path: Path
) -> None:
    """Their measurement stands on the picture and cannot be moved; their look is offered beside the received one."""
    page.set_viewport_size({"width": 1500, "height": 1100})
    image = phantom(SQUARE)
    write(_by_a_reader(image), tmp_path / "files" / "theirs")
    open_study(page, make_box, [image], tmp_path / "files")
    _count(page, 1)
    (theirs,) = drawings(page)
    assert theirs["origin"]
    assert values(theirs)["length"] == pytest.approx(100, rel=TOLERANCE)
    choose(page, "adjust")
    ((x, y),) = on_screen(page, [(300, 300)])
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y + 40, steps=3)
    page.mouse.up()
    assert drawings(page)[0]["points"] == theirs["points"]
    list_of_looks = page.get_by_label("How this picture is shown")
    list_of_looks.select_option(index=1)
    assert evaluate(page, "table.active.placement.rotation") == 90
    look = evaluate(page, "table.active.appearance")
    assert (look["voi"]["center"], look["voi"]["width"], look["invert"]) == (500, 400, True)
    list_of_looks.select_option(index=0)
    assert evaluate(page, "table.active.placement.rotation") == 0


def test_a_finger_that_rests_on_a_control_is_told_what_it_does(
    touch_page: Page, make_box: Callable[..., Box], tmp_path: Path
) -> None:
    """As the mouse by hovering, in the bar and in a menu; nothing happens then, and a tap does it as ever."""
    page = touch_page
    open_study(page, make_box, [phantom(SQUARE)], tmp_path / "files")
    fingers = page.context.new_cdp_session(page)
    note = page.locator(".explained")

    def touch(kind: str, control: Locator) -> None:
        box = control.bounding_box()
        assert box
        points = [{"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}] if kind == "touchStart" else []
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def rotation() -> Any:
        return evaluate(page, "table.active.placement.rotation")

    turn = page.locator(".toolbar [data-id=rotate]")
    touch("touchStart", turn)
    expect(note).to_contain_text("Turn a quarter clockwise")
    touch("touchEnd", turn)
    assert rotation() == 0
    expect(note).to_be_visible()
    turn.tap()
    expect(note).to_be_hidden()
    wait_for(lambda: rotation() == 90, 20, "the turn")

    page.locator("[popovertarget]", has_text="Keep").tap()
    save = page.locator(".menu [data-id=picture-png]")
    touch("touchStart", save)
    expect(note).to_contain_text("Save the whole picture as PNG")
    touch("touchEnd", save)
    expect(save).to_be_visible()
