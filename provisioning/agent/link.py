"""The line to the vendor: one attempt a call, typed errors, a client certificate and the vendor's authority only."""

from pathlib import Path
from typing import TypeVar

import msgspec
import requests

from provisioning.protocol.refused import LinkDown, NotKnown, WrongCode

CONNECT_S, ANSWER_S = 10.0, 30.0
MAX_ANSWER_BYTES = 2**20
T = TypeVar("T")


class Link:
    """Calls to the service at `url`; `certificate` holds the client certificate and its key, None before enrolment."""

    def __init__(self, url: str, authority: Path, certificate: Path | None = None) -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy or a bundle of authorities set on the machine changes nothing here
        self._session.verify = str(authority)
        if certificate is not None:
            self._session.cert = str(certificate)

    @property
    def session(self) -> requests.Session:
        """The connection, for the releases."""
        return self._session

    @property
    def url(self) -> str:
        """Where the service is."""
        return self._url

    def ask(self, path: str, message: object, answer: type[T]) -> T:
        """Post a message; the answer as its type. Raises LinkDown, NotKnown, WrongCode."""
        raw = self._call("POST", path, msgspec.json.encode(message))
        try:
            return msgspec.json.decode(raw, type=answer)
        except (msgspec.DecodeError, msgspec.ValidationError):
            raise LinkDown(reason="another form of answer") from None

    def fetch(self, path: str) -> bytes:
        """Get bytes. Raises LinkDown, NotKnown."""
        return self._call("GET", path, None)

    def send(self, path: str, content: bytes) -> None:
        """Post bytes as they are. Raises LinkDown, NotKnown."""
        self._call("POST", path, content)

    def close(self) -> None:
        """End the connection."""
        self._session.close()

    def _call(self, method: str, path: str, body: bytes | None) -> bytes:
        try:
            answer = self._session.request(
                method, f"{self._url}/v1/{path}", data=body, timeout=(CONNECT_S, ANSWER_S), allow_redirects=False
            )
        except requests.exceptions.SSLError:
            raise LinkDown(reason="certificate") from None
        except requests.RequestException as error:
            raise LinkDown(reason=type(error).__name__) from None
        if answer.status_code == 403:
            raise WrongCode if WrongCode.code.encode() in answer.content[:200] else NotKnown
        if answer.status_code != 200:
            raise LinkDown(reason=f"answer {answer.status_code}")
        if len(answer.content) > MAX_ANSWER_BYTES:
            raise LinkDown(reason="too long an answer")
        return answer.content
