"""A DICOMweb service of somebody else (PS3.18): one attempt a call, each failure a typed error."""

import contextlib
import json
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from requests.exceptions import RequestException

from appliance.dicomweb.credentials import Credentials, Fixed, HeaderAuth
from appliance.dicomweb.errors import (
    BadAnswer,
    InstanceRefused,
    NotGiven,
    ServiceFull,
    ServiceTrouble,
    TokenRefused,
    WrongAddress,
)
from appliance.dicomweb.line_errors import line_error
from appliance.dicomweb.multipart import FileBody, PartReader, Sink, boundary_of
from appliance.dicomweb.session import STALL_TIMEOUT_S, Outgoing, open_session
from appliance.dicomweb.stored import check_stored, value_of
from appliance.dicomweb.uploads import ResumableUploads
from appliance.errors import BadInput, PeerError
from appliance.line import socket_options
from appliance.peer_errors import Altered
from appliance.reading.arrival import Confirmation, Passage, Scratch, Sent, Straight, same_content
from appliance.reading.receipts import key_of, read_receipt
from appliance.validators import valid_uid

ANSWER_TIMEOUT_S = 60.0  # of silence after the request was sent: a slow archive stores before it answers
MAX_ANSWER_BYTES = 32 * 2**20
MAX_INSTANCES = 100_000  # of one study
PAGE = 500
_JSON = "application/dicom+json"
_TOKEN_STATUSES = (401, 403)
_NO_SUCH_SERVICE = (404, 405, 501)
_NOT_GIVEN_STATUSES = (404, 406, 410)
_PASSING_STATUSES = (408, 425, 429)
_UID_IN_PATH = re.compile(r"(?=.*[0-9])[0-9.]{1,64}")  # units send UIDs that break PS3.5 9.1, and they are delivered


@dataclass(frozen=True)
class RemoteInstance:
    """What a query tells of one instance."""

    sop_class_uid: str | None
    sop_instance_uid: str
    series_instance_uid: str
    modality: str | None


