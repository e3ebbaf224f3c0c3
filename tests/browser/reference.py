"""Pictures by other decoders than ours and by the standard's own words: what the light table is held against.

Samples come from dcmtk (native, deflated, RLE, JPEG, JPEG-LS) and OpenJPEG (JPEG 2000, HTJ2K). What is compressed comes
from GDCM's own program as well, which knows no HTJ2K and no wide RLE colour; of JPEG XL there is one decoder only. What
follows is written from PS3.3 C.7.6.3, C.7.6.11, C.7.5.1.1.2, C.9.2 and C.11, value by value.
"""

import subprocess
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import openjpeg
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame

from tests.orthanc import need

Array = NDArray[Any]
_ROOT = "1.2.840.10008.1.2"
_HTJ2K = (".4.201", ".4.202", ".4.203")
_JPEG_LS, _JPEG_2000 = (".4.80", ".4.81"), (".4.90", ".4.91", *_HTJ2K)
_JPEG_XL = (".4.110", ".4.111", ".4.112")
OVERLAY_COLOUR = np.array([255.0, 204.0, 51.0])


@dataclass(frozen=True)
class Reference:
    """`shown` is (rows, columns, 3) of 0 to 255 in real numbers; `by` names the decoder."""

    shown: Array
    by: str


class NoReference(Exception):
    """No decoder but ours reads the file."""


def reference(path: Path, frame: int, automatic: dict[str, Any] | None) -> Reference:
    """By the first decoder that reads the frame; raises NoReference."""
    found, words = references(path, frame, automatic)
    if not found:
        raise NoReference("; ".join(words))
    return found[0]


def references(path: Path, frame: int, automatic: dict[str, Any] | None) -> tuple[list[Reference], list[str]]:
    """One frame, counted from 1, by every decoder that reads it, and the words of those that do not.

    `automatic` is the window that the box chose, for files that have none.
    """
    found, words, before = [], [], None
    decoders: list[Callable[[Path, int, Path], tuple[Dataset, str]]] = [_uncompressed]
    if _is_known_to_gdcm(path):
        decoders.append(_by_gdcm)
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        for decoder in decoders:
            try:
                plain, by = decoder(path, frame, Path(folder))
            except NoReference as error:
                words.append(str(error))
                continue
            samples, photometric = _samples(plain, frame if by.startswith(("numpy", "dcmtk", "GDCM")) else 1)
            if (
                before
                and (before[1], before[2]) == (photometric, plain.BitsStored)
                and np.array_equal(before[0], samples)
            ):
                found.append(Reference(found[-1].shown, by))
            else:
                found.append(Reference(_pictured(path, frame, automatic, plain, samples, photometric), by))
            before = samples, photometric, plain.BitsStored
    return found, words


def _pictured(
    path: Path, frame: int, automatic: dict[str, Any] | None, plain: Dataset, samples: Array, photometric: str
) -> Array:
    """What the standard makes of samples; `plain` is the data set that they come from."""
    ds = _flattened(dcmread(path), frame)
    bits = int(plain.BitsStored)
    if photometric in ("MONOCHROME1", "MONOCHROME2"):
        shown = _grey(ds, _own_bits(samples, plain), automatic)
    elif photometric == "PALETTE COLOR":
        shown = _palette(ds, samples)
    else:
        rgb = samples / (2.0 ** max(0, bits - 8))
        shown = np.floor(_from_ybr(rgb) if photometric.startswith("YBR_FULL") else rgb)
    return _covered(ds, samples, shown, frame)


def _kind(ds: Dataset) -> str:
    return str(ds.file_meta.TransferSyntaxUID).removeprefix(_ROOT)


def _is_known_to_gdcm(path: Path) -> bool:
    ds = dcmread(path, stop_before_pixels=True)
    kind = _kind(ds)
    if kind == ".5":  # colour of more than 8 bits in RLE is refused or scrambled by GDCM 3.0.21
        return int(ds.SamplesPerPixel) == 1 or int(ds.BitsAllocated) == 8
    return kind.startswith(".4.") and kind not in (*_HTJ2K, *_JPEG_XL)


def _by_gdcm(path: Path, frame: int, folder: Path) -> tuple[Dataset, str]:
    """By the program of Debian's GDCM, another release than the box's and with its libraries from Debian."""
    need("gdcmconv")
    out = folder / "gdcm.dcm"
    done = subprocess.run(["gdcmconv", "--raw", path, out], capture_output=True, check=False, timeout=120)
    if done.returncode or not out.exists():
        raise NoReference("GDCM cannot read it")
    return dcmread(out), "GDCM"


