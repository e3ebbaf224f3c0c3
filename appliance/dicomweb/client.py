"""A DICOMweb service of somebody else (PS3.18): one attempt a call, each failure a typed error."""

import contextlib
import json
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectTimeout, InvalidSchema, InvalidURL, RequestException, Timeout
from urllib3.connection import HTTPConnection
from urllib3.exceptions import NewConnectionError

from appliance.dicomweb.errors import (
    BadAnswer,
    BrokenOff,
    InstanceRefused,
    NotGiven,
    NotStored,
    ServiceFull,
    ServiceTrouble,
    Stalled,
    TokenRefused,
    Unreachable,
    Untrusted,
    WrongAddress,
)
from appliance.dicomweb.multipart import FileBody, PartReader, Sink, boundary_of
from appliance.errors import BadInput, PeerError
from appliance.validators import valid_uid

STALL_TIMEOUT_S = 15.0  # to connect, and for each portion of 16 KiB sent; a store may take as long as bytes move
ANSWER_TIMEOUT_S = 60.0  # of silence after the request was sent: a slow archive stores before it answers
UNSENT_BYTES = 128 * 1024  # what the kernel may hold back, so that "sent" is true when the wait for the answer begins
MAX_ANSWER_BYTES = 32 * 2**20
MAX_INSTANCES = 100_000  # of one study
PAGE = 500
_JSON = "application/dicom+json"
_FAILED = "00081198"  # Failed SOP Sequence
_STORED = "00081199"  # Referenced SOP Sequence
_REASON = "00081197"  # Failure Reason
_REFERENCED_UID = "00081155"  # Referenced SOP Instance UID
_OUT_OF_RESOURCES = 0xA700  # PS3.4 B.2.3
_TOKEN_STATUSES = (401, 403)
_REFUSING_STATUSES = (400, 409, 413, 415, 422)
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


