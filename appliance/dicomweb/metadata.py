"""Data sets as DICOM JSON, bulk data by address (PS3.18 F.2), and the way back from such an address."""

import math
import struct
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from appliance.archive.catalogue import Instance
from appliance.errors import NotFound

BULK_BYTES = 4096
Document = dict[str, Any]
Path_ = tuple[str, ...]
_PIXELS = "7FE00010"
UNREADABLE = (ArithmeticError, AttributeError, EOFError, LookupError, RuntimeError, TypeError, ValueError, struct.error)
"""What pydicom raises for a value that breaks the rules of its VR; a file that cannot be read is another matter."""
_BULK_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})


def header_of(path: Path) -> Dataset:
    """A stored file's data set without its pixels; long values stay on the disk until they are asked for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dcmread(path, defer_size=BULK_BYTES, stop_before_pixels=True)


def metadata(instance: Instance, instance_url: str, left_out: list[str]) -> Document:
    """The data set of an instance; what cannot be encoded is missing, and why is added to `left_out`."""
    document = as_json(header_of(instance.path), f"{instance_url}/bulkdata", left_out)
    if "00080005" in document:
        document["00080005"] = {"vr": "CS", "Value": ["ISO_IR 192"]}  # JSON is UTF-8, PS3.18 F.2
    document["00083002"] = {"vr": "UI", "Value": [instance.transfer_syntax_uid]}
    if instance.is_image:
        document[_PIXELS] = {"vr": "OW", "BulkDataURI": f"{instance_url}/bulkdata/{_PIXELS}"}
    return document


def as_json(ds: Dataset, bulk_url: str, left_out: list[str]) -> Document:
    """A data set, or an item of a sequence, whose long values are found below `bulk_url`.

    One element that breaks does not hide the others: the name of its error is added to `left_out`.
    """
    document: Document = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for tag in sorted(ds.keys()):
            try:
                document[f"{tag:08X}"] = _element(ds, tag, f"{bulk_url}/{tag:08X}", left_out)
            except UNREADABLE as error:
                left_out.append(type(error).__name__)
    return document


def _element(ds: Dataset, tag: int, url: str, left_out: list[str]) -> Document:
    element = ds[tag]
    if element.VR == "SQ":
        items = [as_json(item, f"{url}/{number}", left_out) for number, item in enumerate(element.value)]
        return {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}
    found: Document = element.to_json_dict(lambda _element: url, BULK_BYTES)
    if "Value" in found:
        found["Value"] = [_finite(value) for value in found["Value"]]
    return found


def _finite(value: Any) -> Any:
    """JSON has no word for NaN and infinity; they become text (PS3.18 F.2.3)."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def bulk_value(path: Path, address: str) -> bytes:
    """The value at an address that `metadata` gave, '54000100/0/54001010' for example; raises NotFound."""
    ds: Any = header_of(path)
    try:
        *above, last = address.split("/")
        for tag, number in zip(above[::2], above[1::2], strict=True):
            ds = ds[Tag(int(tag, 16))].value[int(number)]
        element = ds[Tag(int(last, 16))]
        value = element.value
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError):
        raise NotFound(what="bulk data") from None
    if element.VR not in _BULK_VRS or not isinstance(value, bytes):
        raise NotFound(what="bulk data")
    return value


def bulk_addresses(ds: Dataset, left_out: list[str], above: str = "") -> Iterator[str]:
    """Where the long values of a data set are; of what cannot be read the error's name is added to `left_out`."""
    for tag in sorted(ds.keys()):
        try:
            element = ds[tag]
        except UNREADABLE as error:
            left_out.append(type(error).__name__)
            continue
        if element.VR == "SQ":
            for number, item in enumerate(element.value):
                yield from bulk_addresses(item, left_out, f"{above}{tag:08X}/{number}/")
        elif element.VR in _BULK_VRS and isinstance(element.value, bytes) and len(element.value) > BULK_BYTES:
            yield f"{above}{tag:08X}"


def pick(document: Mapping[str, Any], paths: Iterable[Path_]) -> Document:
    """The parts of a document at some paths of tags; items of a sequence keep only what was asked for."""
    below: dict[str, list[Path_]] = {}
    for first, *rest in paths:
        below.setdefault(first, []).append(tuple(rest))
    picked: Document = {}
    for tag, rests in below.items():
        if tag not in document:
            continue
        element = document[tag]
        inner = [rest for rest in rests if rest]
        if len(inner) < len(rests) or element["vr"] != "SQ":
            picked[tag] = element
        else:
            picked[tag] = {"vr": "SQ", "Value": [pick(item, inner) for item in element.get("Value", [])]}
    return picked
