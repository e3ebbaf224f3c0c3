"""Resumable uploads in front of STOW-RS (draft-ietf-httpbis-resumable-upload): create, ask for the offset, append.

The body goes in portions, each a PATCH of its own, sent one behind the other without waiting for the answers: whatever
server or proxy stands between, it hands on whole requests, so a break costs one portion at most, and the line is never
idle. One instance an upload; its last portion is answered with what STOW-RS answers.
"""

import base64
import json
import ssl
from collections.abc import Sequence
from typing import Any
from urllib.parse import urljoin, urlsplit

from appliance.dicomweb.credentials import Credentials
from appliance.dicomweb.multipart import FileBody
from appliance.dicomweb.pipeline import Answer, Pipeline
from appliance.errors import PeerError
from appliance.line import SocketOption
from appliance.peer_errors import BrokenOff, ServiceFull, ServiceTrouble, Stalled, TokenRefused, Unreachable
from appliance.reading.arrival import Overtaken, Passage

INTEROP_VERSION = "8"
PORTION_BYTES = 96 * 1024
_GONE = (404, 410)
_NO_SUCH_SERVICE = (400, 404, 405, 406, 411, 415, 501)
_LINE_FAULTS = (BrokenOff, Stalled, Unreachable)


class _Lost(Exception):
    pass


class ResumableUploads:
    """Uploads at one base address over one connection, opened when it is needed and again after a fault."""

    def __init__(
        self,
        base_url: str,
        *,
        credentials: Credentials,
        context: ssl.SSLContext | None,
        options: Sequence[SocketOption],
        stall_timeout_s: float,
        answer_timeout_s: float,
    ) -> None:
        self._base = base_url
        self._credentials = credentials
        self._context = context
        self._options = options
        self._timeouts = stall_timeout_s, answer_timeout_s
        self._line: Pipeline | None = None

    def offered(self) -> bool:
        """Whether the service says that it takes uploads; raises PeerError."""
        answer = self._ask("OPTIONS", f"{self._base}/studies", {"Accept": "application/dicom+json"})
        offered = answer.status < 300 and "upload-limit" in answer.headers
        if not offered:
            self._hang_up()
        return offered

    def store(self, body: FileBody, passage: Passage) -> tuple[int, Any] | None:
        """Status and JSON of the final answer; None if the service takes no uploads. Raises PeerError, Overtaken."""
        try:
            return self._store(body, passage)
        except (PeerError, OSError):
            self._hang_up()
            raise

    def _store(self, body: FileBody, passage: Passage) -> tuple[int, Any] | None:
        url, offset = self._found_again(passage, len(body))
        if url is None:
            url = self._create(body)
            if url is None:
                return None
            passage.upload_at(url)
        try:
            answer = self._append(url, body, offset, passage)
        except _Lost:
            passage.upload_at(None)
            raise ServiceTrouble(status=404) from None
        if answer.status < 500:
            passage.upload_at(None)
        return answer.status, _json(answer)

    def _found_again(self, passage: Passage, length: int) -> tuple[str | None, int]:
        """The upload that was begun before, and how far it is."""
        if passage.upload_url is None:
            return None, 0
        offset = self._offset(passage.upload_url, length)
        return (None, 0) if offset is None else (passage.upload_url, offset)

    def _create(self, body: FileBody) -> str | None:
        """The new upload's address; None where there is no such service."""
        digest = base64.b64encode(body.sha256()).decode()
        headers = {
            "Content-Type": body.content_type,
            "Accept": "application/dicom+json",
            "Upload-Complete": "?0",
            "Upload-Length": str(len(body)),
            "Repr-Digest": f"sha-256=:{digest}:",
        }
        answer = self._ask("POST", f"{self._base}/studies", headers)
        if answer.status == 201 and "location" in answer.headers:
            return self._own(urljoin(f"{self._base}/studies", answer.headers["location"]))
        if answer.status in _NO_SUCH_SERVICE or answer.status < 300:
            return None
        raise self._fault(answer)

    def _own(self, url: str) -> str:
        """The address as seen from here: a service behind a proxy may name itself otherwise; credentials stay home."""
        base, given = urlsplit(self._base), urlsplit(url)
        return f"{base.scheme}://{base.netloc}{given.path}"

    def _offset(self, url: str, length: int) -> int | None:
        """How far the upload is; None if none is there (any more). An upload that is complete already begins anew:
        STOW-RS is idempotent, and whether it arrived was asked before."""
        answer = self._ask("HEAD", url, {})
        if answer.status in (*_GONE, *_NO_SUCH_SERVICE):
            return None
        if answer.status >= 300:
            raise self._fault(answer)
        try:
            offset = int(answer.headers["upload-offset"])
        except (KeyError, ValueError):
            return None
        complete = answer.headers.get("upload-complete") == "?1"
        return offset if 0 <= offset <= length and not complete else None

    def _append(self, url: str, body: FileBody, offset: int, passage: Passage) -> Answer:
        """All that is left, in portions; the answer to the last one. Raises Overtaken between two portions."""
        line = self._open()
        body.seek(offset)
        while True:
            portion = body.portion(PORTION_BYTES)
            last = offset + len(portion) >= len(body)
            line.send("PATCH", urlsplit(url).path, self._portion_headers(offset, last=last), portion)
            offset += len(portion)
            if last:
                passage.gone()
            while line.awaited and (last or line.ready()):
                answer = line.answer()
                if last and not line.awaited:
                    return answer
                self._check_portion(answer)
            try:
                passage.moved(len(portion))
            except Overtaken:
                while line.awaited:
                    self._check_portion(line.answer())
                raise

    def _portion_headers(self, offset: int, *, last: bool) -> dict[str, str]:
        return self._headers() | {
            "Content-Type": "application/partial-upload",
            "Accept": "application/dicom+json",
            "Upload-Offset": str(offset),
            "Upload-Complete": "?1" if last else "?0",
        }

    def _check_portion(self, answer: Answer) -> None:
        if answer.status in _GONE:
            raise _Lost
        if answer.status >= 300:
            raise self._fault(answer)

    def _ask(self, method: str, url: str, headers: dict[str, str]) -> Answer:
        """One request and its answer; once more on a new connection where the old one had been closed meanwhile."""
        kept = self._line is not None
        try:
            return self._ask_once(method, url, headers)
        except _LINE_FAULTS:
            self._hang_up()
            if not kept:
                raise
            return self._ask_once(method, url, headers)

    def _ask_once(self, method: str, url: str, headers: dict[str, str]) -> Answer:
        line = self._open()
        line.send(method, urlsplit(url).path, self._headers() | headers)
        return line.answer()

    def _headers(self) -> dict[str, str]:
        login = self._credentials.header()
        return {"Upload-Draft-Interop-Version": INTEROP_VERSION} | ({"Authorization": login} if login else {})

    def _fault(self, answer: Answer) -> PeerError:
        if answer.status in (401, 403):
            self._credentials.refused()
            return TokenRefused()
        return ServiceFull() if answer.status in (413, 507) else ServiceTrouble(status=answer.status)

    def _open(self) -> Pipeline:
        if self._line is None:
            stall_timeout_s, answer_timeout_s = self._timeouts
            self._line = Pipeline(
                self._base,
                context=self._context,
                options=self._options,
                stall_timeout_s=stall_timeout_s,
                answer_timeout_s=answer_timeout_s,
            )
        return self._line

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None


def _json(answer: Answer) -> Any:
    try:
        return json.loads(answer.content) if answer.content.strip() else None
    except (ValueError, RecursionError):
        return None
