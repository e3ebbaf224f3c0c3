"""Writes a stored file anew: uncompressed, for receivers that take nothing else, and by the rules of its unit.

    python -m appliance.imaging.transcode SOURCE TARGET --to UID [--max-bytes N] [--rules JSON]
    python -m appliance.imaging.transcode --serve

A process of its own, for codecs crash. With `--serve` it takes one file after the other, a JSON object a line with the
same names, answers `done` or `failed`, and ends when it is idle. Lossless frames come out bit by bit as they were
coded. The source is only read. Exit status 1: it cannot be done.
"""

import argparse
import json
import os
import selectors
import sys
import tempfile
import warnings
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian

from appliance.dicom.repair import Rules, note_originals, repair
from appliance.dicom.rewrite import read_whole, write_part10
from appliance.dicom.transfer_syntaxes import SENDABLE
from appliance.errors import CannotDisplay
from appliance.imaging.codecs import Samples, pixel_options
from appliance.imaging.decode import check_frame, decode_raw, is_lossy, own_bits
from appliance.imaging.source import PixelSource, number_of_frames, open_pixels
from appliance.imaging.turning import turn_overlays, turned

_DEFER_BYTES = 1 << 20
_MAX_VALUE_BYTES = 0xFFFFFFFE  # PS3.5 7.1.1: a value of defined length
_IDLE_S = 30.0
_SYSTEM = "BUCKY"
_AS_IT_IS = Rules()
_OFFSET_TABLES = ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")  # only for encapsulated pixel data


def transcode(
    source: Path,
    target: Path,
    transfer_syntax_uid: str,
    *,
    max_bytes: int = _MAX_VALUE_BYTES,
    rules: Rules = _AS_IT_IS,
) -> None:
    """Write `target` in Explicit or Implicit VR Little Endian, or in its own transfer syntax where pixels stay.

    Raises CannotDisplay, or what a codec raises.
    """
    ds = read_whole(source, defer_size=_DEFER_BYTES)
    turn = _repair(ds, rules)
    syntax = str(ds.file_meta.TransferSyntaxUID)
    if not turn.turns and (syntax in SENDABLE or syntax == transfer_syntax_uid):  # nothing to decode
        write_part10(ds, target, transfer_syntax_uid)
        return
    with tempfile.TemporaryFile(dir=target.parent) as frames:
        if "PixelData" in ds or "Rows" in ds:  # a picture whose pixels cannot be found is not sent without them
            with open_pixels(source) as pixels:
                photometric = _write_frames(pixels, frames, max_bytes, turn)
            _describe(ds, photometric)
            frames.seek(0)
            vr = "OB" if ds.BitsAllocated <= 8 else "OW"
            ds[0x7FE00010] = DataElement(0x7FE00010, vr, cast(BufferedReader, frames))
        _drop_compressed_icon(ds)
        if ds.file_meta.TransferSyntaxUID == ExplicitVRBigEndian:
            _swap_words(ds)
        write_part10(ds, target, transfer_syntax_uid)


def _repair(ds: Dataset, rules: Rules) -> Rules:
    """Put the header right; returns what is still to be done to the pixels."""
    if not rules:
        return _AS_IT_IS
    changes = repair(ds, rules, sop_instance_uid=str(ds.file_meta.get("MediaStorageSOPInstanceUID") or ""))
    if changes:
        note_originals(ds, changes, system=_SYSTEM)
    if not any(change.code == "orientation" for change in changes):
        return _AS_IT_IS
    turn_overlays(ds, rules)
    return rules


def _write_frames(source: PixelSource, frames: BinaryIO, max_bytes: int, turn: Rules) -> str:
    """All frames, one after the other, padded to an even length; returns their photometric interpretation."""
    photometric = ""
    for index in range(number_of_frames(source.header)):
        check_frame(source, index + 1)
        samples = decode_raw(source, index)
        content = as_stored(samples, source, turn)
        if frames.tell() + len(content) > min(max_bytes, _MAX_VALUE_BYTES):
            raise CannotDisplay(reason="it is too big to be sent uncompressed")
        frames.write(content)
        photometric = samples.photometric_interpretation
    frames.write(b"\x00" * (frames.tell() % 2))
    return photometric


