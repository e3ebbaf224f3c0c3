"""What cannot be shown is refused in plain words, before memory is spent on it."""

import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian

from appliance.errors import CannotDisplay
from appliance.imaging.codestream import Kind, read_codestream
from appliance.imaging.decode import decode_frame
from tests.unit.test_imaging_files import (
    LITTLE,
    LOSSLESS,
    LOSSY,
    ROOT,
    compressed,
    header,
    jpeg_12,
    native,
    phantom,
    write,
)


def reason(path: Path, frame: int = 1) -> str:
    """Why a frame is refused."""
    with pytest.raises(CannotDisplay) as refused:
        decode_frame(path, frame)
    return str(refused.value.fields["reason"])


def test_headers_that_claim_the_impossible(tmp_path: Path) -> None:
    """Sizes, numbers of samples and frames that are missing or absurd are refused, each with its reason."""
    pixels = phantom()
    path = tmp_path / "a.dcm"
    assert "65535 x 65535" in reason(native(path, pixels, 12, Rows=65535, Columns=65535))
    assert "rows and columns" in reason(native(path, pixels, 12, Rows=0))
    assert "rows and columns" in reason(native(path, pixels, 12, Columns=None))
    assert "values per pixel" in reason(native(path, pixels, 12, SamplesPerPixel=7))
    assert "no frame 2" in reason(native(path, pixels, 12), frame=2)
    assert "no frame 0" in reason(native(path, pixels, 12), frame=0)
    assert "cut short" in reason(native(path, pixels, 12, NumberOfFrames=9), frame=9)
    assert decode_frame(path, 1).pixels.shape == pixels.shape


def test_files_that_hold_no_usable_pixels(tmp_path: Path) -> None:
    """No pixel data, no preamble, an unknown syntax, a video, native pixels under a compressed syntax: all refused."""
    path = native(tmp_path / "a.dcm", phantom(), 12)
    ds = dcmread(path)
    del ds.PixelData
    ds.save_as(path)
    assert reason(path) == "it has no pixels"
    path.write_bytes(b"not DICOM at all")
    assert "damaged" in reason(path)
    assert "cannot be read" in reason(tmp_path / "absent.dcm")
    assert "video" in reason(compressed(path, phantom(), 12, "4.102", b"\0" * 64))
    content = compressed(path, phantom(), 12, "4.201", b"\0" * 64).read_bytes()
    path.write_bytes(content.replace(f"{ROOT}.4.201\0".encode(), LITTLE.encode().ljust(24, b"\0"), 1))
    assert "transfer syntax" in reason(path)
    assert "damaged" in reason(compressed(path, phantom(), 12, "4.70", b"\0" * 64))


def test_colours_that_are_not_known(tmp_path: Path) -> None:
    """A palette image without its palette, and a retired colour space."""
    grey, rgb = phantom(bits=8).astype(np.uint8), np.zeros((4, 4, 3), np.uint8)
    assert "palette" in reason(native(tmp_path / "a.dcm", grey, 8, PhotometricInterpretation="PALETTE COLOR"))
    assert "colours" in reason(native(tmp_path / "a.dcm", rgb, 8, PhotometricInterpretation="HSV"))


@pytest.mark.parametrize("syntax", sorted({**LOSSLESS, **LOSSY}))
@pytest.mark.parametrize("share", [0.3, 0.7, 0.97])
def test_truncated_streams_are_never_shown_as_if_whole(tmp_path: Path, syntax: str, share: float) -> None:
    """A frame of any codec that lost its end is refused."""
    encode = LOSSLESS.get(syntax) or LOSSY[syntax][0]
    data = encode(phantom(200, 160))
    assert reason(compressed(tmp_path / "a.dcm", phantom(200, 160), 12, syntax, data[: int(len(data) * share)]))


@pytest.mark.parametrize("syntax", [LITTLE, f"{ROOT}.4.80", f"{ROOT}.5"])
def test_truncated_files_are_never_shown_as_if_whole(tmp_path: Path, syntax: str) -> None:
    """A file that lost its end is refused, compressed or not."""
    pixels = phantom(200, 160)
    path = native(tmp_path / "a.dcm", pixels, 12)
    if syntax != LITTLE:
        path = compressed(path, pixels, 12, syntax.removeprefix(f"{ROOT}."), LOSSLESS[syntax[len(ROOT) + 1 :]](pixels))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 9 // 10])
    assert reason(path)


def _jpeg_claim(data: bytes) -> bytes:
    at = next(data.index(m) for m in (b"\xff\xc1", b"\xff\xc3", b"\xff\xf7", b"\xff\xc0") if m in data)
    return data[: at + 5] + struct.pack(">HH", 65000, 65000) + data[at + 9 :]


def _j2k_claim(data: bytes) -> bytes:
    at = data.index(b"\xff\x4f\xff\x51") + 8
    return data[:at] + struct.pack(">II", 2**31, 2**31) + data[at + 8 :]