def _uncompressed(path: Path, frame: int, folder: Path) -> tuple[Dataset, str]:
    """The data set with plain samples, of one frame only where dcmtk is not the decoder."""
    ds = dcmread(path)
    if not {"PixelData", "FloatPixelData", "DoubleFloatPixelData"} & set(ds.dir()):
        raise NoReference("pydicom finds no pixels in it")
    kind = _kind(ds)
    if kind in _JPEG_2000 or kind in _JPEG_XL:
        code = get_frame(ds.PixelData, frame - 1, number_of_frames=int(ds.get("NumberOfFrames") or 1))
        samples = openjpeg.decode(code) if kind in _JPEG_2000 else np.squeeze(imagecodecs.jpegxl_decode(code))
        if str(ds.PhotometricInterpretation) in ("YBR_RCT", "YBR_ICT") or (kind in _JPEG_XL and samples.ndim == 3):
            ds.PhotometricInterpretation = "RGB"
        return _with(ds, samples), "OpenJPEG" if kind in _JPEG_2000 else "libjxl"
    if kind == ".2" and int(ds.get("BitsAllocated") or 0) == 32:  # dcmtk swaps the halves of each value, not all of it
        return _with(ds, np.frombuffer(ds.PixelData, ">u4").astype("<u4"), keep=True), "numpy"
    tool = "dcmdjpls" if kind in _JPEG_LS else "dcmdrle" if kind == ".5" else "dcmdjpeg" if ".4." in kind else "dcmconv"
    need(tool)
    out = folder / "plain.dcm"
    options = ["+te"] if tool == "dcmconv" else []
    done = subprocess.run([tool, *options, str(path), str(out)], capture_output=True, check=False, timeout=120)
    if done.returncode:
        raise NoReference(f"{tool} cannot read it")
    return dcmread(out), f"dcmtk {tool}"


def _with(ds: Dataset, samples: Array, *, keep: bool = False) -> Dataset:
    """The data set with these samples, of one frame unless `keep`."""
    ds.PixelData = np.ascontiguousarray(samples).tobytes()
    if not keep:
        ds.BitsAllocated = 8 * samples.dtype.itemsize
        ds.NumberOfFrames, ds.PlanarConfiguration = 1, 0
    return ds


def _samples(ds: Dataset, frame: int) -> tuple[Array, str]:
    """(rows, columns) or (rows, columns, 3) of integers or real numbers, and their photometric interpretation."""
    rows, columns, each = int(ds.Rows), int(ds.Columns), int(ds.SamplesPerPixel)
    photometric = str(ds.PhotometricInterpretation)
    keyword = next(k for k in ("PixelData", "FloatPixelData", "DoubleFloatPixelData") if k in ds)
    dtype = np.dtype(f"<{'u' if keyword == 'PixelData' else 'f'}{max(1, int(ds.BitsAllocated) // 8)}")
    data = ds[keyword].value
    if ds.BitsAllocated == 1:
        bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
        return bits[(frame - 1) * rows * columns : frame * rows * columns].reshape(rows, columns), photometric
    count = rows * columns * each
    if photometric == "YBR_FULL_422" and len(data) < count * int(ds.get("NumberOfFrames") or 1):
        return _unfold_422(np.frombuffer(data, np.uint8), rows, columns, frame), photometric
    plain = np.frombuffer(data, dtype, count, (frame - 1) * count * dtype.itemsize)
    if each == 1:
        return plain.reshape(rows, columns), photometric
    if int(ds.get("PlanarConfiguration") or 0):
        return np.moveaxis(plain.reshape(each, rows, columns), 0, 2), photometric
    return plain.reshape(rows, columns, each), photometric


