"""The reading page: one case with its story and pictures, and the report form. A doctor of a clinic uses the same."""

from collections.abc import Mapping

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from appliance.clock import now, stamp
from appliance.errors import BadInput, BuckyError, NotFound
from appliance.reading.cases import Case
from appliance.reading.reading_clock import WAITS_FOR_CLINIC
from appliance.reading.report import LANGUAGES, STATUSES, Report, Status, valid_language
from webui.actor import record_study
from webui.errors import status_of
from webui.reader import templates
from webui.reader.templates import report_language
from webui.reports import shown_reports
from webui.roles import needs
from webui.services import Services
from webui.viewing import viewing
from webui.vocabulary import template_shown

MAX_TEXT = 50_000
_OF_THE_FRONT = {
    "report_templates": "/templates",
    "clinics": "/clinics",
    "senders": "/senders",
    "month_figures": "/figures",
}
"""Pages that a clinic's menu names and the front has."""
Answer = Response | tuple[str, int]


def create(services: Services) -> Blueprint:
    """The blueprint `reader` of one archive."""
    pages = Blueprint("reader", __name__)
    _add_looking(pages, services)
    _add_claiming(pages, services)
    _add_writing(pages, services)
    if services.facts.kind == "box":
        templates.add(pages, services)
    return pages


def _add_looking(pages: Blueprint, services: Services) -> None:
    if services.facts.kind == "reader":

        @pages.get("/")
        @needs("viewer")
        def cases() -> Response:
            """The reading list is that of the whole service."""
            return redirect("/")

        for endpoint, path in _OF_THE_FRONT.items():
            pages.add_url_rule(path, endpoint, needs("doctor")(lambda path=path: redirect(path)))

    @pages.get("/cases/<int:study_id>")
    @needs("viewer")
    def case(study_id: int) -> str:
        """One case: story, pictures, reports, and the form for a report."""
        page = _shown(services, study_id)
        study = services.catalogue.study(study_id)
        services.keeping.recalls.ask(study_id)
        record_study(services.trail, "accessed", study)
        if _holds(services, services.cases.case(study_id)):
            services.documents.seen(study_id)
        return page

    @pages.get("/cases/<int:study_id>/state")
    @needs("viewer")
    def case_state(study_id: int) -> str:
        """What changes while the case is open, for the page's own update."""
        return render_template("reader/_case_state.html", **_facts(services, study_id))


def _add_claiming(pages: Blueprint, services: Services) -> None:
    @pages.post("/cases/<int:study_id>/claim")
    @needs("doctor")
    def claim(study_id: int) -> Answer:
        """Take the case; nobody else can then."""
        item = services.cases.case(study_id).item
        if item is None:
            raise NotFound(what="request")
        try:
            services.workitems.claim(item.workitem_uid, current_user.name)
        except BuckyError as error:
            return _shown(services, study_id, error=error), status_of(error)
        return redirect(url_for("reader.case", study_id=study_id))

    @pages.post("/cases/<int:study_id>/release")
    @needs("doctor")
    def release(study_id: int) -> Answer:
        """Give the case back to the list; an administrator gives back that of somebody else."""
        item = services.cases.case(study_id).item
        if item is None:
            raise NotFound(what="request")
        try:
            services.workitems.release(item.workitem_uid, current_user.name, force=current_user.role == "administrator")
        except BuckyError as error:
            return _shown(services, study_id, error=error), status_of(error)
        return redirect(_list_address(services, study_id))


