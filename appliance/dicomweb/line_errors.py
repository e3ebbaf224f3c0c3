"""Which fault of line or address an exception of the HTTP library stands for."""

import ssl
from collections.abc import Iterator

from requests.exceptions import ConnectTimeout, InvalidSchema, InvalidURL, RequestException, Timeout
from urllib3.exceptions import NewConnectionError

from appliance.errors import PeerError
from appliance.peer_errors import BrokenOff, Stalled, Unreachable, Untrusted, WrongAddress


def line_error(error: RequestException) -> PeerError:
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
