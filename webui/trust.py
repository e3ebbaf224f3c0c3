"""Behind a web server with TLS: the one page that plain http shows, and how a PC comes to trust the box."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flask import Blueprint, Response, current_app, make_response, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from appliance.authority import as_der, fingerprint
from appliance.errors import NotFound
from webui.roles import PUBLIC, needs

_PLAIN = frozenset({"static", "session.health", "trust.how", "trust.authority"})
"""What may be had without TLS: nothing that asks for or shows anything private."""


@dataclass(frozen=True)
class Trust:
    """Whether a web server with TLS stands in front, and the authority that its certificate comes from."""

    secure_only: bool
    authority: Callable[[], Path | None]

    def refuse_plain(self) -> AnyResponse | None:
        """Before each request: plain http gets one page that says where to go, and never a log-in."""
        if not self.secure_only or request.is_secure or request.endpoint in _PLAIN:
            return None
        page = render_template("shared/plain.html", secure=f"https://{request.host.rsplit(':', 1)[0]}/")
        return make_response(page, 403 if request.method != "GET" else 200)


def create(trust: Trust) -> Blueprint:
    """The blueprint `trust`."""
    pages = Blueprint("trust", __name__)

    def authority_file() -> Path:
        path = trust.authority()
        if path is None or not path.exists():
            raise NotFound(what="certificate")
        return path

    @pages.get("/trust")
    @needs(PUBLIC)
    def how() -> str:
        """How to make this PC trust the box."""
        return render_template("shared/trust.html", fingerprint=fingerprint(authority_file()))

    @pages.get("/trust/bucky.crt")
    @needs(PUBLIC)
    def authority() -> Response:
        """The authority's certificate, to install."""
        answer = current_app.make_response(as_der(authority_file()))
        answer.headers["Content-Type"] = "application/x-x509-ca-cert"
        answer.headers["Content-Disposition"] = 'attachment; filename="bucky.crt"'
        return answer

    return pages
