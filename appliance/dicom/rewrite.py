"""A data set written anew in Explicit or Implicit VR Little Endian, values untouched."""

from pathlib import Path
from typing import BinaryIO, cast

from pydicom import dcmread
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomIO
from pydicom.filewriter import write_data_element, write_dataset, write_file_meta_info
from pydicom.sequence import Sequence
from pydicom.uid import UID, ImplicitVRLittleEndian

from appliance.errors import NotDicom

_UNDEFINED = b"\xff\xff\xff\xff"
_ITEM, _ITEM_END, _SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0", b"\xfe\xff\xdd\xe0"
_NO_LENGTH = b"\x00\x00\x00\x00"


def rewrite(source: Path, target: Path, transfer_syntax_uid: str) -> None:
    """Write an uncompressed little-endian file in the other such syntax; raises what a damaged file makes happen."""
    write_part10(read_whole(source), target, transfer_syntax_uid)


def read_whole(path: Path, *, defer_size: int | None = None) -> Dataset:
    """A stored file's data set, values above `defer_size` bytes when they are asked for; raises NotDicom."""
    ds = dcmread(path, defer_size=defer_size)
    if len(ds) == 0:  # what pydicom makes of one that ends within a value of undefined length
        raise NotDicom(reason="its data set is cut short")
    return ds


def write_part10(ds: Dataset, target: Path, transfer_syntax_uid: str) -> None:
    """Write a data set that was read from a file, with a file meta information of its own."""
    old = ds.file_meta
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = UID(ds.get("SOPClassUID") or old.MediaStorageSOPClassUID)
    meta.MediaStorageSOPInstanceUID = UID(ds.get("SOPInstanceUID") or old.MediaStorageSOPInstanceUID)
    meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    if "ImplementationClassUID" in old:
        meta.ImplementationClassUID = old.ImplementationClassUID
    with target.open("wb") as file:
        out = DicomIO(file)
        file.write(b"\x00" * 128 + b"DICM")
        write_file_meta_info(out, meta, enforce_standard=False)
        out.is_little_endian, out.is_implicit_VR = True, meta.TransferSyntaxUID == ImplicitVRLittleEndian
        if out.is_implicit_VR and ds.original_encoding[1]:
            _write_implicit(ds, file, out)
        else:
            write_dataset(out, ds)


def _write_implicit(ds: Dataset, file: BinaryIO, out: DicomIO) -> None:
    """Drop the VRs and keep the bytes of every value, even of those that nobody can parse (PS3.5 7.1.3)."""
    for tag in sorted(ds.keys()):
        if tag.element == 0:  # group lengths are retired and would be wrong now
            continue
        element = ds.get_item(tag)
        if element.VR == "SQ":
            file.write(_tag(tag) + _UNDEFINED)
            for item in cast(Sequence, ds[tag].value or []):
                file.write(_ITEM + _UNDEFINED)
                _write_implicit(item, file, out)
                file.write(_ITEM_END + _NO_LENGTH)
            file.write(_SEQUENCE_END + _NO_LENGTH)
        elif isinstance(element, RawDataElement) and element.length != 0xFFFFFFFF:
            value = cast(bytes, element.value or b"")
            file.write(_tag(tag) + len(value).to_bytes(4, "little"))
            file.write(value)
        else:
            encodings = cast("str | list[str]", ds.original_character_set or "iso8859")
            write_data_element(out, element, encodings)


def _tag(tag: int) -> bytes:
    return (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little")