class DicomWebClient:
    """Stores, asks and fetches at one base address.

    `scratch` is given where the line does not keep integrity by itself: content is then fetched back and compared.
    `reader_key` is the key that must sign receipts; `on_key` learns the first one where none is known.
    `resumable` None asks the service whether it takes resumable uploads; `on_resumable` learns the answer.
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None = None,
        basic: tuple[str, str] | None = None,
        credentials: Credentials | None = None,
        tls: ssl.SSLContext | None = None,
        scratch: Scratch | None = None,
        reader_key: str | None = None,
        on_key: Callable[[str], None] | None = None,
        limit_bytes_s: int | None = None,
        resumable: bool | None = None,
        on_resumable: Callable[[bool], None] | None = None,
        stall_timeout_s: float = STALL_TIMEOUT_S,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._timeout = (stall_timeout_s, answer_timeout_s)  # urllib3 sends under the first, to which it also connects
        self._credentials = credentials or Fixed(token=token, basic=basic)
        self._session = open_session(stall_timeout_s=stall_timeout_s, limit_bytes_s=limit_bytes_s, tls=tls)
        self._session.auth = HeaderAuth(self._credentials)
        self._scratch = scratch
        self._reader_key = reader_key
        self._on_key = on_key
        self._uploads = ResumableUploads(
            self._base,
            credentials=self._credentials,
            context=tls,
            options=socket_options(stall_timeout_s=stall_timeout_s, limit_bytes_s=limit_bytes_s),
            stall_timeout_s=stall_timeout_s,
            answer_timeout_s=answer_timeout_s,
        )
        self._resumable = resumable
        self._on_resumable = on_resumable

    def probe(self) -> None:
        """Raise what is wrong with the address or the token, if anything is."""
        self._query("/studies", {"limit": "1"})

    def store(self, path: Path, sop_instance_uid: str, passage: Passage | None = None) -> None:
        """STOW-RS of one file (PS3.18 10.5); returns only if the answer names the instance as stored.

        Where the service takes resumable uploads the instance goes as one; after a break it goes on where it was.
        """
        passage = passage or Straight()
        if self._resumable is None:
            self._learn_resumable(self._uploads.offered())
        with contextlib.closing(FileBody(path)) as body:
            answer = self._uploads.store(body, passage) if self._resumable else None
            if answer is None:
                self._learn_resumable(False)
                answer = self._store_plainly(body, passage)
        status, document = answer
        if status in _TOKEN_STATUSES:
            self._credentials.refused()
            raise TokenRefused
        if status in _NO_SUCH_SERVICE or 300 <= status < 400:
            raise WrongAddress
        check_stored(document, sop_instance_uid, status)

    def _learn_resumable(self, resumable: bool) -> None:
        if resumable != self._resumable and self._on_resumable is not None:
            self._on_resumable(resumable)
        self._resumable = resumable

    def _store_plainly(self, body: FileBody, passage: Passage) -> tuple[int, Any]:
        body.seek(0)
        headers = {"Content-Type": body.content_type, "Accept": _JSON}
        with self._exchange("POST", "/studies", headers=headers, data=Outgoing(body, passage.gone)) as answer:
            return answer.status_code, self._json_if_any(answer)

    def confirm(self, sent: Sent) -> Confirmation | None:
        """The service's own word on an instance that was sent; None if it does not list it.

        Raises Altered if it holds other content, ForeignKey and BadReceipt if its word cannot be believed.
        """
        document = self._receipt_document(sent.study_instance_uid, {"SOPInstanceUID": sent.sop_instance_uid})
        if document is not None:
            receipt = read_receipt(
                document, public_key=self._reader_key or "", study_instance_uid=sent.study_instance_uid
            )
            held = receipt.digests(sent.sop_instance_uid)
            if held and not held & sent.digests:
                raise Altered
            return Confirmation("receipt", min(held & sent.digests)) if held else None
        if not self.has_instance(sent.study_instance_uid, sent.series_instance_uid, sent.sop_instance_uid):
            return None
        return Confirmation("query") if self._scratch is None else self._compared(sent, self._scratch)

    def _compared(self, sent: Sent, scratch: Scratch) -> Confirmation:
        """Fetch the instance back, since nothing else shows that the line did not change it."""
        with scratch() as path:
            with path.open("wb") as file:
                self.fetch(sent.study_instance_uid, sent.series_instance_uid, sent.sop_instance_uid, file)
            digest = same_content(path, sent)
        if digest is None:
            raise Altered
        return Confirmation("content", digest)

    def receipt(self, study_instance_uid: str) -> Mapping[str, Any] | None:
        """The reader's signed receipt for a study, its signature checked; None where there are no receipts."""
        document = self._receipt_document(study_instance_uid, {})
        if document is not None:
            read_receipt(document, public_key=self._reader_key or "", study_instance_uid=study_instance_uid)
        return document

    def _receipt_document(self, study_instance_uid: str, parameters: Mapping[str, str]) -> Mapping[str, Any] | None:
        """None from a service that signs none; once a key is known, nothing less than a receipt is believed."""
        path = f"/studies/{_in_path(study_instance_uid)}/receipt"
        with self._exchange("GET", path, headers={"Accept": "application/json"}, params=parameters) as answer:
            if self._reader_key is None and answer.status_code in (400, 404, 405, 406, 501):
                return None
            self._check(answer)
            document = self._json_if_any(answer, lenient=self._reader_key is None)
        if not isinstance(document, dict) or "signature" not in document:
            if self._reader_key is None:
                return None
            raise BadAnswer
        if self._reader_key is None:
            self._reader_key = key_of(document)
            if self._on_key is not None:
                self._on_key(self._reader_key)
        return document

    def has_instance(self, study_instance_uid: str, series_instance_uid: str, sop_instance_uid: str) -> bool:
        """Whether the service's own query lists the instance (QIDO-RS, PS3.18 10.6)."""
        path = f"/studies/{_in_path(study_instance_uid)}/series/{_in_path(series_instance_uid)}/instances"
        found = self._query(path, {"SOPInstanceUID": sop_instance_uid}, missing_is_empty=True)
        return any(value_of(item, "00080018") == sop_instance_uid for item in found)

    def instances(self, study_instance_uid: str) -> list[RemoteInstance]:
        """All instances of a study that the service lists; those with an invalid UID are left out."""
        path = f"/studies/{_in_path(study_instance_uid)}/instances"
        found: dict[str, RemoteInstance] = {}
        offset = 0
        while True:
            page = self._query(path, {"limit": str(PAGE), "offset": str(offset)}, missing_is_empty=True)
            news = {r.sop_instance_uid: r for item in page if (r := _remote(item)) and r.sop_instance_uid not in found}
            if not news:  # past the end, or a service that ignores the offset; many give less than PAGE at a time
                return list(found.values())
            found |= news
            offset += len(page)
            if offset > MAX_INSTANCES:
                raise BadAnswer

    def studies(self, institution: str | None = None) -> list[str]:
        """The Study Instance UIDs that the service lists, of one institution if asked; invalid ones are left out."""
        found: dict[str, None] = {}
        keys = {"InstitutionName": institution} if institution else {}
        offset = 0
        while True:
            page = self._query("/studies", {"limit": str(PAGE), "offset": str(offset), **keys})
            uids = [uid for item in page if _UID_IN_PATH.fullmatch(uid := value_of(item, "0020000D") or "")]
            news = [uid for uid in uids if uid not in found]
            if not news:  # past the end, or a service that ignores the offset
                return list(found)
            found |= dict.fromkeys(news)
            offset += len(page)
            if offset > MAX_INSTANCES:
                raise BadAnswer

    def fetch(self, study_instance_uid: str, series_instance_uid: str, sop_instance_uid: str, sink: Sink) -> None:
        """WADO-RS of one instance into `sink` (PS3.18 10.4), in the transfer syntax in which it is stored.

        On an error the sink may have received a part of the file. What the sink itself raises passes through.
        """
        study, series, instance = map(_in_path, (study_instance_uid, series_instance_uid, sop_instance_uid))
        path = f"/studies/{study}/series/{series}/instances/{instance}"
        headers = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
        with self._exchange("GET", path, headers=headers) as answer:
            if answer.status_code in _NOT_GIVEN_STATUSES:
                raise NotGiven(status=answer.status_code)
            self._check(answer)
            if _media_type(answer) == "application/dicom":  # not asked for, but some services know nothing else
                for chunk in _chunks(answer):
                    sink.write(chunk)
                return
            try:
                self._read_parts(answer, answer.headers.get("Content-Type", ""), sink)
            except BadInput as error:
                raise BadAnswer from error

    @staticmethod
    def _read_parts(answer: requests.Response, content_type: str, sink: Sink) -> None:
        reader = PartReader(boundary_of(content_type), lambda _headers: sink, lambda: None)
        for chunk in _chunks(answer):
            reader.feed(chunk)
        reader.finish()
        if reader.parts != 1:
            raise BadAnswer

    def create_workitem(self, workitem_uid: str, dataset: dict[str, Any]) -> bool:
        """UPS-RS create (PS3.18 11.4); False if the service has no worklist service."""
        path = f"/workitems?{valid_uid(workitem_uid)}"
        headers = {"Content-Type": _JSON, "Accept": _JSON}
        with self._exchange("POST", path, headers=headers, data=json.dumps([dataset]).encode()) as answer:
            status = answer.status_code
            is_page = _media_type(answer) == "text/html" and answer.headers.get("Content-Length") != "0"
        if 300 <= status < 400 or (status < 300 and is_page):  # a log-in page between, and no word of the service
            raise WrongAddress
        if status in (200, 201, 409):  # 409: it is there already, from an attempt whose end was not seen
            return True
        if status in _TOKEN_STATUSES:
            raise TokenRefused
        if status in _PASSING_STATUSES or (status >= 500 and status not in _NO_SUCH_SERVICE):
            raise ServiceTrouble(status=status)
        return False

    def ask(
        self, method: str, path: str, *, parameters: Mapping[str, str] | None = None, document: Any = None
    ) -> tuple[int, Mapping[str, str], Any]:
        """One request of a resource beside the images: status, headers and JSON of the answer; raises PeerError."""
        headers = {"Accept": _JSON} | ({} if document is None else {"Content-Type": _JSON})
        body = None if document is None else json.dumps(document).encode()
        with self._exchange(method, path, headers=headers, params=parameters, data=body) as answer:
            if answer.status_code in _TOKEN_STATUSES:
                raise TokenRefused
            if answer.status_code >= 500 and answer.status_code not in _NO_SUCH_SERVICE:
                raise ServiceTrouble(status=answer.status_code)
            return answer.status_code, answer.headers, self._json_if_any(answer)

    def _query(
        self, path: str, parameters: Mapping[str, str], *, missing_is_empty: bool = False
    ) -> list[dict[str, Any]]:
        with self._exchange("GET", path, headers={"Accept": _JSON}, params=parameters) as answer:
            if answer.status_code == 204 or (missing_is_empty and answer.status_code == 404):
                return []
            self._check(answer)
            document = self._json_if_any(answer)
        if not isinstance(document, list) or not all(isinstance(item, dict) for item in document):
            raise WrongAddress
        return document

    def _check(self, answer: requests.Response) -> None:
        status = answer.status_code
        if status in _TOKEN_STATUSES:
            self._credentials.refused()
            raise TokenRefused
        if status == 507:
            raise ServiceFull
        if status >= 500 or status in _PASSING_STATUSES:
            raise ServiceTrouble(status=status)
        if status >= 300:
            raise WrongAddress

    @contextlib.contextmanager
    def _exchange(self, method: str, path: str, **options: Any) -> Iterator[requests.Response]:
        try:
            with self._session.request(
                method, self._base + path, timeout=self._timeout, stream=True, allow_redirects=False, **options
            ) as answer:
                yield answer
        except PeerError:
            raise
        except RequestException as error:
            raise line_error(error) from error

    @staticmethod
    def _json_if_any(answer: requests.Response, *, lenient: bool = False) -> Any:
        """The JSON of an answer, None if it is empty or its status says more; raises BadAnswer, WrongAddress."""
        content = bytearray()
        for chunk in _chunks(answer):
            content += chunk
            if len(content) > MAX_ANSWER_BYTES:
                raise BadAnswer
        try:
            return json.loads(content) if content.strip() else None
        except (ValueError, RecursionError) as error:
            if answer.status_code >= 300 or lenient:
                return None
            raise (WrongAddress if _media_type(answer) == "text/html" else BadAnswer) from error


def _in_path(uid: str) -> str:
    """A UID as a segment of a path: digits and dots, and never `.` or `..`; raises InstanceRefused."""
    if not _UID_IN_PATH.fullmatch(uid):
        raise InstanceRefused(reason="an invalid UID")
    return uid


def _media_type(answer: requests.Response) -> str:
    return answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _remote(item: Mapping[str, Any]) -> RemoteInstance | None:
    try:
        uid, series = valid_uid(value_of(item, "00080018") or ""), valid_uid(value_of(item, "0020000E") or "")
    except ValueError:
        return None
    return RemoteInstance(value_of(item, "00080016"), uid, series, value_of(item, "00080060"))


def _chunks(answer: requests.Response) -> Iterator[bytes]:
    yield from answer.iter_content(1 << 16)
