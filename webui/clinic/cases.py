"""Cases of the clinic: the form that asks what the reader needs, and what comes of it."""

from collections.abc import Mapping

from flask import Blueprint, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from appliance.clock import stamp
from appliance.errors import BadInput, BuckyError, NotFound
from appliance.reading.casebook import ReadingCase
from appliance.reading.note import Note
from appliance.reading.notices import as_json
from appliance.reading.story import LABELS, URGENCIES, from_form
from webui.actor import record_study
from webui.errors import status_of
from webui.languages import tr
from webui.roles import needs
from webui.services import Services
from webui.vocabulary import regions_offered, species_offered, typed
from webui.words import money

MAX_NOTE = 4_000
Answer = Response | tuple[str, int]


def case_facts(services: Services, study_id: int) -> dict[str, object]:
    """What the study page shows of its cases."""
    cases = services.casebook.of_study(study_id)
    late = {case.id: services.casebook.late_pictures(case) for case in cases if case.released_at}
    return {
        "cases": cases,
        "late": {case_id: pictures for case_id, pictures in late.items() if pictures},
        "open_question": services.documents.open_question(study_id),
        "unacknowledged": (unread := services.documents.unacknowledged(study_id)),
        "unread_critical": {d.sop_instance_uid for d in unread},
        "documents": services.documents.of_study(study_id),
    }


def add(pages: Blueprint, services: Services) -> None:
    """The views of the cases."""
    _add_form(pages, services)
    _add_sending(pages, services)
    _add_answers(pages, services)
    _add_lists(pages, services)


def shown(services: Services, case: ReadingCase, error: BuckyError | None = None) -> str:
    """The form of a draft."""
    line = services.catalogue.line(services.catalogue.study(case.study_id))
    return render_template(
        "clinic/case.html",
        case=case,
        line=line,
        study=line.study,
        labels=LABELS,
        required=services.gate.required(case.story, case.urgency),
        missing=services.gate.missing(case.story, case.urgency),
        urgencies=URGENCIES,
        destinations=services.destinations.all(),
        prices=_prices(services),
        attachments=[i for i in (*line.images, *line.reports) if i.sender_kind == "local" and _is_attached(i)],
        practice=services.setting("practice_kind") or "vet",
        species=species_offered(),
        regions=regions_offered(),
        error=error,
    )


def _is_attached(instance: object) -> bool:
    return str(getattr(instance, "series_description", "") or "").startswith(("Attachment:", "Photograph:"))


def _prices(services: Services) -> dict[int, dict[str, str]]:
    """What a case would cost now, by destination and urgency, in words."""
    month = stamp()[:7]
    found: dict[int, dict[str, str]] = {}
    for destination in services.destinations.all():
        quotes = {u: services.prices.quote(destination.id, u, month) for u in URGENCIES}
        found[destination.id] = {
            urgency: f"{money(quote.cents, quote.currency)} ({tr(quote.basis)})" if quote else ""
            for urgency, quote in quotes.items()
        }
    return found


def _add_form(pages: Blueprint, services: Services) -> None:
    @pages.post("/studies/<int:study_id>/case")
    @needs("technician")
    def new_case(study_id: int) -> Response:
        """Begin a case, or go on with its draft."""
        known = services.destinations.all()
        usual = next((d.id for d in known if str(d.id) == services.setting("usual_reader")), None)
        first = usual or (known[0].id if known else None)
        case = services.casebook.draft(services.catalogue.study(study_id).id, current_user.name, first)
        return redirect(url_for("clinic.case", case_id=case.id))

    @pages.get("/requests/<int:case_id>")
    @needs("technician")
    def case(case_id: int) -> str | Response:
        """The form of a draft."""
        found = services.casebook.get(case_id)
        if found.state != "draft":
            return redirect(url_for("clinic.study", study_id=found.study_id))
        return shown(services, found)

    @pages.post("/requests/<int:case_id>/save")
    @needs("technician")
    def save_case(case_id: int) -> dict[str, object]:
        """Keep what is typed so far; tells what is still needed."""
        found = save(services, case_id, request.form)
        return {"saved_at": stamp(), "missing": services.gate.missing(found.story, found.urgency)}

    @pages.post("/requests/<int:case_id>/attach")
    @needs("technician")
    def attach(case_id: int) -> Answer:
        """Add files, and keep what is typed."""
        found = save(services, case_id, request.form)
        try:
            for file in request.files.getlist("files"):
                if file.filename:
                    services.casebook.attach(found.study_id, file.read(), file.filename, current_user.name)
        except BuckyError as error:
            return shown(services, found, error), status_of(error)
        return redirect(url_for("clinic.case", case_id=case_id))

    @pages.post("/requests/<int:case_id>/discard")
    @needs("technician")
    def discard(case_id: int) -> Response:
        """Forget the draft."""
        found = services.casebook.get(case_id)
        services.casebook.discard(case_id)
        return redirect(url_for("clinic.study", study_id=found.study_id))


