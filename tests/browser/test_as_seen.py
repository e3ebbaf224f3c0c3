"""A picture is saved and printed as a person sees it; what other workstations drew is shown on its picture alone."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, expect
from pydicom.dataset import Dataset

from appliance.reading.evidence import complete
from appliance.reading.marks import Graphic, View
from appliance.reading.presentation import presentation_state
from tests.box import Box
from tests.browser.light_table import choose, evaluate, key_drawing, open_study, place, shown
from tests.conftest import SENTINEL
from tests.geometry_phantom import SQUARE, TALL, phantom
from tests.pictures import small_study
from tests.waiting import wait_for

ENDS = [(300, 150), (700, 250)]  # column and row
OTHERS_WORDS = "seen elsewhere"


def _saved(page: Page, ending: str) -> bytes:
    with page.expect_download() as saved:
        choose(page, f"picture-{ending}")
    assert saved.value.suggested_filename.endswith(f".{ending}")
    return Path(saved.value.path()).read_bytes()


def _colours(data: bytes) -> NDArray[np.int64]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(np.int64)


def _as_seen(ds: Dataset) -> NDArray[np.float64]:
    """The phantom's pixels decoded by pydicom: windowed, inverted, squared, a quarter to the right, mirrored."""
    center, width = float(ds.WindowCenter), float(ds.WindowWidth)
    grey = 255 * (1 - np.clip((ds.pixel_array.astype(float) - (center - 0.5)) / (width - 1) + 0.5, 0, 1))
    tall = np.repeat(grey, round(TALL[0] / TALL[1]), axis=0)
    return np.fliplr(np.rot90(tall, -1))


def _yellow(image: NDArray[np.int64], row: float, column: float) -> bool:
    """Whether a drawing's line crosses a place within two pixels."""
    patch = image[round(row) - 2 : round(row) + 3, round(column) - 2 : round(column) + 3].reshape(-1, 3)
    return bool((patch[:, 0] - patch[:, 2] > 60).any())


