"""Copies show a picture as a person saw or kept it: turned, inverted, with what lies on it and what was drawn."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pypdfium2
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset

from appliance.courier.exports import Options
from appliance.errors import BadInput
from appliance.imaging.decode import Frame, decode_frame
from appliance.imaging.media.captions import bar_on, edge_letters
from appliance.imaging.media.content import no_progress
from appliance.imaging.media.look import AS_RECEIVED, Figure, Look
from appliance.imaging.media.seen import seen
from appliance.imaging.spacing import whole_scale
from appliance.reading.looks import look_seen
from appliance.reading.marks import ToKeep, View, Window, to_show
from appliance.wiring import Box
from tests.geometry_phantom import SQUARE, TALL, phantom
from tests.pictures import small_study
from tests.service import keep

TURNS = [(turn, mirror) for turn in (0, 90, 180, 270) for mirror in (False, True)]


def _frame(ds: Dataset, folder: Path) -> Frame:
    ds.save_as(folder / "picture.dcm", enforce_file_format=True)
    return decode_frame(folder / "picture.dcm")


def _with_a_dot(spacing: tuple[float, float]) -> Dataset:
    """Black, but for a white patch of 4 x 4 mm whose middle lies 50 mm from the left and 30 mm from the top."""
    ds = phantom(spacing)
    pixels = np.zeros((ds.Rows, ds.Columns), "<u2")
    row_mm, column_mm = spacing
    pixels[round(28 / row_mm) : round(32 / row_mm), round(48 / column_mm) : round(52 / column_mm)] = 2000
    ds.PixelData = pixels.tobytes()
    return ds


@pytest.mark.parametrize("spacing", [SQUARE, TALL])
@pytest.mark.parametrize(("turn", "mirror"), TURNS)
def test_what_is_drawn_stays_on_what_it_was_drawn_on(
    turn: int, mirror: bool, spacing: tuple[float, float], tmp_path: Path
) -> None:
    """A ring about a white patch is about it in every turn and flip, and with pixels that are not square."""
    frame = _frame(_with_a_dot(spacing), tmp_path)
    middle = (50 / spacing[1], 30 / spacing[0])
    look = Look(turn=turn, mirror=mirror)
    plain = np.asarray(seen(frame, look)).astype(int)
    drawn = np.asarray(seen(frame, replace(look, figures=(Figure((middle,)),)))).astype(int)
    patch = np.argwhere(plain > 128).mean(axis=0)
    ring = np.argwhere(np.abs(drawn - plain[..., None]).sum(axis=-1) > 60).mean(axis=0)
    assert patch == pytest.approx(ring, abs=1.5)
    upright = np.asarray(seen(frame))
    expected = np.rot90(upright, -turn // 90)
    assert np.array_equal(plain, np.fliplr(expected) if mirror else expected)


def test_words_stand_on_a_dark_ground_inside_the_picture(tmp_path: Path) -> None:
    """Also those whose place is at the edge."""
    frame = _frame(phantom(SQUARE), tmp_path)
    size = (frame.pixels.shape[1], frame.pixels.shape[0])
    look = Look(figures=(Figure(((size[0] + 50.0, size[1] / 2), (10.0, 10.0)), "Length 12.3 mm\nat the patient"),))
    image, bare = np.asarray(seen(frame, look)).astype(int), np.asarray(seen(frame)).astype(int)
    rows, columns = np.nonzero(np.abs(image - bare[..., None]).max(axis=-1) > 60)
    assert columns.min() > 0 and columns.max() < size[0] - 1
    ground = image[rows.max() - 4 : rows.max(), columns.max() - 40 : columns.max() - 4]
    assert ground.max() < 40


@pytest.mark.parametrize(
    ("turn", "mirror", "letters"),
    [
        (0, False, ("V", "D")),
        (0, True, ("D", "V")),
        (90, False, ("CD", "CR")),
        (90, True, ("CR", "CD")),
        (180, False, ("D", "V")),
        (270, False, ("CR", "CD")),
    ],
)
def test_the_letters_at_the_edges_turn_with_the_picture(turn: int, mirror: bool, letters: tuple[str, str]) -> None:
    """Rows run dorsal, columns caudal; after a quarter turn to the right the top lies at the right."""
    header = Dataset()
    header.AnatomicalOrientationType, header.PatientOrientation = "QUADRUPED", ["D", "CD"]
    assert edge_letters(header, Look(turn=turn, mirror=mirror)) == letters


def test_a_proximal_edge_is_not_called_posterior() -> None:
    """Directions of animals have two letters; those of people go by their first."""
    header = Dataset()
    header.AnatomicalOrientationType, header.PatientOrientation = "QUADRUPED", ["PR", "D"]
    assert edge_letters(header) == ("DI", "PR")
    header.AnatomicalOrientationType, header.PatientOrientation = "BIPED", ["LP", "FA"]
    assert edge_letters(header) == ("R", "L")


@pytest.mark.parametrize("turn", [0, 90])
def test_the_bar_keeps_its_length_when_the_picture_is_turned(turn: int, tmp_path: Path) -> None:
    """Pixels that are not square are made so before the turn."""
    frame = _frame(phantom(TALL), tmp_path)
    image = seen(frame, Look(turn=turn))
    bar, scale = bar_on(frame, image, Look(turn=turn)), whole_scale(frame.header)
    assert bar is not None and scale is not None
    assert bar.length_mm / bar.length_pixels == pytest.approx(min(scale.column_mm, scale.row_mm), rel=0.01)
    assert bar.length_pixels <= image.width / 3


def test_shutters_and_overlays_are_drawn_as_the_table_draws_them(tmp_path: Path) -> None:
    """By default; each can be left away."""
    ds = phantom(SQUARE)
    ds.ShutterShape, ds.ShutterPresentationValue = "RECTANGULAR", 0
    ds.ShutterLeftVerticalEdge, ds.ShutterRightVerticalEdge = 101, ds.Columns
    ds.ShutterUpperHorizontalEdge, ds.ShutterLowerHorizontalEdge = 1, ds.Rows
    ds.add_new(0x60000010, "US", ds.Rows)
    ds.add_new(0x60000011, "US", ds.Columns)
    ds.add_new(0x60000040, "CS", "G")
    ds.add_new(0x60000050, "SS", [1, 1])
    ds.add_new(0x60000100, "US", 1)
    ds.add_new(0x60000102, "US", 0)
    plane = np.zeros((ds.Rows, ds.Columns), np.uint8)
    plane[300, 400] = 1
    ds.add_new(0x60003000, "OW", np.packbits(plane.ravel(), bitorder="little").tobytes())
    frame = _frame(ds, tmp_path)
    shown = np.asarray(seen(frame))
    assert (shown[:, :99] == 0).all() and tuple(shown[300, 400]) == (255, 204, 51)
    bare = np.asarray(seen(frame, Look(overlays=False, shutters=False)))
    assert bare.ndim == 2 and bare[10, 90] > 0


def test_a_look_that_cannot_be_drawn_is_refused() -> None:
    """A window without width, a turn by an odd angle, a word too many."""
    body = {
        "window": {"function": "LINEAR", "center": 1.0, "width": 0.0},
        "choice": 0,
        "invert": False,
        "rotation": 0,
        "flipped": False,
        "overlays": True,
        "shutters": True,
    }
    with pytest.raises(BadInput):
        look_seen(to_show(msgspec.json.encode(body)))
    for bad in ({"rotation": 45}, {"choice": -1}, {"unknown": 1}, {"graphics": [{"points": []}]}):
        with pytest.raises(msgspec.DecodeError):
            to_show(msgspec.json.encode(body | {"window": None} | bad))
    assert look_seen(to_show(msgspec.json.encode(body | {"window": None}))) == replace(AS_RECEIVED, invert=False)


def test_exports_show_a_picture_as_it_was_kept(box: Box, tmp_path: Path) -> None:
    """Put upright on the light table, it is so in pictures, in print and on a medium; the file is untouched."""
    (ds,) = small_study("cervical-spine")
    keep(box, ds)
    instance = box.catalogue.instances(1)[0]
    before = instance.path.read_bytes()
    whole = (0.0, 0.0, float(ds.Columns), float(ds.Rows))
    view = View(instance.id, 0, Window("LINEAR", 1500.0, 800.0), True, 90, True, whole)
    box.study_marks.keep(1, ToKeep(views=(view,)), "ann")

    box.hand_over.write("png", 1, Options(), tmp_path / "out.zip", no_progress)
    with zipfile.ZipFile(tmp_path / "out.zip") as bundle:
        (name,) = bundle.namelist()
        image = np.asarray(Image.open(io.BytesIO(bundle.read(name))).convert("L")).astype(int)
    stored = dcmread(io.BytesIO(before)).pixel_array.astype(float)
    grey = 255 - np.clip((stored - 1499.5) / 799 + 0.5, 0, 1) * 255  # PS3.3 C.11.2.1.2.1
    expected = np.fliplr(np.rot90(grey, -1))
    middle = slice(image.shape[0] // 3, image.shape[0] // 2), slice(image.shape[1] // 4, 3 * image.shape[1] // 4)
    assert image.shape == expected.shape
    assert np.abs(image - expected)[middle].max() <= 1
    assert np.ptp(expected[middle]) > 50

    box.hand_over.write("pdf", 1, Options(), tmp_path / "out.pdf", no_progress)
    (left, low, right, high) = next(
        one.get_bounds() for one in pypdfium2.PdfDocument(tmp_path / "out.pdf")[0].get_objects() if one.type == 3
    )
    assert (right - left) / (high - low) == pytest.approx(ds.Rows / ds.Columns, rel=0.01)
    with box.hand_over.content(1, Options(deidentify=True), tmp_path, no_progress) as (content, _):
        box.hand_over.write_folder("media", content, tmp_path / "medium", no_progress)
    page = Image.open(tmp_path / "medium" / "IHE_PDI" / "P00001.JPG")
    assert page.width / page.height == pytest.approx(ds.Rows / ds.Columns, rel=0.01)
    assert instance.path.read_bytes() == before
