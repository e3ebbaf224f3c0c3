"""Single frames and bulk data, as they are coded or as plain little-endian samples (PS3.18 10.4.1.1.6, 8.7.3)."""

import warnings
from collections.abc import Iterator, Sequence

import numpy as np
from flask import Response
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from appliance.archive.catalogue import Instance
from appliance.dicom.transfer_syntaxes import SENDABLE
from appliance.dicomweb.accept import ANY_SYNTAX, NotAcceptable, Wanted
from appliance.dicomweb.wado import multipart, part_of
from appliance.errors import BadInput, BuckyError, CannotDisplay, NotFound
from appliance.imaging.codecs import pixel_options
from appliance.imaging.decode import check_frame, decode_raw, frame_bytes
from appliance.imaging.source import PixelSource, number_of_frames, open_pixels
from appliance.imaging.transcode import as_stored

OCTETS = "application/octet-stream"
_LITTLE_ENDIAN = frozenset({ExplicitVRLittleEndian, ImplicitVRLittleEndian})
# PS3.18 table 8.7.3-2 to 8.7.3-5: the media type of a coded frame, by the end of its transfer syntax
_MEDIA_TYPES = {
    **dict.fromkeys(("4.50", "4.51", "4.53", "4.55", "4.57", "4.70"), "image/jpeg"),
    **dict.fromkeys(("4.80", "4.81"), "image/jls"),
    **dict.fromkeys(("4.90", "4.91"), "image/jp2"),
    **dict.fromkeys(("4.92", "4.93"), "image/jpx"),
    **dict.fromkeys(("4.201", "4.202", "4.203"), "image/jphc"),
    **dict.fromkeys(("4.110", "4.111", "4.112"), "image/jxl"),
    "5": "image/dicom-rle",
}


def media_type_of(transfer_syntax_uid: str) -> str:
    """The media type of one frame as it is coded."""
    return _MEDIA_TYPES.get(transfer_syntax_uid.removeprefix("1.2.840.10008.1.2."), OCTETS)


def frame_numbers(text: str) -> list[int]:
    """A list like '1,3,4', counted from 1; raises BadInput."""
    numbers = text.split(",")
    if not all(n.isascii() and n.isdecimal() and 0 < len(n) < 8 and int(n) for n in numbers):
        raise BadInput(field="Frames", reason="whole numbers from 1, with commas between")
    return [int(n) for n in numbers]


def all_frames(instance: Instance) -> list[int]:
    """The numbers of all frames of an instance."""
    return list(range(1, (instance.number_of_frames or 1) + 1))


def answer(instance: Instance, numbers: Sequence[int], ranges: Sequence[Wanted]) -> Response:
    """Frames by the best range; raises NotAcceptable, NotFound for one that is not there."""
    stored = instance.transfer_syntax_uid
    for each in ranges:
        form = _form(each, stored)
        if form is None or not (each.multipart or each.is_anything or len(numbers) == 1):
            continue
        media_type, coded = form
        syntax = stored if coded and stored not in SENDABLE else str(ExplicitVRLittleEndian)
        kind = f"{media_type}; transfer-syntax={syntax}"
        frames = _frames(instance, numbers, coded=coded)
        first = next(frames)  # what cannot be given is refused before anything is sent
        if not each.multipart and not each.is_anything:
            return Response(first, content_type=kind)
        return multipart((part_of(kind, frame) for frame in _after(first, frames)), media_type)
    raise NotAcceptable


def decoded(instance: Instance) -> Iterator[bytes]:
    """All frames as plain samples; one that cannot be decoded ends them."""
    try:
        yield from _frames(instance, all_frames(instance), coded=False)
    except BuckyError:
        return


def _form(each: Wanted, stored: str) -> tuple[str, bool] | None:
    """Media type, and whether the frames stay as they are coded; None if the range takes neither."""
    as_coded = media_type_of(stored)
    if each.media_type in (OCTETS, "*/*", "application/*"):
        if each.transfer_syntax in (ANY_SYNTAX, stored):
            return OCTETS, True
        return (OCTETS, False) if each.transfer_syntax in ("", *SENDABLE) else None
    if each.takes(as_coded) and each.transfer_syntax in ("", ANY_SYNTAX, stored):
        return as_coded, True
    return None


def _after(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _frames(instance: Instance, numbers: Sequence[int], *, coded: bool) -> Iterator[bytes]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with open_pixels(instance.path) as source:
            if max(numbers) > number_of_frames(source.header):
                raise NotFound(what="frame")
            for number in numbers:
                yield _frame(source, number, coded=coded)


def _frame(source: PixelSource, number: int, *, coded: bool) -> bytes:
    """One frame, counted from 1; raises CannotDisplay."""
    try:
        if coded and source.length is None:
            return source.encapsulated_frame(number - 1)
        check_frame(source, number)
        if source.length is not None and source.header.file_meta.TransferSyntaxUID in _LITTLE_ENDIAN:
            return _as_it_stands(source, number)
        return as_stored(decode_raw(source, number - 1), source)
    except BuckyError:
        raise
    except Exception as error:  # hostile pixels raise anything from a codec
        raise CannotDisplay(reason="its pixel data are damaged or in a form this box does not know") from error


def _as_it_stands(source: PixelSource, number: int) -> bytes:
    """The bytes of an uncompressed frame; one-bit frames, which may start within a byte, are packed anew."""
    size = frame_bytes(source)
    if pixel_options(source.header)["bits_allocated"] == 1:
        return np.packbits(decode_raw(source, number - 1).pixels, axis=None, bitorder="little").tobytes()
    source.file.seek(source.offset + (number - 1) * int(size))
    return source.file.read(int(size))
