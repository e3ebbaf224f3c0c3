"""Study list and study page, and the rest of the clinic's pages put beside them."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask_login import current_user
from pydicom.uid import generate_uid
from werkzeug.wrappers import Response

from appliance.courier.queue import PRIORITIES
from appliance.errors import BadInput
from webui.actor import record_study
from webui.clinic import (
    cases,
    corrections,
    exams,
    find,
    first_steps,
    links,
    readers,
    receipts,
    rehearsal,
    safety,
    statement,
    unit,
    units,
)
from webui.clinic.deliveries import deliveries
from webui.reports import shown_reports
from webui.roles import needs
from webui.services import Services
from webui.shared import page_address
from webui.viewing import viewing

PAGE = 25


def create(services: Services) -> Blueprint:
    """The blueprint `clinic`."""
    pages = Blueprint("clinic", __name__)
    _add_studies(pages, services)
    _add_acts(pages, services)
    units.add(pages, services)
    safety.add(pages, services)
    unit.add(pages, services)
    exams.add(pages, services)
    corrections.add(pages, services)
    find.add(pages, services)
    first_steps.add(pages, services)
    cases.add(pages, services)
    statement.add(pages, services)
    readers.add(pages, services)
    receipts.add(pages, services)
    rehearsal.add(pages, services)
    links.add(pages, services)
    return pages


def _add_studies(pages: Blueprint, services: Services) -> None:
    @pages.get("/")
    @needs("viewer")
    def studies() -> str:
        """The study list."""
        return render_template("clinic/studies.html", **_list_facts(services))

    @pages.get("/studies/list")
    @needs("viewer")
    def study_list() -> str:
        """The list alone, for the page's own update."""
        return render_template("clinic/_study_list.html", **_list_facts(services))

    @pages.get("/studies/<int:study_id>")
    @needs("viewer")
    def study(study_id: int) -> str:
        """One study: pictures, delivery, report."""
        services.keeping.recalls.ask(study_id)
        found = services.catalogue.study(study_id)
        record_study(services.trail, "accessed", found)
        services.documents.seen(study_id)
        beside = viewing(services, services.catalogue.line(found))
        return render_template("clinic/study.html", viewing=beside, **study_facts(services, study_id))

    @pages.get("/studies/<int:study_id>/state")
    @needs("viewer")
    def study_state(study_id: int) -> str:
        """Delivery and report alone, for the page's own update."""
        return render_template("clinic/_study_state.html", **study_facts(services, study_id))


def _add_acts(pages: Blueprint, services: Services) -> None:
    @pages.post("/studies/<int:study_id>/done")
    @needs("technician")
    def done(study_id: int) -> Response:
        """A person says that all pictures are made, or takes it back."""
        uid = services.catalogue.study(study_id).study_instance_uid
        kind = "reopened" if request.form.get("back") else "done"
        services.completion.note([uid], kind, current_user.name)
        return redirect(url_for("clinic.study", study_id=study_id))

    @pages.post("/studies/<int:study_id>/send")
    @needs("technician")
    def send(study_id: int) -> Response:
        """Copy the pictures to an archive or reader without a question; what asks for a report is a case."""
        priority = PRIORITIES.get(request.form.get("urgency", ""))
        if priority is None:
            raise BadInput(field="Urgency", reason="routine, urgent or STAT")
        destination = services.destinations.get(request.form.get("destination", 0, int))
        study = services.catalogue.study(study_id)
        services.queue.request(study.id, destination.id, priority, current_user.name, str(generate_uid()))
        record_study(services.trail, "sent", study, subject=destination.name)
        return redirect(url_for("clinic.study", study_id=study_id))

    @pages.post("/studies/<int:study_id>/again")
    @needs("technician")
    def again(study_id: int) -> Response:
        """Try parked deliveries again and look for the report now."""
        services.queue.retry_study(services.catalogue.study(study_id).id)
        return redirect(url_for("clinic.study", study_id=study_id))


def _list_facts(services: Services) -> dict[str, object]:
    limit = min(500, request.args.get("limit", PAGE, int))
    lines = services.catalogue.recent(limit=limit)
    return {
        "lines": [(line, deliveries(services, line)) for line in lines],
        "unknown": units.unknown(services),
        "known": units.known(services),
        "more": limit + PAGE if len(lines) == limit else None,
        "dicom_port": services.facts.dicom_port(),
        "page_address": page_address(services.facts),
        "still_open": first_steps.still_open(services),
    }


def study_facts(services: Services, study_id: int) -> dict[str, object]:
    """What the study page shows."""
    line = services.catalogue.line(services.catalogue.study(study_id))
    return {
        "line": line,
        "study": line.study,
        "others": [(other, services.desk.facts(other)) for other in line.others],
        "by_uid": {image.sop_instance_uid: image for image in line.images},
        "deliveries": deliveries(services, line),
        "reports": shown_reports(services, line),
        "destinations": services.destinations.all(),
        "completeness": services.completion.of(line),
        **cases.case_facts(services, study_id),
    }
