"""Resumable uploads as a service in front of STOW-RS (draft-ietf-httpbis-resumable-upload).

An upload is two files in one folder: what has arrived, and what was said when it was created. Both survive any kill;
uploads that nobody goes on with expire, and all together are bounded. A digest given at the creation (RFC 9530) is
checked before a byte reaches the archive. No answer is a 204: waitress ends the connection behind one.
"""

import base64
import fcntl
import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import BinaryIO

from flask import Blueprint, Response, g, request

from appliance.errors import BadInput, BuckyError, DiskFull, NotFound
from appliance.files import for_roles

INTEROP_VERSION = "8"
EXPIRES_S = 24 * 3600
MAXIMUM_BYTES = 8 * 2**30  # of one upload, and of all together
MAXIMUM_UPLOADS = 256
_COPY_BYTES = 1 << 20
_NAME = re.compile(r"[0-9a-f]{32}")
_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")

Store = Callable[[BinaryIO, str, str | None], Response]
"""STOW-RS of a body: the stream, its content type, the study that the address names."""


class OffsetMismatch(BuckyError):
    """An append that does not begin where the upload ends."""

    code = "offset-mismatch"
    message = "The upload is at another offset."
    hint = "Ask for the offset and go on from there."


class DigestMismatch(BuckyError):
    """What arrived is not what was announced."""

    code = "digest-mismatch"
    message = "The content is not what its digest says."
    hint = "Send it again."


class TooManyUploads(DiskFull):
    """The room for unfinished uploads is used up."""

    code = "too-many-uploads"
    message = "There is no room for another unfinished upload."
    hint = "Try again later."


@dataclass(frozen=True)
class _Said:
    """What was said at the creation."""

    sender: str
    content_type: str
    study: str | None
    length: int | None
    sha256: str | None
    complete: bool = False


