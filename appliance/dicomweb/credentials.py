"""How the box logs in at a DICOMweb service; the secret goes into one header and nowhere else."""

import base64
import json
import ssl
import tempfile
import time
from pathlib import Path
from typing import Protocol

import requests
from requests.auth import AuthBase
from requests.exceptions import RequestException

from appliance.peer_errors import BadAnswer, ServiceTrouble, TokenRefused, Unreachable

_TOKEN_TIMEOUT_S = 20.0
_RENEW_BEFORE_S = 60.0
_DEFAULT_LIFE_S = 300.0  # of a token that does not say
_MAX_TOKEN_BYTES = 64 * 1024


class Credentials(Protocol):
    """Gives the Authorization header of a request."""

    def header(self) -> str | None:
        """The header's value, None for none; raises PeerError."""

    def refused(self) -> None:
        """The service did not take it: do not use it again where another can be had."""


class Fixed:
    """No log-in, a bearer token (RFC 6750), or user and password (RFC 7617)."""

    def __init__(self, *, token: str | None = None, basic: tuple[str, str] | None = None) -> None:
        self._header = f"Bearer {token}" if token else None
        if basic:
            self._header = "Basic " + base64.b64encode(":".join(basic).encode()).decode()

    def header(self) -> str | None:
        """Always the same."""
        return self._header

    def refused(self) -> None:
        """There is no other."""


class ClientCredentials:
    """OAuth 2.0 client credentials (RFC 6749 4.4): a token fetched when it is needed, and anew before it ends."""

    def __init__(self, *, token_url: str, client_id: str, client_secret: str, scope: str, session: requests.Session):
        self._token_url = token_url
        self._client = client_id, client_secret
        self._scope = scope
        self._session = session
        self._header: str | None = None
        self._until = 0.0

    def header(self) -> str | None:
        """A token that is still good."""
        if self._header is None or time.monotonic() > self._until:
            self._fetch()
        return self._header

    def refused(self) -> None:
        """Fetch another one next time."""
        self._header = None

    def _fetch(self) -> None:
        data = {"grant_type": "client_credentials"} | ({"scope": self._scope} if self._scope else {})
        try:
            with self._session.post(
                self._token_url,
                data=data,
                auth=self._client,
                timeout=_TOKEN_TIMEOUT_S,
                allow_redirects=False,
                stream=True,
            ) as answer:
                content = answer.raw.read(_MAX_TOKEN_BYTES, decode_content=True)
                status = answer.status_code
        except RequestException as error:
            raise Unreachable from error
        if status in (400, 401, 403):  # RFC 6749 5.2
            raise TokenRefused
        if status != 200:
            raise ServiceTrouble(status=status)
        self._take(content)

    def _take(self, content: bytes) -> None:
        try:
            facts = json.loads(content)
            token, life_s = str(facts["access_token"]), float(facts.get("expires_in", _DEFAULT_LIFE_S))
            if str(facts.get("token_type", "bearer")).lower() != "bearer" or not token.isascii():
                raise BadAnswer
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadAnswer from error
        self._header = f"Bearer {token}"
        self._until = time.monotonic() + max(0.0, life_s - _RENEW_BEFORE_S)


class HeaderAuth(AuthBase):
    """Puts the header into each request of a session."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        value = self._credentials.header()
        if value is not None:
            request.headers["Authorization"] = value
        return request


def tls_context(*, ca_pem: str = "", certificate_pem: str = "", key_pem: str = "") -> ssl.SSLContext:
    """TLS 1.2 or newer (BCP 195) with the system's authorities, one more if given, and a client certificate if given.

    Raises ssl.SSLError, ValueError for what is no certificate or key.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_pem:
        context.load_verify_locations(cadata=ca_pem)
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    if certificate_pem:
        with tempfile.TemporaryDirectory() as folder:  # the ssl module reads keys from files only
            certificate, key = Path(folder) / "certificate.pem", Path(folder) / "key.pem"
            key.touch(mode=0o600)
            certificate.write_text(certificate_pem)
            key.write_text(key_pem)
            context.load_cert_chain(certificate, key, password="")
    return context
