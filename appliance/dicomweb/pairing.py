"""Pairing with a reader service of this product: a code is exchanged for address and token (JSON over HTTPS)."""

import json
from dataclasses import dataclass

from requests.exceptions import RequestException

from appliance.dicomweb.line_errors import line_error
from appliance.dicomweb.session import open_session
from appliance.errors import BadInput, PeerError
from appliance.peer_errors import ServiceTrouble
from appliance.validators import valid_http_url

PATH = "/api/pair.json"
_TIMEOUT_S = 20.0
_MOST_BYTES = 10_000


class CodeRefused(PeerError):
    """The reading service does not know the code, or not any more."""

    code = "code-refused"
    message = "The reading service does not take this code."
    hint = "A code serves once and for a day. Check it, or ask the reading service for a new one."


class NoPairing(PeerError):
    """Another kind of service answers at the address."""

    code = "no-pairing"
    message = "There is no reading service with pairing codes at this address."
    hint = "Check the address, or enter address and token by hand."


@dataclass(frozen=True)
class Paired:
    """What the reading service gave."""

    service: str
    url: str
    token: str


def pair(address: str, code: str) -> Paired:
    """Exchange a code; raises BadInput, PeerError."""
    try:
        base = valid_http_url(address.strip().rstrip("/")).removesuffix("/dicom-web")
    except ValueError as error:
        raise BadInput(field="Address", reason=str(error)) from None
    try:
        with open_session() as session:
            answer = session.post(
                base + PATH, json={"code": code}, timeout=_TIMEOUT_S, allow_redirects=False, stream=True
            )
            content = answer.raw.read(_MOST_BYTES, decode_content=True)
    except RequestException as error:
        raise line_error(error) from error
    if answer.status_code in (403, 429):
        raise CodeRefused
    if answer.status_code >= 500:
        raise ServiceTrouble(status=answer.status_code)
    if answer.status_code != 200:
        raise NoPairing
    return _paired(base, content)


def _paired(base: str, content: bytes) -> Paired:
    try:
        said = json.loads(content)
        return Paired(str(said["service"])[:64], f"{base}/dicom-web", str(said["token"]))
    except (ValueError, KeyError, TypeError):
        raise NoPairing from None
