"""STOW-RS of metadata in JSON with bulk data beside it (PS3.18 10.5.2, 8.7.3.2)."""

import io
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import IO, Any, BinaryIO

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRLittleEndian

from appliance.dicomweb.multipart import PartReader, Sink, boundary_of
from appliance.dicomweb.stow import PartKeeper
from appliance.errors import BadInput, NotDicom

MAX_METADATA_BYTES = 16 * 2**20
MAX_BULK_BYTES = 512 * 2**20
_IN_MEMORY_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 18
_PIXELS = Tag("PixelData")
# PS3.18 table 8.7.3-2: the transfer syntax of coded pixels whose part names none
_SYNTAXES = {
    "image/jpeg": "1.2.840.10008.1.2.4.50",
    "image/jls": "1.2.840.10008.1.2.4.80",
    "image/jp2": "1.2.840.10008.1.2.4.90",
    "image/jphc": "1.2.840.10008.1.2.4.201",
    "image/dicom-rle": "1.2.840.10008.1.2.5",
}


@dataclass
class _Bulk:
    content_type: str
    location: str
    file: IO[bytes]

    def read(self) -> bytes:
        self.file.seek(0)
        return self.file.read()

    @property
    def transfer_syntax_uid(self) -> str:
        message = Message()
        message["Content-Type"] = self.content_type
        said = message.get_param("transfer-syntax")
        return str(said) if said else _SYNTAXES.get(message.get_content_type(), str(ExplicitVRLittleEndian))


@dataclass
class _Parts:
    """The parts of a request as they come: metadata in memory, bulk data on the disk when it is long."""

    metadata: io.BytesIO | None = None
    bulk: list[_Bulk] = field(default_factory=list)
    size_bytes: int = 0

    def open(self, headers: Mapping[str, str]) -> Sink:
        if self.metadata is None:
            self.metadata = io.BytesIO()
            return _Bounded(self, self.metadata, MAX_METADATA_BYTES)
        file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - closed with the request
        self.bulk.append(_Bulk(headers.get("content-type", ""), headers.get("content-location", ""), file))
        return _Bounded(self, file, MAX_BULK_BYTES)

    def close(self) -> None:
        for part in self.bulk:
            part.file.close()


@dataclass
class _Bounded:
    parts: _Parts
    file: IO[bytes]
    most_bytes: int

    def write(self, chunk: bytes) -> int:
        self.parts.size_bytes += len(chunk)
        if self.parts.size_bytes > self.most_bytes:
            raise BadInput(field="Body", reason=f"more than {self.most_bytes} bytes; send DICOM files instead")
        return self.file.write(chunk)


def receive(stream: BinaryIO, content_type: str, keeper: PartKeeper) -> int:
    """Read a request and keep its instances; returns how many it had. Raises BadInput."""
    parts = _Parts()
    reader = PartReader(boundary_of(content_type), parts.open, lambda: None)
    try:
        while chunk := stream.read(_CHUNK_BYTES):
            reader.feed(chunk)
        reader.finish()
        documents = _documents(parts)
        for document in documents:
            _keep(document, parts, keeper)
        return len(documents)
    finally:
        parts.close()


def _documents(parts: _Parts) -> list[dict[str, Any]]:
    try:
        documents = json.loads(parts.metadata.getvalue()) if parts.metadata else []
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise BadInput(field="Body", reason="its first part is not JSON") from None
    documents = documents if isinstance(documents, list) else [documents]
    if not all(isinstance(document, dict) for document in documents):
        raise BadInput(field="Body", reason="its first part is not DICOM JSON")
    return documents


def _keep(document: dict[str, Any], parts: _Parts, keeper: PartKeeper) -> None:
    try:
        ds = _data_set(document, parts)
    except NotDicom as error:
        keeper.refuse(error)
    except Exception:  # JSON of a peer makes pydicom raise anything
        keeper.refuse(NotDicom(reason="its metadata cannot be read"))
    else:
        keeper.keep(ds)


def _data_set(document: dict[str, Any], parts: _Parts) -> Dataset:
    """The instance that the metadata describe, with its bulk data; raises NotDicom and others."""
    syntaxes: list[str] = []

    def bulk(tag: str, _vr: str, address: str) -> bytes:
        found = [part for part in parts.bulk if part.location == address]
        if not found:
            raise NotDicom(reason="a part with its bulk data is missing")
        if Tag(int(tag, 16)) != _PIXELS:
            return found[0].read()
        syntaxes.append(found[0].transfer_syntax_uid)
        coded = UID(syntaxes[0]).is_compressed
        frames = [part.read() for part in found]
        return encapsulate(frames) if coded else b"".join(frames)

    own = {tag: element for tag, element in document.items() if not tag.startswith("0002") and tag != "00083002"}
    ds = Dataset.from_json(own, bulk)
    if not ds.get("SOPClassUID") or not ds.get("SOPInstanceUID"):
        raise NotDicom(reason="it has no SOP Class or Instance UID")
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(syntaxes[0] if syntaxes else ExplicitVRLittleEndian)
    ds.SpecificCharacterSet = "ISO_IR 192"
    if syntaxes and ds.file_meta.TransferSyntaxUID.is_compressed:
        ds["PixelData"].is_undefined_length = True
    return ds