def save(services: Services, case_id: int, form: Mapping[str, str]) -> ReadingCase:
    """Keep what was typed into the form."""
    destination = form.get("destination", "")
    chosen = services.destinations.get(int(destination)).id if destination.isdecimal() else None
    return services.casebook.save(case_id, from_form(typed(form)), form.get("urgency", "routine"), chosen)


def _add_sending(pages: Blueprint, services: Services) -> None:
    @pages.post("/requests/<int:case_id>/send")
    @needs("technician")
    def send_case(case_id: int) -> Answer:
        """Send the case, if it tells what the clinic's rules ask for."""
        found = services.casebook.get(case_id)
        try:
            found = save(services, case_id, request.form)
            found = services.requests.release(case_id, current_user.name)
        except BuckyError as error:
            return shown(services, found, error), status_of(error)
        services.set_setting("usual_reader", str(found.destination_id))
        study = services.catalogue.study(found.study_id)
        record_study(services.trail, "sent", study, subject=_name(services, found))
        return redirect(url_for("clinic.study", study_id=found.study_id))

    @pages.post("/requests/<int:case_id>/late")
    @needs("technician")
    def add_late(case_id: int) -> Answer:
        """Pictures that came after the case was sent: to the open case with a reason, or as a new case."""
        found = services.casebook.get(case_id)
        if request.form.get("what") == "new":
            return new_after(found)
        if not found.is_open:
            raise BadInput(field="Case", reason="it has its report; send the pictures as a new case")
        ids = [i.id for i in services.casebook.late_pictures(found)]
        services.requests.add_late(case_id, ids, _note(request.form.get("reason", "")), current_user.name)
        study = services.catalogue.study(found.study_id)
        record_study(services.trail, "sent", study, subject=_name(services, found))
        return redirect(url_for("clinic.study", study_id=found.study_id))

    def new_after(found: ReadingCase) -> Response:
        case = services.casebook.draft(found.study_id, current_user.name, found.destination_id)
        return redirect(url_for("clinic.case", case_id=case.id))

    @pages.post("/requests/<int:case_id>/withdraw")
    @needs("technician")
    def withdraw(case_id: int) -> Response:
        """Take an open case back."""
        found = services.casebook.withdraw(case_id)
        services.queue.retry_study(found.study_id)
        return redirect(url_for("clinic.study", study_id=found.study_id))


def _name(services: Services, case: ReadingCase) -> str:
    try:
        return services.destinations.get(case.destination_id or 0).name
    except NotFound:
        return "in house"


def _note(text: str) -> str:
    if len(text) > MAX_NOTE:
        raise BadInput(field="Text", reason=f"at most {MAX_NOTE} characters")
    return "".join(c for c in text.replace("\r\n", "\n") if c.isprintable() or c == "\n").strip()


def _add_answers(pages: Blueprint, services: Services) -> None:
    def hang(study_id: int, note: Note) -> Response:
        services.casebook.note(study_id, note)
        services.documents.seen(study_id)
        return redirect(url_for("clinic.study", study_id=study_id))

    @pages.post("/studies/<int:study_id>/answer")
    @needs("technician")
    def answer(study_id: int) -> Response:
        """Answer the reader's question."""
        text, asked = _note(request.form.get("answer", "")), services.documents.open_question(study_id)
        if asked is None or not text:
            raise BadInput(field="Answer", reason="there is no open question, or no answer to it")
        clinic = services.setting("clinic_name") or ""
        note = Note("answer", [("Answer", text)], current_user.name, clinic, refers_to=asked.sop_instance_uid)
        return hang(study_id, note)

    @pages.post("/studies/<int:study_id>/acknowledge")
    @needs("technician")
    def acknowledge(study_id: int) -> Response:
        """A person of the clinic has read the critical finding; the reader is told who and when."""
        uid = request.form.get("report", "")
        if uid not in {d.sop_instance_uid for d in services.documents.unacknowledged(study_id)}:
            raise NotFound(what="critical report")
        said = f"Read and acknowledged by {current_user.name} at {stamp()[:16].replace('T', ' ')} UTC."
        clinic = services.setting("clinic_name") or ""
        record_study(services.trail, "changed", services.catalogue.study(study_id), subject="critical acknowledged")
        return hang(study_id, Note("acknowledgement", [("Said", said)], current_user.name, clinic, refers_to=uid))


def _add_lists(pages: Blueprint, services: Services) -> None:
    def listed() -> dict[str, object]:
        rows = [*services.casebook.drafts(), *services.casebook.open()]
        known = {d.id: d for d in services.destinations.all()}
        return {
            "rows": [(c, services.catalogue.study(c.study_id), known.get(c.destination_id or 0)) for c in rows],
            "news": services.documents.unseen("result"),
        }

    @pages.get("/requests")
    @needs("viewer")
    def case_list() -> str:
        """Drafts and open cases."""
        return render_template("clinic/cases.html", **listed())

    @pages.get("/requests/list")
    @needs("viewer")
    def case_lines() -> str:
        """The list alone, for the page's own update."""
        return render_template("clinic/_cases.html", **listed())

    @pages.get("/news.json")
    @needs("viewer")
    def news() -> dict[str, object]:
        """How much of the reader nobody has opened yet; numbers only."""
        return as_json(services.mail_notices.news())
