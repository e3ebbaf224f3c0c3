"""The page of the audit trail: search, check, export, and the log server that gets a copy."""

import datetime
from collections.abc import Iterator

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from appliance.audit.events import KINDS
from appliance.audit.message import as_xml
from appliance.audit.trail import Search, in_batches
from appliance.errors import BadInput, BuckyError
from webui.actor import actor
from webui.errors import status_of
from webui.roles import needs
from webui.services import Services

PAGE = 100


def create(services: Services) -> Blueprint:
    """The blueprint `trail`."""
    pages = Blueprint("trail", __name__, url_prefix="/audit")

    @pages.get("")
    @needs("administrator")
    def events() -> str:
        """What happened, newest first."""
        services.trail.record("audit-read", actor())
        return _shown(services)

    @pages.get("/audit.xml")
    @needs("administrator", again=True)
    def export() -> Response:
        """Every event as an audit message of PS3.15 A.5."""
        services.trail.record("audit-read", actor(), subject="export")
        source = services.facts.host_name or services.facts.ae_title

        def messages() -> Iterator[bytes]:
            yield b'<?xml version="1.0" encoding="UTF-8"?>\n<AuditMessages>\n'
            for entry in in_batches(services.trail):
                yield as_xml(entry, source=source) + b"\n"
            yield b"</AuditMessages>\n"

        answer = Response(messages(), content_type="application/xml")
        answer.headers["Content-Disposition"] = 'attachment; filename="audit.xml"'
        return answer

    @pages.post("/server")
    @needs("administrator", again=True)
    def set_server() -> AnyResponse | tuple[str, int]:
        """Send a copy to a log server, or no more."""
        address = request.form.get("address", "")
        try:
            services.audit_export.set_server(address, request.form.get("authority", "").strip() or None)
        except BuckyError as error:
            return _shown(services, error), status_of(error)
        services.trail.record("security-set", actor(), subject="log server")
        return redirect(url_for("trail.events"))

    return pages


def _shown(services: Services, error: BuckyError | None = None) -> str:
    wanted = _wanted()
    entries = services.trail.search(wanted, before=request.args.get("before", None, int), limit=PAGE)
    return render_template(
        "shared/audit.html",
        entries=entries,
        wanted=wanted,
        kinds=KINDS,
        more=entries[-1].number if len(entries) == PAGE else None,
        broken=services.trail.trouble(),
        head=services.trail.head(),
        export=services.audit_export,
        error=error,
    )


def _wanted() -> Search:
    return Search(
        kind=request.args.get("kind", ""),
        text=request.args.get("text", "").strip()[:100],
        first_day=_day("first_day"),
        last_day=_day("last_day"),
    )


def _day(field: str) -> str:
    text = request.args.get(field, "").strip()
    try:
        return str(datetime.date.fromisoformat(text)) if text else ""
    except ValueError:
        raise BadInput(field="Day", reason="a date like 2026-03-31") from None
