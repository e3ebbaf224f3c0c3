"""Study list, study page, devices and destinations."""

from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, request, url_for
from flask_login import current_user
from pydicom.uid import generate_uid
from werkzeug.wrappers import Response

from appliance.archive.catalogue import Instance, StudyLine
from appliance.courier.destinations import Destination
from appliance.courier.queue import PRIORITIES, Progress
from appliance.errors import BadInput, BuckyError, NotDicom
from appliance.reading.sr_text import SrText
from webui import words
from webui.clinic import devices, exams
from webui.roles import needs
from webui.services import Services
from webui.shared import page_address

PAGE = 25


@dataclass(frozen=True)
class Delivery:
    """How far a study is at one destination, in words."""

    kind: str
    text: str
    progress: Progress


@dataclass(frozen=True)
class ShownReport:
    """A report of a study: text for a structured report, a link for a document."""

    instance: Instance
    text: SrText | None
    trouble: str | None


def create(services: Services) -> Blueprint:
    """The blueprint `clinic`."""
    pages = Blueprint("clinic", __name__)
    _add_studies(pages, services)
    devices.add(pages, services)
    exams.add(pages, services)
    _add_destinations(pages, services)
    return pages


def _add_studies(pages: Blueprint, services: Services) -> None:
    def list_facts() -> dict[str, object]:
        limit = min(500, request.args.get("limit", PAGE, int))
        lines = services.catalogue.recent(limit=limit)
        return {
            "lines": [(line, deliveries(services, line)) for line in lines],
            "unknown": devices.unknown(services),
            "known": devices.known(services),
            "more": limit + PAGE if len(lines) == limit else None,
            "dicom_port": services.facts.dicom_port(),
            "page_address": page_address(services.facts),
        }

    @pages.get("/")
    @needs("viewer")
    def studies() -> str:
        """The study list."""
        return render_template("clinic/studies.html", **list_facts())

    @pages.get("/studies/list")
    @needs("viewer")
    def study_list() -> str:
        """The list alone, for the page's own update."""
        return render_template("clinic/_study_list.html", **list_facts())

    @pages.get("/studies/<int:study_id>")
    @needs("viewer")
    def study(study_id: int) -> str:
        """One study: pictures, delivery, report."""
        return render_template("clinic/study.html", **study_facts(services, study_id))

    @pages.get("/studies/<int:study_id>/state")
    @needs("viewer")
    def study_state(study_id: int) -> str:
        """Delivery and report alone, for the page's own update."""
        return render_template("clinic/_study_state.html", **study_facts(services, study_id))

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
        """Send the study to a reader."""
        priority = PRIORITIES.get(request.form.get("urgency", ""))
        if priority is None:
            raise BadInput(field="Urgency", reason="routine, urgent or STAT")
        destination = services.destinations.get(request.form.get("destination", 0, int))
        study = services.catalogue.study(study_id)
        services.queue.request(study.id, destination.id, priority, current_user.name, str(generate_uid()))
        return redirect(url_for("clinic.study", study_id=study_id))

    @pages.post("/studies/<int:study_id>/again")
    @needs("technician")
    def again(study_id: int) -> Response:
        """Try parked deliveries again and look for the report now."""
        services.queue.retry_study(services.catalogue.study(study_id).id)
        return redirect(url_for("clinic.study", study_id=study_id))


def study_facts(services: Services, study_id: int) -> dict[str, object]:
    """What the study page shows."""
    line = services.catalogue.line(services.catalogue.study(study_id))
    return {
        "line": line,
        "study": line.study,
        "deliveries": deliveries(services, line),
        "reports": shown_reports(services, line),
        "destinations": services.destinations.all(),
        "completeness": services.completion.of(line),
        "requests": {r.destination_id: r for r in services.requests.of_study(study_id)},
    }


def deliveries(services: Services, line: StudyLine) -> list[Delivery]:
    """The state of delivery to each destination."""
    known = {d.id: d for d in services.destinations.all()}
    shown = []
    for progress in services.queue.progress(line.study.id):
        kind, text = words.delivery_state(progress, known.get(progress.destination_id))
        shown.append(Delivery(kind, text, progress))
    return shown


def shown_reports(services: Services, line: StudyLine) -> list[ShownReport]:
    """Reports, newest first; one that cannot be read says so."""
    shown = []
    for instance in reversed(line.reports):
        try:
            text = services.desk.text(instance) if instance.report_kind == "SR" else None
            shown.append(ShownReport(instance, text, None))
        except NotDicom as error:
            shown.append(ShownReport(instance, None, error.text))
    return shown


def _add_destinations(pages: Blueprint, services: Services) -> None:
    def shown(tested: Destination | None = None, error: BuckyError | None = None) -> str:
        rows = [(d, services.queue.waiting_count(d.id)) for d in services.destinations.all()]
        return render_template("clinic/destinations.html", rows=rows, tested=tested, error=error)

    @pages.get("/destinations")
    @needs("administrator")
    def destinations() -> str:
        """Readers and archives."""
        return shown()

    @pages.post("/destinations")
    @needs("administrator")
    def add_destination() -> Response | tuple[str, int]:
        """A new reader."""
        form = request.form
        try:
            services.destinations.add(
                form.get("name", ""),
                form.get("url", "").strip(),
                token=form.get("token", "").strip() or None,
                auto="auto" in form,
            )
        except BuckyError as error:
            return shown(error=error), 400
        return redirect(url_for("clinic.destinations"))

    @pages.post("/destinations/<int:destination_id>/<action>")
    @needs("administrator")
    def change_destination(destination_id: int, action: str) -> Response | str | tuple[str, int]:
        """Test, pause, resume or remove."""
        destination = services.destinations.get(destination_id)
        if action == "test":
            try:
                services.probe(destination)
            except BuckyError as error:
                return shown(error=error), 502
            services.destinations.kick(destination_id)
            return shown(tested=destination)
        if action == "remove":
            services.destinations.remove(destination_id)
        elif action in ("pause", "resume"):
            services.destinations.pause(destination_id, paused=action == "pause")
        else:
            raise BadInput(field="Action", reason="test, pause, resume or remove")
        return redirect(url_for("clinic.destinations"))
