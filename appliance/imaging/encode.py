"""Writes a lossless copy of a stored file in a compressed transfer syntax; a process of its own, for codecs crash.

    python -m appliance.imaging.encode SOURCE TARGET --to UID

The copy is decoded again and compared bit by bit, and every other element with the original's, before the exit status
says 0. The source is only read. Exit status 1: it cannot be done.
"""

import argparse
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from pydicom import dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from appliance.dicom.rewrite import read_whole, write_part10
from appliance.dicom.transfer_syntaxes import SENDABLE
from appliance.errors import CannotDisplay
from appliance.imaging.codecs import Pixels, pixel_options
from appliance.imaging.decode import check_frame, decode_raw
from appliance.imaging.source import PixelSource, number_of_frames, open_pixels

JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
HTJ2K = "1.2.840.10008.1.2.4.201"
_MAX_BYTES = 512 * 2**20  # of uncompressed pixels; larger objects go as they are
_PIXEL_DATA = 0x7FE00010
_PIXELS_IN_COLOUR = 3

Encoder = Callable[[Pixels, int], bytes]


def _jpeg_ls(pixels: Pixels, bits: int) -> bytes:
    return bytes(imagecodecs.jpegls_encode(pixels))


def _jpeg_2000(pixels: Pixels, bits: int) -> bytes:
    return bytes(
        imagecodecs.jpeg2k_encode(pixels, level=0, reversible=True, codecformat="j2k", bitspersample=bits, mct=False)
    )


def _htj2k(pixels: Pixels, bits: int) -> bytes:
    return bytes(imagecodecs.htj2k_encode(pixels, reversible=True))


ENCODERS: Mapping[str, Encoder] = {JPEG_LS: _jpeg_ls, JPEG_2000: _jpeg_2000, HTJ2K: _htj2k}


def encode(source: Path, target: Path, transfer_syntax_uid: str) -> None:
    """Write and check `target`; raises CannotDisplay, or what a codec raises."""
    ds = read_whole(source)
    if str(ds.file_meta.TransferSyntaxUID) not in SENDABLE or "PixelData" not in ds:
        raise CannotDisplay(reason="it has no uncompressed pixels")
    with open_pixels(source) as pixels:
        _check_form(pixels)
        frames = [_encoded(pixels, index, transfer_syntax_uid) for index in range(number_of_frames(pixels.header))]
    element = DataElement(_PIXEL_DATA, "OB", encapsulate(frames, has_bot=True))
    element.is_undefined_length = True
    ds[_PIXEL_DATA] = element
    if ds.get("SamplesPerPixel", 1) == _PIXELS_IN_COLOUR:
        ds.PlanarConfiguration = 0  # PS3.5 8.2.3, 8.2.4: as the codecs interleave
    write_part10(ds, target, transfer_syntax_uid)
    _compare(source, target)


def _check_form(source: PixelSource) -> None:
    """Only what the codecs hold without a doubt: 8 or 16 bits, unsigned or in the full width, one or three samples."""
    facts = pixel_options(source.header)
    grey = facts["samples_per_pixel"] == 1 and facts["photometric_interpretation"] in ("MONOCHROME1", "MONOCHROME2")
    colour = facts["samples_per_pixel"] == _PIXELS_IN_COLOUR and facts["photometric_interpretation"] == "RGB"
    if facts["bits_allocated"] not in (8, 16) or not (grey or colour) or facts["pixel_representation"]:
        raise CannotDisplay(reason="its pixels are of a form that is sent as it is")
    if source.native_bytes() > _MAX_BYTES:
        raise CannotDisplay(reason="it is too big to be encoded here")


def _encoded(source: PixelSource, index: int, transfer_syntax_uid: str) -> bytes:
    check_frame(source, index + 1)
    pixels = np.ascontiguousarray(decode_raw(source, index).pixels)
    bits = pixel_options(source.header)["bits_stored"]
    if int(pixels.max()) >> bits:
        raise CannotDisplay(reason="it keeps something else in the bits above its samples")
    return ENCODERS[transfer_syntax_uid](pixels, bits)


def _compare(source: Path, target: Path) -> None:
    """Raise CannotDisplay unless both hold the same samples and say the same; offset tables aside."""
    with open_pixels(source) as before, open_pixels(target) as after:
        count = number_of_frames(before.header)
        if count != number_of_frames(after.header):
            raise CannotDisplay(reason="the copy has another number of frames")
        for index in range(count):
            check_frame(after, index + 1)
            if not _same(decode_raw(before, index).pixels, decode_raw(after, index).pixels):
                raise CannotDisplay(reason="the copy is not the same bit by bit")
    ours, theirs = _header(source), _header(target)
    if ours != theirs:
        raise CannotDisplay(reason="the copy's header is not the same")


def _same(before: Pixels, after: Pixels) -> bool:
    return before.shape == after.shape and bool((before.astype(np.int64) == after.astype(np.int64)).all())


def _header(path: Path) -> dict[int, Any]:
    ds: Dataset = dcmread(path, stop_before_pixels=True)
    return {int(e.tag): e.value for e in ds if e.tag.element and e.keyword != "PlanarConfiguration"}


def main(arguments: list[str]) -> int:
    """Run as a command; the reason of a failure goes to nobody, since it could quote a value."""
    parser = argparse.ArgumentParser(prog="encode", description="Write a lossless compressed copy of a DICOM file.")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--to", choices=sorted(ENCODERS), required=True)
    said = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    try:
        encode(said.source, said.target, said.to)
    except Exception as error:  # an edge: hostile bytes raise anything
        print(type(error).__name__, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