class Uploads:
    """The folder of unfinished uploads, used by the threads of one service."""

    def __init__(self, folder: Path, room_bytes: Callable[[], int]) -> None:
        self._folder = folder
        self._room_bytes = room_bytes

    def create(self, said: _Said) -> str:
        """Begin an upload; raises TooManyUploads."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=for_roles(0o700))
        self.expire()
        files = list(self._folder.glob("*.part"))
        used = sum(_size(path) for path in files)
        wanted = said.length or 0
        if len(files) >= MAXIMUM_UPLOADS or used + wanted > MAXIMUM_BYTES or wanted >= self._room_bytes():
            raise TooManyUploads
        name = secrets.token_hex(16)
        self._say(name, said)
        self._part(name).touch(mode=for_roles(0o600))
        return name

    def expire(self) -> None:
        """Forget what nobody went on with."""
        for path in self._folder.glob("*.part"):
            try:
                if time.time() - path.stat().st_mtime > EXPIRES_S:
                    self.remove(path.stem)
            except FileNotFoundError:
                continue

    def said(self, name: str, sender: str) -> _Said:
        """What was said of an upload by this sender; raises NotFound."""
        if not _NAME.fullmatch(name):
            raise NotFound(what="upload")
        try:
            said = _Said(**json.loads(self._said_path(name).read_text()))
        except (OSError, ValueError, TypeError):
            raise NotFound(what="upload") from None
        if said.sender != sender:
            raise NotFound(what="upload")
        return said

    def offset(self, name: str) -> int:
        """How many bytes have arrived; raises NotFound."""
        try:
            return self._part(name).stat().st_size
        except OSError:
            raise NotFound(what="upload") from None

    @contextmanager
    def opened(self, name: str) -> Iterator[BinaryIO]:
        """The file of an upload, for one at a time; raises NotFound."""
        try:
            file = self._part(name).open("r+b")
        except OSError:
            raise NotFound(what="upload") from None
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file

    def append(self, file: BinaryIO, said: _Said, offset: int, stream: BinaryIO) -> int:
        """Add a portion and return the new offset; raises OffsetMismatch, BadInput, DiskFull."""
        end = file.seek(0, os.SEEK_END)
        if offset != end:
            raise OffsetMismatch
        limit = MAXIMUM_BYTES if said.length is None else said.length
        while chunk := stream.read(_COPY_BYTES):
            end += len(chunk)
            if end > limit:
                raise BadInput(field="Upload", reason="it is longer than was said")
            if self._room_bytes() < len(chunk):
                raise DiskFull
            file.write(chunk)
        file.flush()
        return end

    def finish(self, name: str, said: _Said) -> None:
        """It is stored: keep the word that it is complete, not its bytes."""
        self._say(name, replace(said, complete=True))
        os.truncate(self._part(name), 0)

    def remove(self, name: str) -> None:
        """Forget an upload."""
        self._part(name).unlink(missing_ok=True)
        self._said_path(name).unlink(missing_ok=True)

    def _say(self, name: str, said: _Said) -> None:
        part = self._said_path(name).with_suffix(".new")
        part.write_text(json.dumps(asdict(said)))
        part.replace(self._said_path(name))

    def _part(self, name: str) -> Path:
        return self._folder / f"{name}.part"

    def _said_path(self, name: str) -> Path:
        return self._folder / f"{name}.json"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def wants_upload() -> bool:
    """Whether the present request begins a resumable upload."""
    return request.headers.get("Upload-Complete", "") in ("?0", "?1")


def begin(uploads: Uploads, base_url: str, study: str | None) -> Response:
    """Answer a POST that begins an upload; its body, if any, is the first portion."""
    found = _DIGEST.search(request.headers.get("Repr-Digest", ""))
    said = _Said(
        sender=g.sender,
        content_type=request.headers.get("Content-Type", ""),
        study=study,
        length=_number("Upload-Length"),
        sha256=base64.b64decode(found.group(1)).hex() if found else None,
    )
    name = uploads.create(said)
    with uploads.opened(name) as file:
        offset = uploads.append(file, said, 0, request.stream)  # type: ignore[arg-type]  # a stream to read
    return Response(status=201, headers=_state(offset, complete=False) | {"Location": f"{base_url}/uploads/{name}"})


def add(blueprint: Blueprint, uploads: Uploads, store: Store) -> None:
    """The resources of uploads, and the word that there are such."""

    @blueprint.route("/studies", methods=["OPTIONS"])
    def offered() -> Response:
        return Response(status=200, headers={"Upload-Limit": _limits(), "Allow": "GET, POST, OPTIONS"})

    @blueprint.route("/uploads/<name>", methods=["HEAD"])
    def state(name: str) -> Response:
        said = uploads.said(name, g.sender)
        headers = _state(uploads.offset(name), complete=said.complete)
        return Response(status=200, headers=headers | {"Cache-Control": "no-store"})

    @blueprint.patch("/uploads/<name>")
    def append(name: str) -> Response:
        said = uploads.said(name, g.sender)
        offset = _number("Upload-Offset")
        with uploads.opened(name) as file:
            if offset is None or said.complete:
                raise OffsetMismatch
            end = uploads.append(file, said, offset, request.stream)  # type: ignore[arg-type]  # a stream to read
            if request.headers.get("Upload-Complete") != "?1":
                return Response(status=201, headers=_state(end, complete=False))
            answer = _finished(uploads, name, said, file, store)
        answer.headers["Upload-Complete"] = "?1"
        return answer

    @blueprint.delete("/uploads/<name>")
    def cancel(name: str) -> Response:
        uploads.said(name, g.sender)
        uploads.remove(name)
        return Response(status=204)


def _finished(uploads: Uploads, name: str, said: _Said, file: BinaryIO, store: Store) -> Response:
    """Hand the whole to STOW-RS; what does not hold is forgotten, so that it can be sent again."""
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    whole = said.length in (None, end) and said.sha256 in (None, _sha256(file))
    if not whole:
        uploads.remove(name)
        raise DigestMismatch
    file.seek(0)
    answer = store(file, said.content_type, said.study)
    if answer.status_code < 500:
        uploads.finish(name, said)
    return answer


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_COPY_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def _number(header: str) -> int | None:
    text = request.headers.get(header, "")
    if text and not re.fullmatch(r"\d{1,15}", text):
        raise BadInput(field=header, reason="it is no number of bytes")
    return int(text) if text else None


def _state(offset: int, *, complete: bool) -> dict[str, str]:
    return {
        "Upload-Draft-Interop-Version": INTEROP_VERSION,
        "Upload-Complete": "?1" if complete else "?0",
        "Upload-Offset": str(offset),
        "Upload-Limit": _limits(),
    }


def _limits() -> str:
    return f"max-size={MAXIMUM_BYTES}, expires={EXPIRES_S}"
