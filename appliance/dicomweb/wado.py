"""WADO-RS: stored files as they are, and their metadata (PS3.18 10.4)."""

import secrets
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from pydicom import dcmread

from appliance.archive.catalogue import Instance

_CHUNK_BYTES = 1 << 18
_BULK_BYTES = 4096


def multipart(instances: Sequence[Instance]) -> tuple[str, Iterator[bytes]]:
    """Content type and body of a multipart/related answer; each file is read in portions."""
    boundary = secrets.token_hex(16)
    return f'multipart/related; type="application/dicom"; boundary={boundary}', _parts(instances, boundary)


def _parts(instances: Sequence[Instance], boundary: str) -> Iterator[bytes]:
    for number, instance in enumerate(instances):
        lead = "\r\n" if number else ""
        yield (
            f"{lead}--{boundary}\r\nContent-Type: application/dicom; "
            f"transfer-syntax={instance.transfer_syntax_uid}\r\n\r\n"
        ).encode()
        yield from file_chunks(instance)
    yield f"\r\n--{boundary}--\r\n".encode()


def file_chunks(instance: Instance) -> Iterator[bytes]:
    """The stored file in portions."""
    with instance.path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def metadata(instance: Instance, instance_url: str) -> dict[str, Any]:
    """The data set as DICOM JSON; bulk data by URL, elements that cannot be encoded left out (PS3.18 F.2)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = dcmread(instance.path, defer_size=_BULK_BYTES, stop_before_pixels=True)
        document: dict[str, Any] = {}
        for tag in list(ds.keys()):
            try:
                document[f"{tag:08X}"] = ds[tag].to_json_dict(lambda _element: f"{instance_url}/bulk", _BULK_BYTES)
            except Exception:  # noqa: S112 - one element that breaks must not hide the others
                continue
    if instance.is_image:
        document["7FE00010"] = {"vr": "OW", "BulkDataURI": f"{instance_url}/frames/1"}
    return document