HOSTILE: dict[str, Callable[[bytes], bytes]] = {
    "4.51": _jpeg_claim,
    "4.70": _jpeg_claim,
    "4.80": _jpeg_claim,
    "4.90": _j2k_claim,
    "4.201": _j2k_claim,
    "4.110": lambda data: b"\xff\x0a" + b"\xf8\xff\xff\xff" * 8,
}


@pytest.mark.parametrize("syntax", sorted(HOSTILE))
def test_streams_that_claim_another_size_are_refused_before_decoding(tmp_path: Path, syntax: str) -> None:
    """A codestream with an absurd size of its own allocates nothing."""
    encode = LOSSLESS.get(syntax) or jpeg_12
    path = compressed(tmp_path / "a.dcm", phantom(), 12, syntax, HOSTILE[syntax](bytes(encode(phantom()))))
    tracemalloc.start()
    try:
        assert "another size" in reason(path)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_heads_of_streams_are_read_right() -> None:
    """Size, depth and family of each kind of stream, JPEG XL bare and boxed, small and ratio-coded sizes included."""
    pixels = phantom(90, 70)
    for syntax, kind, precision in (
        ("4.70", Kind.LOSSLESS, 12),
        ("4.80", Kind.JPEG_LS, 16),
        ("4.90", Kind.JPEG_2000, 16),
        ("4.201", Kind.JPEG_2000, 16),
    ):
        stream = read_codestream(bytes(LOSSLESS[syntax](pixels)))
        assert stream is not None
        assert (stream.kind, stream.rows, stream.columns, stream.precision) == (kind, 90, 70, precision)
    for rows, columns in ((8, 8), (64, 128), (90, 70), (300, 400), (513, 8193), (256, 256)):
        for boxed in (False, True):
            data = imagecodecs.jpegxl_encode(np.zeros((rows, columns), np.uint8), usecontainer=boxed)
            stream = read_codestream(bytes(data))
            assert stream is not None
            assert (stream.kind, stream.rows, stream.columns) == (Kind.JPEG_XL, rows, columns)


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"\xff\xd8", b"\xff\xd8\xff\xc0\0\x11", b"\xff\x4f\xff\x51", b"\xff\x0a"]
)
def test_heads_that_end_too_soon_are_not_read(data: bytes) -> None:
    """A few bytes are no stream, or one of a size that no header shares; nothing is raised."""
    stream = read_codestream(data)
    assert stream is None or stream.rows * stream.columns < 300


def test_memory_is_bounded_by_one_frame(tmp_path: Path) -> None:
    """The last frame of a gigabyte is decoded within a few megabytes."""
    ds = header(np.zeros((512, 512), np.uint16), 12, NumberOfFrames=2000)
    path = write(tmp_path / "a.dcm", ds, b"")
    head = path.read_bytes()[:-4]
    with path.open("r+b") as file:
        file.seek(len(head))
        file.write(struct.pack("<I", 2000 * 512 * 512 * 2))
        file.truncate(len(head) + 4 + 2000 * 512 * 512 * 2)  # sparse: takes no room on the disk
    tracemalloc.start()
    try:
        assert decode_frame(path, 2000).pixels.shape == (512, 512)
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


def test_deflated_files_are_read_within_bounds(tmp_path: Path) -> None:
    """A deflated file from disk is shown; one that would unpack beyond all bounds is refused."""
    path = native(tmp_path / "a.dcm", phantom(), 12)
    ds = dcmread(path)
    ds.file_meta.TransferSyntaxUID = f"{ROOT}.1.99"
    ds.save_as(path, enforce_file_format=True)
    assert np.array_equal(decode_frame(path).pixels, phantom())
    content = path.read_bytes()
    start = 144 + int(dcmread(path).file_meta.FileMetaInformationGroupLength)
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(300)) + packer.flush()
    path.write_bytes(content[:start] + bomb)
    assert "too big" in reason(path)
    assert dcmread(native(path, phantom(), 12)).file_meta.TransferSyntaxUID == ExplicitVRLittleEndian


def test_a_refusal_tells_how_each_codec_refused(tmp_path: Path) -> None:
    """A stream whose head is right and whose body is not: every codec that tried is named with its error."""
    pixels = phantom()
    data = bytearray(LOSSLESS["4.80"](pixels))
    data[len(data) // 3 : -2] = b"\xff\x7f" * ((len(data) - 2 - len(data) // 3) // 2)
    with pytest.raises(CannotDisplay) as refused:
        decode_frame(compressed(tmp_path / "a.dcm", pixels, 12, "4.80", bytes(data)))
    notes = refused.value.__notes__
    assert [note.partition(":")[0] for note in notes] == ["_by_gdcm", "_by_pydicom", "_by_jpeg_ls"]
    assert all(note.endswith("Error") for note in notes), notes
