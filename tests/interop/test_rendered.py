"""Rendered pictures and thumbnails say what the instance says: overlays, shutters and padding lie on them."""

import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient
from dicomweb_client.session_utils import create_session_from_auth
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from requests import Session

from appliance.dicom.transfer_syntaxes import REFUSED
from appliance.imaging.decode import decode_frame
from appliance.imaging.grayscale import Grayscale
from tests.browser.reference import OVERLAY_COLOUR, reference
from tests.interop.test_dicomweb_clients import Bearer
from tests.pictures import shared_files, small_study
from tests.service import keep, make_box, served

BUNDLED = Path(pydicom.__file__).parent / "data" / "test_files"
ROWS, COLUMNS = 60, 80
MARKED = ("ShutterShape", "PixelPaddingValue", *((group, 0x0010) for group in range(0x6000, 0x6020, 2)))


def _marked_files() -> list[Path]:
    """Real pictures with overlays, shutters or padding."""
    files = [BUNDLED / "CT_small.dcm", BUNDLED / "examples_overlay.dcm", *shared_files()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        heads = [(file, dcmread(file, stop_before_pixels=True, force=True)) for file in files]
        kept = [(file, head) for file, head in heads if str(head.file_meta.get("TransferSyntaxUID")) not in REFUSED]
        return [file for file, head in kept if any(mark in head for mark in MARKED)]


def cine() -> Dataset:
    """Two frames of one grey, an overlay of four pixels on the second, shutters about both."""
    (ds,) = small_study("cervical-spine", scale=0.05)
    ds.Rows, ds.Columns, ds.NumberOfFrames = ROWS, COLUMNS, 2
    ds.PixelData = np.full(2 * ROWS * COLUMNS, 300, "<u2").tobytes()
    ds.WindowCenter, ds.WindowWidth, ds.VOILUTFunction = "300", "1000", "LINEAR_EXACT"
    planes = np.zeros((2, 2, 2), bool)
    planes[1] = True
    for element, vr, value in (
        *((0x0010, "US", 2), (0x0011, "US", 2), (0x0015, "IS", 2), (0x0040, "CS", "G"), (0x0050, "SS", [21, 31])),
        *((0x0051, "US", 1), (0x0100, "US", 1), (0x0102, "US", 0)),
        (0x3000, "OW", np.packbits(planes, bitorder="little").tobytes() + b"\0"),
    ):
        ds.add_new((0x6000, element), vr, value)
    ds.ShutterShape = ["RECTANGULAR", "CIRCULAR"]
    ds.ShutterUpperHorizontalEdge, ds.ShutterLowerHorizontalEdge = 6, ROWS
    ds.ShutterLeftVerticalEdge, ds.ShutterRightVerticalEdge = 1, COLUMNS
    ds.CenterOfCircularShutter, ds.RadiusOfCircularShutter = [30, 40], 35
    ds.ShutterPresentationValue = 0x4000
    return ds


CINE = cine()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Session]]:
    """The address of a box that keeps them all, and a session that may ask it."""
    box = make_box(tmp_path_factory.mktemp("rendered") / "data")
    keep(box, CINE, *_marked_files())
    with served(box) as url:
        yield f"{url}/dicom-web", create_session_from_auth(Bearer(box.tokens.create("client", "technician")))


@pytest.fixture
def session(service: tuple[str, Session]) -> Session:
    """For what the client has no call."""
    return service[1]


@pytest.fixture
def client(service: tuple[str, Session]) -> DICOMwebClient:
    """A client that somebody else wrote."""
    return DICOMwebClient(service[0], session=service[1])


def _uids(ds: Dataset) -> tuple[str, str, str]:
    return str(ds.StudyInstanceUID), str(ds.SeriesInstanceUID), str(ds.SOPInstanceUID)


def _rgb(data: bytes) -> NDArray[Any]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(float)


def _frame(client: DICOMwebClient, ds: Dataset, number: int, **parameters: str) -> NDArray[Any]:
    uids = _uids(ds)
    return _rgb(client.retrieve_instance_frames_rendered(*uids, [number], ("image/png",), params=parameters or None))


def _expected(number: int) -> NDArray[Any]:
    """Grey, then the shutters' grey, then the overlay, pixel by pixel."""
    shown = np.full((ROWS, COLUMNS, 3), 127.5)
    for row in range(1, ROWS + 1):
        for column in range(1, COLUMNS + 1):
            if row < 6 or (row - 30) ** 2 + (column - 40) ** 2 > 35**2:
                shown[row - 1, column - 1] = 255 * 0x4000 / 0xFFFF
    if number == 2:
        shown[20:22, 30:32] = OVERLAY_COLOUR
    return shown


@pytest.mark.parametrize("number", [1, 2])
def test_a_frame_has_its_own_overlay_and_the_shutters(client: DICOMwebClient, number: int) -> None:
    """Also where only a part of it is asked for."""
    expected = _expected(number)
    assert np.abs(_frame(client, CINE, number) - expected).max() <= 1
    part = _frame(client, CINE, number, viewport="20,20,25,15,20,20")
    assert np.abs(part - expected[15:35, 25:45]).max() <= 1


def test_instance_film_and_thumbnail_have_them_too(client: DICOMwebClient, session: Session) -> None:
    """The instance is its first frame, a GIF all of them, a thumbnail the middle one."""
    still = client.retrieve_instance_rendered(*_uids(CINE), media_types=("image/png",))
    assert np.abs(_rgb(still) - _expected(1)).max() <= 1
    film = Image.open(io.BytesIO(client.retrieve_instance_rendered(*_uids(CINE), media_types=("image/gif",))))
    assert film.n_frames == 2  # type: ignore[attr-defined]  # of Pillow's GIF
    for number in (1, 2):
        film.seek(number - 1)
        assert np.abs(np.asarray(film.convert("RGB")) - _expected(number)).max() <= 8  # a palette of 256
    study, series, instance = _uids(CINE)
    address = f"{client.base_url}/studies/{study}/series/{series}/instances/{instance}/thumbnail"
    small = _rgb(session.get(address, params={"viewport": f"{COLUMNS},{ROWS}"}, timeout=30).content)
    assert np.abs(small[:4] - 255 * 0x4000 / 0xFFFF).mean() < 4
    overlay = small[20:22, 30:32].mean((0, 1))
    assert overlay.mean() > 150 and overlay[0] - overlay[2] > 20  # as far as JPEG keeps the colour of four pixels


@pytest.mark.parametrize("file", _marked_files(), ids=lambda file: file.name)
def test_a_real_picture_is_what_the_standard_says(client: DICOMwebClient, file: Path) -> None:
    """Against dcmtk's or OpenJPEG's samples and the standard's pipeline, covered by it."""
    ds, frame = dcmread(file), decode_frame(file)
    automatic = None if frame.is_colour else Grayscale.of(frame.header, frame.pixels).voi[0].facts()
    wanted = reference(file, 1, automatic)
    off = np.abs(_frame(client, ds, 1) - wanted.shown)
    print(f"{file.name:44} mean {off.mean():6.3f} most {off.max():6.1f} {wanted.by}")
    assert off.mean() <= 1 and off.max() <= 2
