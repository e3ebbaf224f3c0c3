"""Which certificate a request came with: from the web server in front, or from our own TLS.

The web server always overwrites the headers. One that comes from anywhere else was put there by somebody who wants to
be a box, and the request is refused as a whole.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from cryptography import x509

from provisioning.protocol.refused import NotKnown

CERTIFICATE_HEADER = "HTTP_X_CLIENT_CERTIFICATE"
VERIFY_HEADER = "HTTP_X_CLIENT_VERIFY"


def certificate_of(environ: Mapping[str, Any], proxies: frozenset[str]) -> x509.Certificate | None:
    """The certificate that was proven in the handshake, None without one; raises NotKnown for a forged header."""
    headers = CERTIFICATE_HEADER in environ or VERIFY_HEADER in environ
    if environ.get("REMOTE_ADDR", "") in proxies:
        if environ.get(VERIFY_HEADER) != "SUCCESS":
            return None
        return _load(unquote(environ.get(CERTIFICATE_HEADER, "")))
    if headers:
        raise NotKnown
    proven = environ.get("SSL_CLIENT_VERIFY") == "SUCCESS"  # set by cheroot's TLS; a header is called HTTP_...
    return _load(environ.get("SSL_CLIENT_CERT", "")) if proven else None


def _load(pem: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise NotKnown from None
