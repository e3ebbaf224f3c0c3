"""Decoding and the grayscale pipeline, on bundled files, phantoms and the real files where present."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from appliance.errors import CannotDisplay
from appliance.imaging.decode import decode_frame, mask_high_bits
from appliance.imaging.grayscale import Grayscale, Window
from appliance.imaging.picture import make_packet
from appliance.imaging.preview import derive
from appliance.phantom.unit import write
from tests.packets import read_packet
from tests.pictures import SHARED_DATA, shared_files, small_study

BUNDLED = Path(pydicom.__file__).parent / "data" / "test_files"
LOSSLESS = ["jpegll_sv1", "rle", "j2k_lossless", "jls_lossless"]


def test_every_file_is_decoded_or_says_why_not() -> None:
    """No other error than CannotDisplay comes out, whatever the file."""
    shown, reasons = 0, []
    for path in sorted(BUNDLED.glob("*.dcm")) + shared_files():
        try:
            derived = derive(path)
            facts, parts = read_packet(make_packet(path, 1))
            assert parts["pixels"].shape[:2] == (facts["rows"], facts["columns"])
            assert derived.thumbnail[:4] == b"RIFF"
            shown += 1
        except CannotDisplay as error:
            reasons.append((path.name, error.text))
    print(*reasons, sep="\n")
    assert shown > 25
    assert all("cannot be shown: " in text for _, text in reasons)


def test_lossless_forms_of_one_picture_decode_to_the_same_values(tmp_path: Path) -> None:
    """RLE made here; the real Fuji CR in four compressions where the files are present."""
    (ds,) = small_study("cervical-spine")
    (plain,) = write([ds], tmp_path / "plain")
    ds.compress("1.2.840.10008.1.2.5")
    (rle,) = write([ds], tmp_path / "rle")
    pairs = [(plain, rle)]
    if SHARED_DATA.exists():
        original = SHARED_DATA / "01_xray" / "fuji_cr_leg_m1_10bit_evle_full.dcm"
        pairs += [(original, SHARED_DATA / "05_transfer_syntax" / f"fuji_cr_leg_{kind}.dcm") for kind in LOSSLESS]
    for first, second in pairs:
        assert np.array_equal(decode_frame(first).pixels, decode_frame(second).pixels), second.name


def test_bits_above_the_stored_ones_are_masked_and_signs_extended() -> None:
    """PS3.5 8.1.1."""
    ds = Dataset()
    ds.BitsStored, ds.HighBit = 12, 11
    assert mask_high_bits(np.array([[0xF123]], np.uint16), ds).tolist() == [[0x123]]
    assert mask_high_bits(np.array([[0x0FFF]], np.int16), ds).tolist() == [[-1]]


@pytest.mark.parametrize(
    ("function", "value", "expected"),
    [
        ("LINEAR", 0, 0.0),  # PS3.3 C.11.2.1.2.1, c 2048 w 4096: y = ((x - 2047.5) / 4095 + 0.5)
        ("LINEAR", 4095, 1.0),
        ("LINEAR", 2048, (2048 - 2047.5) / 4095 + 0.5),
        ("LINEAR_EXACT", 0, 0.0),
        ("LINEAR_EXACT", 4095, 4095 / 4096),
        ("SIGMOID", 2048, 0.5),
        ("SIGMOID", 3072, 0.7310585786),
    ],
)
def test_window_functions(function: str, value: int, expected: float) -> None:
    """Exact values of the standard's equations."""
    window = Window(function, 2048, 4096, "")
    assert float(window.apply(np.array([float(value)]))[0]) == pytest.approx(expected, abs=1e-9)


def test_monochrome1_is_shown_inverted() -> None:
    """Low values bright."""
    (ds,) = small_study("cervical-spine")
    pixels = np.array([[0, 4095]], np.uint16)
    normal = Grayscale.of(ds, pixels).render(pixels)
    ds.PhotometricInterpretation = "MONOCHROME1"
    assert np.array_equal(Grayscale.of(ds, pixels).render(pixels), 255 - normal)


def test_without_any_window_the_picture_is_neither_black_nor_white() -> None:
    """A window from the pixels; padding does not count."""
    (ds,) = small_study("cervical-spine")
    del ds.WindowCenter, ds.WindowWidth
    ds.PixelPaddingValue = 0
    pixels = np.zeros((600, 600), np.uint16)
    pixels[200:400] = np.linspace(3000, 3200, 600).astype(np.uint16)
    shown = Grayscale.of(ds, pixels).render(pixels)[200:400]
    assert shown.min() < 10
    assert shown.max() > 245


def test_absurd_sizes_are_refused_before_anything_is_allocated(tmp_path: Path) -> None:
    """65,535 x 65,535 pixels declared, none there."""
    (ds,) = small_study("cervical-spine")
    ds.Rows = ds.Columns = 65535
    (path,) = write([ds], tmp_path)
    with pytest.raises(CannotDisplay, match="65535 x 65535"):
        decode_frame(path)


def test_pixels_cut_short_are_not_shown_as_if_they_were_whole(tmp_path: Path) -> None:
    """Truncated pixel data read without an error from the library."""
    (ds,) = small_study("cervical-spine")
    (path,) = write([ds], tmp_path)
    path.write_bytes(path.read_bytes()[:-20_000])
    with pytest.raises(CannotDisplay):
        decode_frame(path)