def _add_writing(pages: Blueprint, services: Services) -> None:
    @pages.post("/cases/<int:study_id>/draft")
    @needs("doctor")
    def save_draft(study_id: int) -> tuple[dict[str, str], int]:
        """Keep what is typed so far."""
        found = services.cases.case(study_id)
        if not _holds(services, found):
            return {"message": _("Somebody else has this case.")}, 409
        fields = {name: _text(value) for name, value in request.form.items()}
        return {"saved_at": services.drafts.save(study_id, fields, current_user.name)}, 200

    @pages.post("/cases/<int:study_id>/sign")
    @needs("doctor")
    def sign(study_id: int) -> Answer:
        """Sign the report with the password: it becomes a structured report and a PDF in the study."""
        form = request.form
        try:
            found = services.cases.case(study_id)
            if not _holds(services, found):
                raise BadInput(field="Case", reason="take it before you sign")
            report = _report(services, form)
            services.accounts.check_password(current_user.account, form.get("password", ""))
            services.desk.sign(study_id, report)
        except BuckyError as error:
            return _shown(services, study_id, error=error, typed=form), status_of(error)
        services.drafts.discard(study_id)
        record_study(services.trail, "changed", found.line.study, subject=f"report {report.status}")
        return redirect(url_for("reader.case", study_id=study_id, signed=report.status))

    @pages.post("/cases/<int:study_id>/ask")
    @needs("doctor")
    def ask(study_id: int) -> Answer:
        """A question back to the clinic."""
        question = _text(request.form.get("question", ""))
        try:
            services.desk.ask(study_id, question, current_user.name, services.setting("clinic_name") or "")
            item = services.cases.case(study_id).item
            if item is not None and item.is_open and item.started_at:
                services.workitems.set_clock(
                    item.workitem_uid, paused_at=item.paused_at or stamp(), pause_reason=WAITS_FOR_CLINIC
                )
        except BuckyError as error:
            return _shown(services, study_id, error=error), status_of(error)
        return redirect(url_for("reader.case", study_id=study_id))


def _report(services: Services, form: Mapping[str, str]) -> Report:
    status: Status = form.get("status", "final")  # type: ignore[assignment]  # looked at in the next line
    if status not in STATUSES:
        raise BadInput(field="Kind of report", reason=", ".join(STATUSES))
    return Report(
        findings=_text(form.get("findings", "")),
        impression=_text(form.get("impression", "")),
        recommendation=_text(form.get("recommendation", "")),
        author=_text(form.get("author", "")).strip()[:64] or current_user.name,
        organisation=services.setting("clinic_name") or "",
        letterhead=services.setting("letterhead") or "",
        signed_at=now(),
        status=status,
        critical="critical" in form,
        language=valid_language(form.get("language") or report_language(services)),
    )


def _holds(services: Services, case: Case) -> bool:
    """Whether the person may write: the case is theirs, or there is no open request that somebody else could take."""
    return case.item is None or not case.item.is_open or case.item.claimed_by == current_user.name


def _shown(
    services: Services, study_id: int, *, error: BuckyError | None = None, typed: Mapping[str, str] | None = None
) -> str:
    return render_template("reader/case.html", error=error, typed=typed, **_facts(services, study_id))


def _facts(services: Services, study_id: int) -> dict[str, object]:
    found = services.cases.case(study_id)
    story, study = found.story, found.line.study
    draft = services.drafts.get(study_id)
    return {
        "case": found,
        "line": found.line,
        "study": study,
        "viewing": viewing(services, found.line),
        "story": story,
        "reports": shown_reports(services, found.line),
        "by_uid": {image.sop_instance_uid: image for image in found.line.images},
        "documents": services.documents.of_study(study_id),
        "unread_critical": {d.sop_instance_uid for d in services.documents.unacknowledged(study_id)},
        "open_question": services.documents.open_question(study_id),
        "priors": services.cases.priors(found.line),
        "holds": _holds(services, found),
        "statuses": services.desk.statuses(study_id),
        "draft": draft,
        "templates": [
            template_shown(t, report_language(services))
            for t in services.templates.fitting(story.species or study.patient_species_description or "", story.region)
        ],
        "blocks": services.templates.blocks(),
        "languages": LANGUAGES,
        "language": report_language(services),
        "list_address": _list_address(services, study_id),
    }


def _list_address(services: Services, study_id: int) -> str:
    return "/" if services.facts.kind == "reader" else url_for("clinic.study", study_id=study_id)


def _text(value: str) -> str:
    """Text of a form without control characters."""
    if len(value) > MAX_TEXT:
        raise BadInput(field="Report", reason=f"at most {MAX_TEXT} characters in one field")
    return "".join(c for c in value.replace("\r\n", "\n") if c.isprintable() or c == "\n")
