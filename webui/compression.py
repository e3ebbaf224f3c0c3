"""The page's own files travel packed: scripts and styles, each packed once."""

import gzip
from functools import lru_cache

from flask import Response, request

_PACKED = frozenset({"text/css", "text/javascript", "application/javascript", "image/svg+xml"})
_LEAST_BYTES = 1024
_LEVEL = 9


def pack(response: Response) -> Response:
    """Gzip a static file for a client that takes it; pages are never packed, for they hold secrets."""
    wanted = request.endpoint == "static" and response.status_code == 200 and response.mimetype in _PACKED
    takes = request.accept_encodings["gzip"] > 0 and "Range" not in request.headers
    if not (wanted and takes and request.method == "GET"):
        return response
    response.direct_passthrough = False
    plain = response.get_data()
    if len(plain) < _LEAST_BYTES:
        return response
    response.set_data(_packed(plain))
    response.content_encoding = "gzip"
    response.vary.add("Accept-Encoding")
    response.set_etag(response.get_etag()[0] or "", weak=True)
    return response


@lru_cache(maxsize=32)
def _packed(plain: bytes) -> bytes:
    return gzip.compress(plain, _LEVEL, mtime=0)
