"""Today's exams: the list that the X-ray unit shows, and the form for a new one."""

from datetime import datetime

from flask import Blueprint, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from appliance.dicom.breeds import breeds_for
from appliance.errors import BuckyError
from appliance.exams.exam import FIELDS
from webui.clinic import today
from webui.roles import needs
from webui.services import Services
from webui.vocabulary import exam_typed, species_offered, species_typed, typed, views_typed


def add(pages: Blueprint, services: Services) -> None:
    """The views of the exams."""
    _add_today(pages, services)
    _add_changes(pages, services)


def _list_facts(services: Services) -> dict[str, object]:
    return {
        "rows": today.rows(services),
        "today": datetime.now().astimezone().strftime("%Y%m%d"),
        "has_readers": bool(services.destinations.all()),
        "exam_days": services.exam_days,
    }


def _shown(services: Services, error: BuckyError | None = None) -> str:
    return render_template(
        "clinic/exams.html",
        **_list_facts(services),
        protocols=services.protocols.all(),
        practice=services.setting("practice_kind") or "vet",
        species=species_offered(),
        error=error,
    )


def _add_today(pages: Blueprint, services: Services) -> None:
    @pages.get("/exams")
    @needs("viewer")
    def exams() -> str:
        """Today: what is to be made, what has come, what is missing."""
        return _shown(services)

    @pages.get("/exams/list")
    @needs("viewer")
    def exam_list() -> str:
        """The list alone, for the page's own update."""
        return render_template("clinic/_exam_list.html", **_list_facts(services))

    @pages.get("/exams/breeds.json")
    @needs("viewer")
    def breeds() -> list[str]:
        """The breeds of a species, to choose from; anything else may be typed."""
        return breeds_for(species_typed(request.args.get("species", "")))


def _add_changes(pages: Blueprint, services: Services) -> None:
    @pages.post("/exams")
    @needs("technician")
    def add_exam() -> Response | tuple[str, int]:
        """A new exam, for the unit's worklist."""
        form = typed(request.form)
        given = {name: value for name in FIELDS if (value := form.get(name, ""))}
        if "age" in given:
            given["age"] += f" {request.form.get('age_unit', 'years')}"
        try:
            services.worklist.add(given, source="page", by=current_user.name)
        except BuckyError as error:
            return _shown(services, error), 400
        return redirect(url_for("clinic.exams"))

    @pages.post("/exams/<int:exam_id>/cancel")
    @needs("technician")
    def cancel_exam(exam_id: int) -> Response:
        """Take an exam off the list."""
        services.worklist.cancel(exam_id)
        return redirect(url_for("clinic.exams"))

    @pages.post("/exams/protocols")
    @needs("technician")
    def put_protocol() -> Response | tuple[str, int]:
        """Make or change what views an exam is expected to have."""
        try:
            services.protocols.put(exam_typed(request.form.get("name", "")), views_typed(request.form.get("views", "")))
        except BuckyError as error:
            return _shown(services, error), 400
        return redirect(url_for("clinic.exams"))
