"""A DICOMweb service of somebody else (PS3.18): one attempt a call, each failure a typed error."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError as NoConnection
from requests.exceptions import RequestException, SSLError, Timeout

from appliance.dicomweb.errors import (
    BadAnswer,
    InstanceRefused,
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

CONNECT_TIMEOUT_S = 10.0
STALL_TIMEOUT_S = 30.0  # no byte moved in either direction; a store may take as long as bytes move
MAX_ANSWER_BYTES = 32 * 2**20
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


@dataclass(frozen=True)
class RemoteInstance:
    """What a query tells of one instance."""

    sop_class_uid: str | None
    sop_instance_uid: str
    series_instance_uid: str


class DicomWebClient:
    """Stores, asks and fetches at one base address."""

    def __init__(self, base_url: str, *, token: str | None = None, stall_timeout_s: float = STALL_TIMEOUT_S) -> None:
        self._base = base_url.rstrip("/")
        self._timeout = (CONNECT_TIMEOUT_S, stall_timeout_s)
        self._session = requests.Session()
        self._session.trust_env = False  # no credentials from a .netrc, no proxy that nobody set on the box
        self._session.mount("http://", HTTPAdapter(max_retries=0))
        self._session.mount("https://", HTTPAdapter(max_retries=0))
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
        if status in _NO_SUCH_SERVICE or 300 <= status < 400 or (status < 300 and document is None):
            raise WrongAddress
        _check_stored(document, sop_instance_uid, status)

    def has_instance(self, study_instance_uid: str, series_instance_uid: str, sop_instance_uid: str) -> bool:
        """Whether the service's own query lists the instance (QIDO-RS, PS3.18 10.6)."""
        path = f"/studies/{valid_uid(study_instance_uid)}/series/{valid_uid(series_instance_uid)}/instances"
        found = self._query(path, {"SOPInstanceUID": valid_uid(sop_instance_uid)}, missing_is_empty=True)
        return any(_value(item, "00080018") == sop_instance_uid for item in found)

    def instances(self, study_instance_uid: str) -> list[RemoteInstance]:
        """All instances of a study that the service lists."""
        path = f"/studies/{valid_uid(study_instance_uid)}/instances"
        found: dict[str, RemoteInstance] = {}
        while True:
            page = self._query(path, {"limit": str(PAGE), "offset": str(len(found))}, missing_is_empty=True)
            before = len(found)
            for item in page:
                uid, series = _value(item, "00080018"), _value(item, "0020000E")
                if uid and series:
                    found[uid] = RemoteInstance(_value(item, "00080016"), uid, series)
            if len(page) < PAGE or len(found) == before:  # the last page, or a service that ignores the offset
                return list(found.values())

    def fetch(self, study_instance_uid: str, series_instance_uid: str, sop_instance_uid: str, sink: Sink) -> None:
        """WADO-RS of one instance into `sink`, in the transfer syntax in which it is stored."""
        path = f"/studies/{study_instance_uid}/series/{series_instance_uid}/instances/{sop_instance_uid}"
        headers = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
        with self._exchange("GET", path, headers=headers) as answer:
            self._check(answer)
            content_type = answer.headers.get("Content-Type", "")
            if content_type.startswith("application/dicom"):
                for chunk in _chunks(answer):
                    sink.write(chunk)
                return
            try:
                self._read_parts(answer, content_type, sink)
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
        if status in (200, 201, 409):  # 409: it is there already, from an attempt whose end was not seen
            return True
        if status in _TOKEN_STATUSES:
            raise TokenRefused
        if status < 500 or status in _NO_SUCH_SERVICE:
            return False
        raise ServiceTrouble(status=status)

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
        if status >= 500 or status in (408, 425, 429):
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
        except SSLError as error:
            raise Untrusted from error
        except Timeout as error:
            raise Stalled from error
        except NoConnection as error:
            raise (Stalled if "timed out" in str(error).lower() else Unreachable) from error
        except (RequestException, OSError) as error:
            raise Unreachable from error

    @staticmethod
    def _json_if_any(answer: requests.Response) -> Any:
        content = bytearray()
        for chunk in _chunks(answer):
            content += chunk
            if len(content) > MAX_ANSWER_BYTES:
                raise BadAnswer
        try:
            return json.loads(content)
        except ValueError:
            return None


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