def _unfold_422(data: Array, rows: int, columns: int, frame: int) -> Array:
    """Y1 Y2 Cb Cr for two pixels (C.7.6.3.1.2)."""
    count = rows * columns * 2
    groups = data[(frame - 1) * count : frame * count].reshape(rows, columns // 2, 4)
    out = np.empty((rows, columns, 3), np.uint8)
    out[:, 0::2, 0], out[:, 1::2, 0] = groups[..., 0], groups[..., 1]
    out[..., 1], out[..., 2] = np.repeat(groups[..., 2], 2, 1), np.repeat(groups[..., 3], 2, 1)
    return out


def _own_bits(samples: Array, ds: Dataset) -> Array:
    """The value of BitsStored bits that end at HighBit, as a number with its sign."""
    if samples.dtype.kind == "f":
        return samples.astype(np.float64)
    stored, high = int(ds.BitsStored), int(ds.HighBit)
    if samples.dtype.itemsize * 8 < int(ds.BitsStored):
        stored, high = samples.dtype.itemsize * 8, samples.dtype.itemsize * 8 - 1
    value = (samples.astype(np.int64) >> (high - stored + 1)) & ((1 << stored) - 1)
    if int(ds.PixelRepresentation) == 1:
        value = np.where(value >= 1 << (stored - 1), value - (1 << stored), value)
    return value.astype(np.float64)


def _flattened(ds: Dataset, frame: int) -> Dataset:
    """Functional groups' values where a single-frame object has them."""
    shared = (ds.get("SharedFunctionalGroupsSequence") or [])[:1]
    own = (ds.get("PerFrameFunctionalGroupsSequence") or [])[frame - 1 : frame]
    for group in (*shared, *own):
        for name in ("PixelValueTransformationSequence", "FrameVOILUTSequence"):
            for item in group.get(name) or []:
                ds.update({element.tag: element for element in item})
    return ds


def _grey(ds: Dataset, stored: Array, automatic: dict[str, Any] | None) -> Array:
    values = stored
    signed = bool(int(ds.get("PixelRepresentation") or 0))
    if ds.get("ModalityLUTSequence"):
        first, entries, _ = _table(ds, ds.ModalityLUTSequence[0], signed)
        values = entries[np.clip(stored - first, 0, len(entries) - 1).astype(int)]
    elif ds.get("RescaleSlope"):
        values = stored * float(ds.RescaleSlope) + float(ds.get("RescaleIntercept") or 0)
    window = _window(ds)
    if window:
        shown = _windowed(values, *window)
    elif ds.get("VOILUTSequence"):
        first, entries, bits = _table(ds, ds.VOILUTSequence[0], bool((values < 0).any()))
        index = np.floor(values + 0.5) - first
        shown = entries[np.clip(index, 0, len(entries) - 1).astype(int)] / max(2.0**bits - 1, entries.max())
    else:
        assert automatic is not None
        shown = _windowed(values, automatic["center"], automatic["width"], automatic["function"])
    shape = str(ds.get("PresentationLUTShape") or "")
    if ds.PhotometricInterpretation == "MONOCHROME1" or shape == "INVERSE":
        shown = 1.0 - shown
    return np.repeat(255.0 * shown[..., None], 3, 2)


def _window(ds: Dataset) -> tuple[float, float, str] | None:
    def first(keyword: str) -> float | None:
        value = ds.get(keyword)
        value = value[0] if isinstance(value, list) or hasattr(value, "append") else value
        return None if value in (None, "") else float(value)

    center, width = first("WindowCenter"), first("WindowWidth")
    function = str(ds.get("VOILUTFunction") or "LINEAR")
    if center is None or width is None or width <= 0 or (function == "LINEAR" and width < 1):
        return None
    return center, width, function


def _windowed(values: Array, center: float, width: float, function: str) -> Array:
    if function == "SIGMOID":
        return np.asarray(1 / (1 + np.exp(-4 * (values - center) / width)))
    if function == "LINEAR_EXACT":
        return np.clip((values - center) / width + 0.5, 0, 1)
    if width == 1:
        return (values > center - 0.5).astype(float)
    return np.clip((values - (center - 0.5)) / (width - 1) + 0.5, 0, 1)


def _table(ds: Dataset, item: Dataset, signed: bool) -> tuple[int, Array, int]:
    count, first, bits = (int(v) for v in item.LUTDescriptor)
    count, first = count % 65536 or 65536, first % 65536
    data = item["LUTData"].value
    entries = np.frombuffer(data, "<u2") if isinstance(data, bytes) else np.asarray(data, np.int64) & 0xFFFF
    if isinstance(data, bytes) and bits <= 8 and len(data) < 2 * count:
        entries = np.frombuffer(data, np.uint8)
    return first - 65536 if signed and first >= 32768 else first, entries[:count].astype(float), bits


def _palette(ds: Dataset, samples: Array) -> Array:
    shown = np.empty((*samples.shape, 3))
    for number, name in enumerate(("Red", "Green", "Blue")):
        count, first, bits = (int(v) for v in ds[f"{name}PaletteColorLookupTableDescriptor"].value)
        count = count or 65536
        if f"Segmented{name}PaletteColorLookupTableData" in ds:
            entries = _unfolded(ds[f"Segmented{name}PaletteColorLookupTableData"].value)[:count]
        else:
            data = ds[f"{name}PaletteColorLookupTableData"].value
            entries = np.frombuffer(data, "<u2" if len(data) >= 2 * count else np.uint8)[:count].astype(float)
        if bits == 16 and entries.max() > 255:
            entries = np.floor(entries / 256)
        shown[..., number] = entries[np.clip(samples.astype(int) - first, 0, count - 1)]
    return shown


def _unfolded(data: bytes) -> Array:
    """A segmented palette of 16-bit words (C.7.9.2): opcode 0 gives entries, 1 a straight line, 2 repeats segments."""
    words = np.frombuffer(data, "<u2").astype(int)

    def play(at: int, segments: int, entries: list[float]) -> None:
        while segments and at < len(words):
            opcode, length = words[at], words[at + 1]
            if opcode == 0:
                entries.extend(words[at + 2 : at + 2 + length])
                at += 2 + length
            elif opcode == 1:
                entries.extend(np.rint(np.linspace(entries[-1], words[at + 2], length + 1))[1:])
                at += 3
            else:
                play((words[at + 2] + (words[at + 3] << 16)) // 2, length, entries)
                at += 4
            segments -= 1

    found: list[float] = []
    play(0, len(words), found)
    return np.array(found, float)


def _from_ybr(ybr: Array) -> Array:
    """C.7.6.3.1.2, inverted."""
    y, cb, cr = (ybr[..., n].astype(float) for n in range(3))
    cb, cr = cb - 128, cr - 128
    rgb = np.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], -1)
    return np.clip(np.floor(rgb + 0.5), 0, 255)


