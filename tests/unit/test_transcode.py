"""Decompression for receivers, on every compressed file at hand."""

from pathlib import Path

import pydicom
import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from appliance.dicom.rewrite import rewrite
from appliance.errors import CannotDisplay
from appliance.imaging.decode import decode_frame
from appliance.imaging.transcode import main, transcode
from tests.pictures import shared_files, small_study

# Implicit VR under another name, one-bit pixels in big endian, a data set that is cut short
CANNOT = {"SC_rgb_jpeg.dcm", "liver_expb_1frame.dcm", "j2k_too_short.dcm"}
BUNDLED = Path(pydicom.__file__).parent / "data" / "test_files"


def _files() -> list[Path]:
    return sorted(BUNDLED.glob("*.dcm")) + shared_files()


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_every_picture_looks_the_same_afterwards(syntax: str, tmp_path: Path) -> None:
    """Each file that can be shown is decompressed, and shows the same; the original is untouched."""
    done: dict[str, int] = {}
    failed = []
    for source in _files():
        before = source.read_bytes()
        try:
            shown = decode_frame(source)
            whole = dcmread(source)
        except Exception:  # noqa: S112 - what cannot be shown is not compared
            continue
        target = tmp_path / "target"
        if main([str(source), str(target), "--to", syntax]) != 0:
            failed.append(source.name)
            continue
        again = decode_frame(target)
        assert (again.pixels == shown.pixels).all(), source.name
        assert dcmread(target).file_meta.TransferSyntaxUID == syntax
        assert dcmread(target).get("PatientName") == whole.get("PatientName"), source.name
        assert source.read_bytes() == before
        name = str(whole.file_meta.TransferSyntaxUID)
        done[name] = done.get(name, 0) + 1
        target.unlink()
    assert len(done) >= 10
    assert set(failed) <= CANNOT


def test_a_rewritten_data_set_says_the_same(tmp_path: Path) -> None:
    """Explicit to Implicit VR and back."""
    for number, ds in enumerate(small_study()):
        paths = [tmp_path / f"{number}-{step}" for step in range(3)]
        ds.save_as(paths[0], enforce_file_format=True)
        rewrite(paths[0], paths[1], ImplicitVRLittleEndian)
        rewrite(paths[1], paths[2], ExplicitVRLittleEndian)
        assert dcmread(paths[1]) == dcmread(paths[0]) == dcmread(paths[2])
        assert dcmread(paths[1]).file_meta.TransferSyntaxUID == ImplicitVRLittleEndian


def test_every_explicit_file_can_be_rewritten(tmp_path: Path) -> None:
    """Even where a value is not what its VR allows: its bytes are kept."""
    count = 0
    for source in _files():
        try:
            ds = dcmread(source)
            if ds.file_meta.TransferSyntaxUID != ExplicitVRLittleEndian or not ds:
                continue
        except Exception:  # noqa: S112 - no DICOM file
            continue
        rewrite(source, tmp_path / "target", ImplicitVRLittleEndian)
        again = dcmread(tmp_path / "target")
        assert again.get("PixelData") == ds.get("PixelData"), source.name
        assert set(again.keys()) == {tag for tag in ds.keys() if tag.element}, source.name  # noqa: SIM118 - a Dataset iterates over elements, not tags
        count += 1
    assert count >= 10


def test_big_endian_words_are_turned(tmp_path: Path) -> None:
    """The samples are the same numbers."""
    for name in ("MR_small_bigendian.dcm", "ExplVR_BigEnd.dcm"):
        source = BUNDLED / name
        assert dcmread(source).file_meta.TransferSyntaxUID == ExplicitVRBigEndian
        transcode(source, tmp_path / name, ExplicitVRLittleEndian)
        assert (dcmread(tmp_path / name).pixel_array == dcmread(source).pixel_array).all()


def test_what_would_fill_the_disk_is_refused(tmp_path: Path) -> None:
    """No more bytes than allowed are written."""
    with pytest.raises(CannotDisplay, match="too big"):
        transcode(BUNDLED / "MR_small_RLE.dcm", tmp_path / "target", ExplicitVRLittleEndian, max_bytes=1000)
    assert not (tmp_path / "target").exists()


def test_a_damaged_file_is_an_exit_status(tmp_path: Path) -> None:
    """Nothing is quoted."""
    (tmp_path / "bad").write_bytes(b"\x00" * 128 + b"DICM" + b"rubbish" * 50)
    assert main([str(tmp_path / "bad"), str(tmp_path / "target"), "--to", ExplicitVRLittleEndian]) == 1
