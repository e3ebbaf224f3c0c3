"""The page of the vendor's support: the clinic lets it in for some hours, sees what it did and what would go out."""

import gzip
import json

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from appliance.errors import BadInput, BuckyError, NotFound
from appliance.validators import valid_name
from webui.actor import actor
from webui.errors import status_of
from webui.roles import needs
from webui.services import Services

MAX_VOUCHER_BYTES = 64 * 1024
HOURS = (1, 2, 4, 8, 24)


def create(services: Services) -> Blueprint:
    """The blueprint `support`."""
    pages = Blueprint("support", __name__, url_prefix="/support")
    _add_consent(pages, services)
    _add_binding(pages, services)
    _add_reports(pages, services)
    return pages


def _shown(services: Services, error: BuckyError | None = None) -> str:
    return render_template(
        "shared/support.html",
        vendor=services.vendor.belonging(),
        consent=services.support.consent(),
        answers=services.support.answers(),
        reports=services.support.reports(),
        hours=HOURS,
        error=error,
    )


def _add_consent(pages: Blueprint, services: Services) -> None:
    @pages.app_context_processor
    def until() -> dict[str, str | None]:
        """Whoever works here sees for how long support may help."""
        consent = services.support.consent() if current_user.is_authenticated else None
        return {"support_until": consent.until if consent else None}

    @pages.get("")
    @needs("administrator")
    def support() -> str:
        """Who let support in, until when, and what it did."""
        return _shown(services)

    @pages.post("/consent")
    @needs("administrator", again=True)
    def let_in() -> AnyResponse | tuple[str, int]:
        """Let support in for some hours."""
        try:
            consent = services.support.give_consent(current_user.account.name, _hours())
        except BuckyError as error:
            return _shown(services, error), status_of(error)
        services.trail.record("support-began", actor(), subject=f"until {consent.until}")
        return redirect(url_for("support.support"))

    @pages.post("/end")
    @needs("administrator")
    def end() -> AnyResponse:
        """No more, from this moment on."""
        services.support.end_consent(current_user.account.name)
        services.trail.record("support-ended", actor())
        return redirect(url_for("support.support"))


def _add_binding(pages: Blueprint, services: Services) -> None:
    @pages.post("/claim")
    @needs("administrator", again=True)
    def claim() -> AnyResponse | tuple[str, int]:
        """Bind the box to the practice by the code of its label."""
        try:
            name = valid_name(request.form.get("clinic", "").strip())
            services.vendor.claim(request.form.get("code", "").strip(), name)
        except ValueError as error:
            return _shown(services, BadInput(field="Name of the practice", reason=error)), 400
        except BuckyError as error:
            return _shown(services, error), 400
        services.trail.record("security-set", actor(), subject="claimed")
        return redirect(url_for("support.support"))

    @pages.post("/activate")
    @needs("administrator")
    def activate() -> AnyResponse | tuple[str, int]:
        """Follow the file of a USB stick: for a box without a line. It is signed, for this box and for once."""
        sent = request.files.get("voucher")
        try:
            services.vendor.activate(sent.read(MAX_VOUCHER_BYTES) if sent else b"")
        except BuckyError as error:
            return _shown(services, error), 400
        services.trail.record("security-set", actor(), subject="voucher")
        return redirect(url_for("support.support"))


def _add_reports(pages: Blueprint, services: Services) -> None:
    @pages.get("/report/<int:report_id>")
    @needs("administrator")
    def report(report_id: int) -> str:
        """What would go out, to the letter."""
        content = _content(services, report_id)
        text = json.dumps(json.loads(gzip.decompress(content)), indent=2, ensure_ascii=False)
        return render_template("shared/support_report.html", id=report_id, text=text, size_bytes=len(content))

    @pages.get("/report/<int:report_id>/bytes")
    @needs("administrator")
    def report_bytes(report_id: int) -> Response:
        """The bytes themselves."""
        answer = Response(_content(services, report_id), content_type="application/gzip")
        answer.headers["Content-Disposition"] = f'attachment; filename="report-{report_id}.json.gz"'
        return answer

    @pages.post("/report/<int:report_id>")
    @needs("administrator")
    def decide(report_id: int) -> AnyResponse:
        """Let it go, or keep it."""
        release = request.form.get("decision") == "release"
        services.support.decide(report_id, current_user.account.name, release=release)
        services.trail.record("exported" if release else "refused", actor(), subject=f"diagnostics {report_id}")
        return redirect(url_for("support.support"))


def _content(services: Services, report_id: int) -> bytes:
    for waiting in services.support.reports():
        if waiting.id == report_id:
            return waiting.content
    raise NotFound(what="report")


def _hours() -> int:
    text = request.form.get("hours", "")
    if not text.isdecimal():
        raise BadInput(field="Hours", reason="1 to 24")
    return int(text)