class _Line(HTTPAdapter):
    """Connections that notice a dead line while they send, not only while they wait."""

    def __init__(self, stall_timeout_s: float) -> None:
        self._stall_timeout_s = stall_timeout_s
        super().__init__(max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        """Make the pool with our socket options."""
        options["socket_options"] = [
            *HTTPConnection.default_socket_options,
            (socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES),
            (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(self._stall_timeout_s * 1000)),
        ]
        super().init_poolmanager(connections, maxsize, block, **options)


class DicomWebClient:
    """Stores, asks and fetches at one base address, with a bearer token, a user and password, or neither."""

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None = None,
        basic: tuple[str, str] | None = None,
        stall_timeout_s: float = STALL_TIMEOUT_S,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._timeout = (stall_timeout_s, answer_timeout_s)  # urllib3 sends under the first, to which it also connects
        self._session = requests.Session()
        self._session.trust_env = False  # no credentials from a .netrc, no proxy that nobody set on the box
        self._session.mount("http://", _Line(stall_timeout_s))
        self._session.mount("https://", _Line(stall_timeout_s))
        self._session.auth = basic
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def probe(self) -> None:
        """Raise what is wrong with the address or the token, if anything is."""
        self._query("/studies", {"limit": "1"})

    def store(self, path: Path, sop_instance_uid: str) -> None:
        """STOW-RS of one file (PS3.18 10.5); returns only if the answer names the instance as stored."""
        with contextlib.closing(FileBody(path)) as body:
            headers = {"Content-Type": body.content_type, "Accept": _JSON}
            with self._exchange("POST", "/studies", headers=headers, data=body) as answer:
                status, document = answer.status_code, self._json_if_any(answer)
        if status in _TOKEN_STATUSES:
            raise TokenRefused
        if status in _NO_SUCH_SERVICE or 300 <= status < 400:
            raise WrongAddress
        _check_stored(document, sop_instance_uid, status)

    def has_instance(self, study_instance_uid: str, series_instance_uid: str, sop_instance_uid: str) -> bool:
        """Whether the service's own query lists the instance (QIDO-RS, PS3.18 10.6)."""
        path = f"/studies/{_in_path(study_instance_uid)}/series/{_in_path(series_instance_uid)}/instances"
        found = self._query(path, {"SOPInstanceUID": sop_instance_uid}, missing_is_empty=True)
        return any(_value(item, "00080018") == sop_instance_uid for item in found)

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
            is_page = _media_type(answer) == "text/html"
        if 300 <= status < 400 or (status < 300 and is_page):  # a log-in page between, and no word of the service
            raise WrongAddress
        if status in (200, 201, 409):  # 409: it is there already, from an attempt whose end was not seen
            return True
        if status in _TOKEN_STATUSES:
            raise TokenRefused
        if status in _PASSING_STATUSES or (status >= 500 and status not in _NO_SUCH_SERVICE):
            raise ServiceTrouble(status=status)
        return False

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

    @staticmethod
    def _check(answer: requests.Response) -> None:
        status = answer.status_code
        if status in _TOKEN_STATUSES:
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
            raise _line_error(error) from error

    @staticmethod
    def _json_if_any(answer: requests.Response) -> Any:
        """The JSON of an answer; None if it is empty or its status says more. Raises BadAnswer, WrongAddress."""
        content = bytearray()
        for chunk in _chunks(answer):
            content += chunk
            if len(content) > MAX_ANSWER_BYTES:
                raise BadAnswer
        try:
            return json.loads(content) if content.strip() else None
        except (ValueError, RecursionError) as error:
            if answer.status_code >= 300:
                return None
            raise (WrongAddress if _media_type(answer) == "text/html" else BadAnswer) from error


def _line_error(error: RequestException) -> PeerError:
    """Which fault of the line or the address it was."""
    causes = list(_causes(error))
    if isinstance(error, InvalidURL | InvalidSchema):
        return WrongAddress()
    if isinstance(error, ConnectTimeout) or any(isinstance(c, NewConnectionError) for c in causes):
        return Unreachable()
    if isinstance(error, Timeout) or any(isinstance(c, TimeoutError) for c in causes):
        return Stalled()
    if any(isinstance(c, ssl.SSLCertVerificationError) for c in causes):
        return Untrusted()
    return BrokenOff()


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _in_path(uid: str) -> str:
    """A UID as a segment of a path: digits and dots, and never `.` or `..`; raises InstanceRefused."""
    if not _UID_IN_PATH.fullmatch(uid):
        raise InstanceRefused(reason="an invalid UID")
    return uid


def _media_type(answer: requests.Response) -> str:
    return answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _remote(item: Mapping[str, Any]) -> RemoteInstance | None:
    try:
        uid, series = valid_uid(_value(item, "00080018") or ""), valid_uid(_value(item, "0020000E") or "")
    except ValueError:
        return None
    return RemoteInstance(_value(item, "00080016"), uid, series, _value(item, "00080060"))


def _chunks(answer: requests.Response) -> Iterator[bytes]:
    yield from answer.iter_content(1 << 16)


def _value(item: Mapping[str, Any], tag: str) -> str | None:
    try:
        return str(item[tag]["Value"][0])
    except (KeyError, IndexError, TypeError):
        return None


def _check_stored(document: Any, sop_instance_uid: str, status: int) -> None:
    """Success is the UID in the Referenced SOP Sequence, and nothing else (FIELD 4: a 200 may have stored nothing)."""
    items = document if isinstance(document, dict) else {}
    for item in _sequence(items, _FAILED):
        if _value(item, _REFERENCED_UID) in (sop_instance_uid, None):
            _raise_failure(_value(item, _REASON))
    if status < 300 and any(_value(item, _REFERENCED_UID) == sop_instance_uid for item in _sequence(items, _STORED)):
        return
    if status == 507:
        raise ServiceFull
    if status in _REFUSING_STATUSES:
        raise InstanceRefused(reason=f"HTTP {status}")
    if status >= 300:
        raise ServiceTrouble(status=status)
    raise NotStored


def _sequence(document: Mapping[str, Any], tag: str) -> list[Mapping[str, Any]]:
    value = document.get(tag)
    items = value.get("Value") if isinstance(value, dict) else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _raise_failure(reason: str | None) -> None:
    number = int(reason) if reason is not None and reason.isdigit() else 0
    if number & 0xFF00 == _OUT_OF_RESOURCES:
        raise ServiceFull
    raise InstanceRefused(reason=f"0x{number:04X}")
