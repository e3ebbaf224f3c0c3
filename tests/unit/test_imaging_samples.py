"""Real files: pydicom's own, and those beside the checkout where they are; dcmtk's renderings are the yardstick."""

import subprocess
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.data import get_testdata_file

from appliance.errors import CannotDisplay
from appliance.imaging.decode import Frame, decode_frame
from appliance.imaging.grayscale import Grayscale
from appliance.imaging.picture import make_packet
from appliance.imaging.preview import derive
from appliance.imaging.voi import LookupTable
from tests.packets import read_packet

SHARED = Path(__file__).parents[3] / "shared" / "data"
BUNDLED = [
    "693_J2KI.dcm CT_small.dcm ExplVR_BigEnd.dcm JPEG-lossy.dcm JPEG2000.dcm ",
    "J2K_pixelrep_mismatch.dcm MR_small.dcm MR_small_RLE.dcm MR_small_bigendian.dcm MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm SC_rgb_jpeg.dcm SC_rgb_jpeg_dcmtk.dcm",
    "SC_rgb_jpeg_gdcm.dcm SC_rgb_rle.dcm SC_rgb_small_odd.dcm SC_rgb_small_odd_jpeg.dcm SC_jpeg_no_color_transform.dcm",
    "SC_ybr_full_422_uncompressed.dcm ",
    "examples_palette.dcm image_dfl.dcm liver_1frame.dcm",
    "rtdose.dcm rtdose_1frame.dcm",
]
# What of the shared files cannot be shown, and why; all others must be
REFUSED = {
    "fuji_cr_chest_440_headless_ivrle": "damaged",  # no preamble: the archive stores it with one
    "no_meta": "damaged",
    "no_meta_big_endian": "damaged",
    "no_meta_explicit_le": "damaged",
    "meta_without_transfer_syntax": "transfer syntax is missing",
    "delimiter_inside_fragment": "another size",
    "nested_private_sq": "rows and columns",
    "oob_rows_cols_65535": "65535 x 65535",
    "truncated_pixels": "cut short",
}
NO_PIXELS = (
    "encapsulated_pdf",
    "ko_key",
    "pr_",
    "sr_",
    "waveform",
    "empty_charset",
    "meta_without_group",
    "private_sq",
)
NO_PIXELS += ("patientid_collision", "truncated_elements", "un_sequence")
LOSSLESS = ("jpegll_sv1", "rle", "j2k_lossless", "jls_lossless")
LOSSY = ("jls_near", "j2k_lossy", "jpeg_ext")


def _bundled(name: str) -> Path:
    found = get_testdata_file(name, download=False)
    assert isinstance(found, str), name
    return Path(found)


def bundled() -> list[Path]:
    """Files that come with pydicom."""
    return [_bundled(name) for line in BUNDLED for name in line.split()]


def shared() -> list[Path]:
    """The shared files, none where the folder is absent."""
    return sorted(SHARED.rglob("*.dcm"))


def expected_refusal(path: Path) -> str | None:
    """The words that must be in the refusal of a shared file, or None if it must be shown."""
    if path.stem.startswith(NO_PIXELS) and not path.stem.endswith("_image"):
        return "no pixels"
    return REFUSED.get(path.stem)


def test_every_file_is_shown_or_refused_with_its_reason() -> None:
    """Each real file gives facts, as many pixels as they say, and pictures; or the one reason why it cannot."""
    shown = 0
    for path in [*bundled(), *shared()]:
        words = expected_refusal(path) if SHARED in path.parents else None
        if words:
            with pytest.raises(CannotDisplay, match=words):
                derive(path)
            continue
        facts, parts = read_packet(make_packet(path, 1))
        assert np.array_equal(parts["pixels"], decode_frame(path).pixels), path.name
        assert facts.get("voi", True), path.name
        assert len(derive(path).thumbnail) > 30, path.name
        shown += 1
    assert shown >= len(bundled()) >= 20


def test_one_picture_in_several_syntaxes_is_one_picture() -> None:
    """Lossless variants of the same image are bit-identical, lossy ones are close."""
    pairs = [("MR_small", name) for name in ("MR_small_RLE", "MR_small_jp2klossless", "MR_small_jpeg_ls_lossless")]
    for plain, packed in pairs:
        one, other = (decode_frame(_bundled(f"{name}.dcm")).pixels for name in (plain, packed))
        assert np.array_equal(one, other), packed
    for folder in (SHARED / "05_transfer_syntax",) if SHARED.exists() else ():
        original = decode_frame(SHARED / "01_xray" / "fuji_cr_leg_m1_10bit_evle_full.dcm").pixels
        for kind in LOSSLESS:
            assert np.array_equal(decode_frame(folder / f"fuji_cr_leg_{kind}.dcm").pixels, original), kind
        for kind in LOSSY:
            error = decode_frame(folder / f"fuji_cr_leg_{kind}.dcm").pixels.astype(int) - original
            assert np.abs(error).mean() < 2, kind
            assert np.abs(error).max() < 50, kind


def test_renderings_are_those_of_dcmtk(tmp_path: Path) -> None:
    """All that dcmj2pnm can read looks as it draws it, to one grey level (it truncates where we round)."""
    compared = 0
    for path in [*bundled(), *shared()]:
        if path.stem == "fuji_cr_leg_jpeg_ext":  # dcmtk lets values above BitsStored wrap around; here they stay white
            continue
        try:
            frame = decode_frame(path)
        except CannotDisplay:
            continue
        theirs = _by_dcmtk(path, frame, tmp_path / "out.pnm")
        if theirs is None:
            continue
        tolerance = 2 if frame.is_colour else 1  # YBR to RGB in their integers and in ours
        assert np.abs(theirs - _ours(frame)).max() <= tolerance, path.name
        compared += 1
    assert compared >= 15


def _ours(frame: Frame) -> NDArray[Any]:
    if frame.is_colour:
        return frame.pixels.astype(int)
    return Grayscale.of(frame.header, frame.pixels).render(frame.pixels).astype(int)


def _by_dcmtk(path: Path, frame: Frame, out: Path) -> NDArray[Any] | None:
    out.unlink(missing_ok=True)
    command = ["dcmj2pnm", "-q", "--no-overlays", "+F", "1", *_voi_options(frame), str(path), str(out)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    if done.returncode or not out.exists():
        return None  # JPEG 2000, JPEG-LS, JPEG XL: not its trade
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(Image.open(out)).astype(int)


def _voi_options(frame: Frame) -> list[str]:
    """Ask dcmtk for the choice that is our default; its window is LINEAR, ours without one LINEAR_EXACT."""
    if frame.is_colour:
        return []
    default = Grayscale.of(frame.header, frame.pixels).voi[0]
    if isinstance(default, LookupTable):
        return ["+Wl", "1"]
    if default.label == "Automatic":
        return ["+Ww", str(default.center + 0.5), str(default.width + 1)]
    return ["+Wi", "1"]
