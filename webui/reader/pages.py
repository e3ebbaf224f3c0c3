"""Reading list and reading page."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from appliance.clock import now
from appliance.errors import BadInput, BuckyError
from appliance.reading.report import Report
from webui.clinic.pages import shown_reports
from webui.errors import status_of
from webui.roles import needs
from webui.services import Services

MAX_TEXT = 50_000


def create(services: Services) -> Blueprint:
    """The blueprint `reader`."""
    pages = Blueprint("reader", __name__)

    @pages.get("/")
    @needs("viewer")
    def cases() -> str:
        """The reading list by urgency."""
        return render_template("reader/cases.html", cases=services.cases.open())

    @pages.get("/cases/list")
    @needs("viewer")
    def case_list() -> str:
        """The list alone, for the page's own update."""
        return render_template("reader/_case_list.html", cases=services.cases.open())

    @pages.get("/cases/<int:study_id>")
    @needs("viewer")
    def case(study_id: int) -> str:
        """One case: pictures, reports, and the form for a report."""
        return shown(study_id)

    @pages.get("/cases/<int:study_id>/state")
    @needs("viewer")
    def case_state(study_id: int) -> str:
        """The reports alone, for the page's own update."""
        line = services.cases.case(study_id).line
        return render_template("shared/_reports.html", reports=shown_reports(services, line), study=line.study)

    @pages.post("/cases/<int:study_id>/sign")
    @needs("doctor")
    def sign(study_id: int) -> Response | tuple[str, int]:
        """Sign the report: it becomes a structured report and a PDF in the study."""
        form = request.form
        report = Report(
            findings=_text(form.get("findings", "")),
            impression=_text(form.get("impression", "")),
            recommendation=_text(form.get("recommendation", "")),
            author=_text(form.get("author", "")).strip()[:64] or current_user.name,
            organisation=_text(form.get("organisation", "")).strip()[:64],
            signed_at=now(),
        )
        try:
            services.desk.sign(study_id, report)
        except BuckyError as error:
            return shown(study_id, error=error, report=report), status_of(error)
        return redirect(url_for("reader.case", study_id=study_id, signed=1))

    def shown(study_id: int, *, error: BuckyError | None = None, report: Report | None = None) -> str:
        found = services.cases.case(study_id)
        return render_template(
            "reader/case.html",
            case=found,
            line=found.line,
            study=found.line.study,
            reports=shown_reports(services, found.line),
            error=error,
            report=report,
            organisation=services.setting("clinic_name") or "",
        )

    return pages


def _text(value: str) -> str:
    """Text of a form without control characters."""
    if len(value) > MAX_TEXT:
        raise BadInput(field="Report", reason=f"at most {MAX_TEXT} characters in one field")
    return "".join(c for c in value.replace("\r\n", "\n") if c.isprintable() or c == "\n")
