"""WADO-RS: stored files, as they are or uncompressed, alone or as parts of one answer (PS3.18 10.4)."""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from flask import Response

from appliance.archive.blobs import BlobStore
from appliance.archive.catalogue import Instance
from appliance.dicomweb.accept import NotAcceptable, Wanted, syntax_to_send
from appliance.imaging.helper import transcode_apart

DICOM = "application/dicom"
_CHUNK_BYTES = 1 << 18


@dataclass(frozen=True)
class Part:
    """One part of an answer; `chunks` gives its bytes when it is their turn."""

    content_type: str
    chunks: Callable[[], Iterable[bytes]]
    location: str = ""


def part_of(content_type: str, content: bytes, location: str = "") -> Part:
    """A part whose bytes are there already."""
    return Part(content_type, lambda: [content], location)


def multipart(parts: Iterable[Part], media_type: str) -> Response:
    """A multipart/related answer, made while it is sent (PS3.18 8.6.1.2)."""
    boundary = secrets.token_hex(16)
    kind = f'multipart/related; type="{media_type}"; boundary={boundary}'
    return Response(_body(parts, boundary), content_type=kind)


def _body(parts: Iterable[Part], boundary: str) -> Iterator[bytes]:
    for number, part in enumerate(parts):
        lead = "\r\n" if number else ""
        place = f"Content-Location: {part.location}\r\n" if part.location else ""
        yield f"{lead}--{boundary}\r\nContent-Type: {part.content_type}\r\n{place}\r\n".encode()
        yield from part.chunks()
    yield f"\r\n--{boundary}--\r\n".encode()


def file_chunks(path: Path) -> Iterator[bytes]:
    """A file in portions."""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


class FileAnswers:
    """Gives instances as files in a transfer syntax that the client takes."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    def answer(
        self, instances: Sequence[Instance], ranges: Sequence[Wanted], url: Callable[[Instance], str]
    ) -> Response:
        """The files by the best range for which every one can be given; raises NotAcceptable."""
        for each in ranges:
            if not each.takes(DICOM) or not (each.multipart or each.is_anything or len(instances) == 1):
                continue
            syntaxes = [syntax_to_send(i.transfer_syntax_uid, each.transfer_syntax) for i in instances]
            if None not in syntaxes:
                alone = not each.multipart and not each.is_anything
                return self._given(instances, [str(s) for s in syntaxes], alone, bool(each.transfer_syntax), url)
        raise NotAcceptable

    def _given(
        self,
        instances: Sequence[Instance],
        syntaxes: Sequence[str],
        alone: bool,
        strict: bool,
        url: Callable[[Instance], str],
    ) -> Response:
        """`strict` if the client named the syntax, so that an undecodable file must not come in its own."""
        first = self._part(instances[0], syntaxes[0], strict, url)
        if alone:
            return Response(first.chunks(), content_type=first.content_type)
        rest = (self._part(i, s, False, url) for i, s in zip(instances[1:], syntaxes[1:], strict=True))
        return multipart(_chained(first, rest), DICOM)

    def _part(self, instance: Instance, syntax: str, strict: bool, url: Callable[[Instance], str]) -> Part:
        """A part with the file as stored, or written anew; raises NotAcceptable."""
        if syntax != instance.transfer_syntax_uid:
            written = self._uncompressed(instance, syntax)
            if written is not None:
                return Part(f"{DICOM}; transfer-syntax={syntax}", lambda: written, url(instance))
            if strict:
                raise NotAcceptable
        kind = f"{DICOM}; transfer-syntax={instance.transfer_syntax_uid}"
        return Part(kind, lambda: file_chunks(instance.path), url(instance))

    def _uncompressed(self, instance: Instance, syntax: str) -> Iterator[bytes] | None:
        """The bytes of a passing file, which has no name any more while they are read; None if it cannot be."""
        with self._blobs.scratch() as target:
            if not transcode_apart(instance.path, target, syntax, max_bytes=self._blobs.room_bytes() // 2):
                return None
            file = target.open("rb")

        def chunks() -> Iterator[bytes]:
            with file:
                while chunk := file.read(_CHUNK_BYTES):
                    yield chunk

        return chunks()


def _chained(first: Part, rest: Iterable[Part]) -> Iterator[Part]:
    yield first
    yield from rest