def _covered(ds: Dataset, samples: Array, shown: Array, frame: int) -> Array:
    """Padding is black, shutters as they say, overlays in the viewer's colour."""
    shown = shown.copy()
    rows, columns = shown.shape[:2]
    if "PixelPaddingValue" in ds and samples.ndim == 2:
        bits = 8 * samples.dtype.itemsize
        ends = [int(ds.PixelPaddingValue), int(ds.get("PixelPaddingRangeLimit") or ds.PixelPaddingValue)]
        held = np.array([end % (1 << bits) for end in ends], samples.dtype)
        low, high = sorted(_own_bits(held, ds))
        values = _own_bits(samples, ds)
        shown[(values >= low) & (values <= high)] = 0
    row, column = np.mgrid[1 : rows + 1, 1 : columns + 1]
    closed = np.zeros((rows, columns), bool)
    shapes = ds.get("ShutterShape") or []
    if "RECTANGULAR" in shapes:
        closed |= (row < ds.ShutterUpperHorizontalEdge) | (row > ds.ShutterLowerHorizontalEdge)
        closed |= (column < ds.ShutterLeftVerticalEdge) | (column > ds.ShutterRightVerticalEdge)
    if "CIRCULAR" in shapes:
        middle = ds.CenterOfCircularShutter
        closed |= np.hypot(row - middle[0], column - middle[1]) > float(ds.RadiusOfCircularShutter)
    shown[closed] = 255.0 * int(ds.get("ShutterPresentationValue") or 0) / 65535
    for group in range(0x6000, 0x6020, 2):
        if (group, 0x0010) in ds:
            shown[_overlay(ds, samples, group, frame)] = OVERLAY_COLOUR
    return shown


def _overlay(ds: Dataset, samples: Array, group: int, frame: int) -> Array:
    plane = np.zeros((int(ds.Rows), int(ds.Columns)), bool)
    if (group, 0x3000) not in ds:
        position = int(ds[group, 0x0102].value)
        if int(ds[group, 0x0100].value) > 1 and position > int(ds.HighBit):
            plane = (samples.astype(np.int64) >> position & 1).astype(bool)
        return plane
    rows, columns = int(ds[group, 0x0010].value), int(ds[group, 0x0011].value)
    frames = int(ds[group, 0x0015].value) if (group, 0x0015) in ds else 1
    top, left = (int(v) - 1 for v in (ds[group, 0x0050].value if (group, 0x0050) in ds else (1, 1)))
    bits = np.unpackbits(np.frombuffer(ds[group, 0x3000].value, np.uint8), bitorder="little").astype(bool)
    at = (frame - 1) * rows * columns if frames > 1 else 0
    for row in range(rows):
        for column in np.flatnonzero(bits[at + row * columns : at + (row + 1) * columns]):
            if 0 <= row + top < plane.shape[0] and 0 <= column + left < plane.shape[1]:
                plane[row + top, column + left] = True
    return plane