def test_a_picture_is_saved_as_it_is_seen(page: Page, make_box: Callable[..., Box], tmp_path: Path) -> None:
    """Turned, mirrored, inverted, with a measurement and its value, pixels not square; hidden drawings stay away."""
    ds = phantom(TALL)
    open_study(page, make_box, [ds], tmp_path / "files")
    place(page, "length", ENDS)
    choose(page, "window")
    for command in ("rotate", "flip", "invert"):
        choose(page, command)
    drawn, expected = _colours(_saved(page, "png")), _as_seen(ds)
    key_drawing(page)
    page.keyboard.press(".")
    bare = _colours(_saved(page, "png"))

    height, width = expected.shape
    assert bare.shape == drawn.shape == (height, width, 3)
    middle = slice(height // 5, 4 * height // 5), slice(width // 5, 4 * width // 5)
    assert np.ptp(expected[middle]) > 100
    assert np.abs(bare[middle][..., 0] - expected[middle]).max() <= 1
    assert np.ptp(bare, axis=-1).max() == 0  # no drawing, so no colour

    ratio = TALL[0] / TALL[1]
    for share in (0.25, 0.4, 0.75):  # a quarter to the right, then mirrored, is the transposed picture
        x, y = (a + share * (b - a) for a, b in zip(*ENDS, strict=True))
        assert _yellow(drawn, x, y * ratio)
        assert not _yellow(bare, x, y * ratio)
    changed = np.abs(drawn - bare).max(axis=-1) > 40
    words = (np.abs(drawn - (255, 243, 201)).max(axis=-1) < 12) & changed
    assert words.sum() > 100  # the value, on its ground

    jpeg = _colours(_saved(page, "jpg"))
    assert np.abs(jpeg - bare).mean() < 3


def test_a_single_picture_is_printed_as_it_is_seen(page: Page, make_box: Callable[..., Box], tmp_path: Path) -> None:
    """One page with patient, basis of the scale, and the picture turned as on the light table."""
    ds = phantom(TALL)
    open_study(page, make_box, [ds], tmp_path / "files")
    place(page, "length", ENDS)
    choose(page, "window")
    choose(page, "rotate")
    document = pypdfium2.PdfDocument(_saved(page, "pdf"))
    assert len(document) == 1
    said = document[0].get_textpage().get_text_range()
    assert SENTINEL in said and "calibrated" in said
    image = next(one for one in document[0].get_objects() if one.type == 3)
    left, low, right, high = image.get_bounds()
    assert (right - left) / (high - low) == pytest.approx(ds.Rows * TALL[0] / (ds.Columns * TALL[1]), rel=0.01)
    pixels = np.asarray(image.get_bitmap().to_pil().convert("RGB")).astype(int)
    assert (pixels[..., 0] - pixels[..., 2] > 60).sum() > 300  # the measurement's line


def _with_four_choices() -> tuple[Dataset, list[NDArray[np.float64]]]:
    """A ramp with two windows and two VOI LUTs, all of one name as some units send them, and what each makes of it."""
    ds = phantom(SQUARE)
    ramp = ds.pixel_array.astype(float)
    ds.WindowCenter, ds.WindowWidth, ds.WindowCenterWidthExplanation = [1000, 500], [2000, 400], ["NORMAL", "NORMAL"]
    grows = np.linspace(0, 1, 2001)
    curves = [np.sqrt(grows), 1 - grows**2]
    ds.VOILUTSequence = [_lut(curve) for curve in curves]
    shown = [np.clip((ramp - (center - 0.5)) / (width - 1) + 0.5, 0, 1) for center, width in ((1000, 2000), (500, 400))]
    return ds, [255 * grey for grey in (*shown, *(curve[np.clip(ramp, 0, 2000).astype(int)] for curve in curves))]


def _lut(curve: NDArray[np.float64]) -> Dataset:
    item = Dataset()
    item.LUTDescriptor, item.LUTExplanation = [len(curve), 0, 16], "NORMAL"
    item.add_new("LUTData", "OW", np.round(curve * 65535).astype("<u2").tobytes())
    return item


def test_each_of_the_file_s_own_windows_and_curves_is_saved(
    page: Page, make_box: Callable[..., Box], tmp_path: Path
) -> None:
    """The next one by its key, also where all have one name; on the page to print too."""
    ds, choices = _with_four_choices()
    open_study(page, make_box, [ds], tmp_path / "files")
    rows, columns = choices[0].shape
    middle = slice(rows // 4, rows // 2), slice(columns // 4, 3 * columns // 4)
    for number, expected in enumerate(choices):
        if number:
            key_drawing(page)
            page.keyboard.press("w")
        assert np.abs(_colours(_saved(page, "png"))[middle][..., 0] - expected[middle]).max() <= 1, number
        document = pypdfium2.PdfDocument(_saved(page, "pdf"))
        image = next(one for one in document[0].get_objects() if one.type == 3)
        printed = np.asarray(image.get_bitmap().to_pil().convert("L").resize((columns, rows))).astype(float)
        off = [np.abs(printed - other)[middle].mean() for other in choices]
        assert off[number] < 3 and sorted(off)[1] > 10, (number, off)


def test_a_copy_that_cannot_be_made_says_why(page: Page, make_box: Callable[..., Box], tmp_path: Path) -> None:
    """The box is away: words on the page instead of a file."""
    box = open_study(page, make_box, [phantom(TALL)], tmp_path / "files")
    box.stop()
    choose(page, "picture-png")
    expect(page.locator(".spoken").get_by_text("The box does not answer")).to_be_visible(timeout=20_000)


def test_what_another_workstation_drew_is_shown_on_its_picture_alone(
    page: Page, make_box: Callable[..., Box], tmp_path: Path
) -> None:
    """Chosen from the list, gone with another picture and as received, and part of the copy while it is seen."""
    images = small_study()
    line = Graphic(((40.0, 60.0), (200.0, 90.0)))
    view = View(
        1, 0, None, False, 0, False, (0.0, 0.0, 65536.0, 65536.0), (line, Graphic(((50.0, 120.0),), OTHERS_WORDS))
    )
    state = presentation_state(
        view, complete(images[0]), author="Dr Far", instance_number=1, series_instance_uid="1.2.826.0.1.3680043.2.1"
    )
    open_study(page, make_box, [*images, state], tmp_path / "files")
    words = page.locator(".drawings").get_by_text(OTHERS_WORDS)
    pictures = page.locator(".strip [data-picture]")
    with_state = 0
    offers = page.get_by_label("How this picture is shown")
    for number in range(pictures.count()):
        pictures.nth(number).click()
        shown(page)
        if offers.count():
            with_state = number
            break
    offers.select_option(index=1)
    expect(words).to_have_count(1)
    assert (np.ptp(_colours(_saved(page, "png")), axis=-1) > 60).any()

    pictures.nth((with_state + 1) % pictures.count()).click()
    wait_for(
        lambda: _picture_of(page) == _shown_in_order(page)[(with_state + 1) % pictures.count()], 20, "the next one"
    )
    shown(page)
    expect(words).to_have_count(0)
    pictures.nth(with_state).click()
    shown(page)
    offers.select_option(index=1)
    expect(words).to_have_count(1)
    offers.select_option(label="As received")
    expect(words).to_have_count(0)
    assert np.ptp(_colours(_saved(page, "png")), axis=-1).max() == 0


def _shown_in_order(page: Page) -> list[int]:
    return [int(one.get_attribute("data-picture") or 0) for one in page.locator(".strip [data-picture]").all()]


def _picture_of(page: Page) -> int:
    return int(evaluate(page, "table.active.picture.id"))