def as_stored(samples: Samples, source: PixelSource, turn: Rules = _AS_IT_IS) -> bytes:
    """The samples, pixel by pixel, little-endian, in as many bits as the header allocates."""
    options = pixel_options(source.header)
    allocated, signed = options["bits_allocated"], options["pixel_representation"] == 1
    pixels = samples.pixels
    if allocated % 8 or pixels.dtype.kind not in "iu" or pixels.dtype.itemsize * 8 > allocated:
        raise CannotDisplay(reason="its pixels have another depth than its header says")
    if pixels.size != options["rows"] * options["columns"] * options["samples_per_pixel"]:
        raise CannotDisplay(reason="its pixel data have another size than its header says")
    if is_lossy(source.header):
        pixels = own_bits(pixels, source.header)
    here = turned(pixels, turn).astype(pixels.dtype.newbyteorder("="), copy=False)
    own = np.ascontiguousarray(here).view(f"{'i' if signed else 'u'}{here.dtype.itemsize}")
    return own.astype(f"<{'i' if signed else 'u'}{allocated // 8}").tobytes()


def _describe(ds: Dataset, photometric_interpretation: str) -> None:
    """What the header says of the pixels, as they are now (PS3.3 C.7.6.3)."""
    if is_lossy(ds):
        ds.LossyImageCompression = "01"  # PS3.3 C.7.6.1.1.5: once lossy, always lossy
    if photometric_interpretation != ds.get("PhotometricInterpretation"):
        ds.PhotometricInterpretation = photometric_interpretation
    if ds.get("SamplesPerPixel", 1) > 1:
        ds.PlanarConfiguration = 0
    for keyword in _OFFSET_TABLES:
        ds.pop(keyword, None)


def _drop_compressed_icon(ds: Dataset) -> None:
    """An icon may be compressed as well, which an uncompressed transfer syntax cannot hold; it is only decoration."""
    for icon in ds.get("IconImageSequence") or []:
        if "PixelData" in icon and icon["PixelData"].is_undefined_length:
            del ds.IconImageSequence
            return


def _swap_words(ds: Dataset) -> None:
    """Words of other elements than the pixels change their byte order too (PS3.5 7.3)."""
    for element in ds.iterall():
        if element.VR == "OW" and isinstance(element.value, bytes):
            element.value = np.frombuffer(element.value, ">u2").astype("<u2").tobytes()


def _attempt(source: str, target: str, to: str, max_bytes: int, rules: str) -> bool:
    """Whether it could be done; the reason of a failure goes to nobody, since it could quote a value."""
    try:
        transcode(Path(source), Path(target), to, max_bytes=max_bytes, rules=Rules.from_json(rules))
    except Exception as error:  # an edge: hostile bytes raise anything
        print(type(error).__name__, file=sys.stderr)
        return False
    return True


def serve() -> None:
    """Take one file after the other from standard input, until it ends or nothing comes for a while."""
    with selectors.DefaultSelector() as selector:
        selector.register(0, selectors.EVENT_READ)
        waiting = b""
        while selector.select(_IDLE_S):
            portion = os.read(0, 1 << 16)
            if not portion:
                return
            waiting += portion
            while b"\n" in waiting:
                line, _, waiting = waiting.partition(b"\n")
                sys.stdout.write("done\n" if _attempt(**json.loads(line)) else "failed\n")
                sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Run as a command."""
    parser = argparse.ArgumentParser(prog="transcode", description="Write a DICOM file anew.")
    parser.add_argument("source", nargs="?")
    parser.add_argument("target", nargs="?")
    parser.add_argument("--to")
    parser.add_argument("--max-bytes", type=int, default=_MAX_VALUE_BYTES)
    parser.add_argument("--rules", default="{}")
    parser.add_argument("--serve", action="store_true")
    said = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    if said.serve:
        serve()
        return 0
    if not (said.source and said.target and said.to):
        parser.error("SOURCE, TARGET and --to are needed")
    return 0 if _attempt(said.source, said.target, said.to, said.max_bytes, said.rules) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
