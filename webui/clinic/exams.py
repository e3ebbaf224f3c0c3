"""Today's exams: the list that the X-ray unit shows, and the form for a new one."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from appliance.dicom.vocabulary import BREEDS, SPECIES_WORDS
from appliance.errors import BuckyError
from appliance.exams.exam import FIELDS
from webui.roles import needs
from webui.services import Services


def add(pages: Blueprint, services: Services) -> None:
    """The views of the exams."""

    def shown(error: BuckyError | None = None) -> str:
        return render_template(
            "clinic/exams.html",
            exams=services.worklist.open(),
            protocols=services.protocols.all(),
            practice=services.setting("practice_kind") or "vet",
            species=sorted(SPECIES_WORDS),
            breeds=sorted(BREEDS),
            error=error,
        )

    @pages.get("/exams")
    @needs("viewer")
    def exams() -> str:
        """What is still to be made."""
        return shown()

    @pages.get("/exams/list")
    @needs("viewer")
    def exam_list() -> str:
        """The list alone, for the page's own update."""
        return render_template("clinic/_exam_list.html", exams=services.worklist.open())

    @pages.post("/exams")
    @needs("technician")
    def add_exam() -> Response | tuple[str, int]:
        """A new exam, for the unit's worklist."""
        given = {name: value for name in FIELDS if (value := request.form.get(name, ""))}
        try:
            services.worklist.add(given, source="page", by=current_user.name)
        except BuckyError as error:
            return shown(error), 400
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
            services.protocols.put(request.form.get("name", ""), request.form.get("views", "").splitlines())
        except BuckyError as error:
            return shown(error), 400
        return redirect(url_for("clinic.exams"))
