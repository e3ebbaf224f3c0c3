"""Put pictures to the right patient; delete a study, and have it back within the grace period."""

from collections.abc import Mapping

from flask import Blueprint, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from appliance.archive.catalogue import Study
from appliance.archive.set_aside import GRACE_DAYS
from appliance.errors import BuckyError
from appliance.exams.exam import attributes
from webui.actor import actor, record_study
from webui.errors import status_of
from webui.roles import needs
from webui.services import Services
from webui.session import Answer
from webui.vocabulary import typed

_CHOICES = 12
_FIELDS = ("patient", "owner", "patient_id", "species", "breed", "sex", "neutered", "birth_date", "weight_kg")
"""What the form asks; the words of `appliance.exams.exam.FIELDS`."""


def add(pages: Blueprint, services: Services) -> None:
    """The views of corrections and deletions."""
    _add_correction(pages, services)
    _add_deletion(pages, services)


def _add_correction(pages: Blueprint, services: Services) -> None:
    def shown(study_id: int, error: BuckyError | None = None) -> str:
        line = services.catalogue.line(services.catalogue.study(study_id))
        patients: dict[tuple[str | None, str | None], Study] = {}
        for other in services.catalogue.recent(limit=50):
            if other.study.patient_id != line.study.patient_id or other.study.patient_name != line.study.patient_name:
                patients.setdefault((other.study.patient_id, other.study.patient_name), other.study)
        return render_template(
            "clinic/correct.html",
            line=line,
            study=line.study,
            patients=list(patients.values())[:_CHOICES],
            exams=services.worklist.open()[:_CHOICES],
            chosen=request.form.getlist("picture", int) or [i.id for i in (*line.images, *line.others)],
            error=error,
        )

    @pages.get("/studies/<int:study_id>/correct")
    @needs("technician")
    def correct(study_id: int) -> str:
        """Which pictures, and whose they are."""
        return shown(study_id)

    @pages.post("/studies/<int:study_id>/correct")
    @needs("technician")
    def put_right(study_id: int) -> Answer:
        """Make corrected copies; the originals are kept and can be had back."""
        study = services.catalogue.study(study_id)
        try:
            moved = services.corrections.correct(
                study_id,
                request.form.getlist("picture", int),
                _patient(services, request.form),
                reason=request.form.get("reason", ""),
                by=current_user.name,
            )
        except BuckyError as error:
            return shown(study_id, error), status_of(error)
        record_study(services.trail, "patient-corrected", study, subject="moved away")
        record_study(services.trail, "patient-corrected", services.catalogue.study(moved), subject="moved here")
        return redirect(url_for("clinic.study", study_id=moved))


def _patient(services: Services, form: Mapping[str, str]) -> Mapping[str, str | None]:
    """The patient that was chosen from an exam or another study, or typed."""
    kind, _, number = form.get("whose", "typed").partition(" ")
    if kind == "exam":
        return vars(services.worklist.get(int(number)))
    if kind == "study":
        known = vars(services.catalogue.study(int(number)))
        return {key: value for key, value in known.items() if key != "accession_number"}
    given = typed(form)
    found = attributes({name: given.get(name, "") for name in _FIELDS})
    return {key: value for key, value in found.items() if key != "accession_number"}


def _add_deletion(pages: Blueprint, services: Services) -> None:
    @pages.get("/studies/<int:study_id>/delete")
    @needs("doctor")
    def deletion(study_id: int) -> str:
        """Why, and what then happens."""
        line = services.catalogue.line(services.catalogue.study(study_id))
        return render_template("clinic/delete.html", line=line, study=line.study, days=GRACE_DAYS, error=None)

    @pages.post("/studies/<int:study_id>/delete")
    @needs("doctor", again=True)
    def delete(study_id: int) -> Answer:
        """Take the study out; it can be had back for a while."""
        line = services.catalogue.line(services.catalogue.study(study_id))
        try:
            services.removals.delete_study(study_id, reason=request.form.get("reason", ""), by=current_user.name)
        except BuckyError as error:
            page = render_template("clinic/delete.html", line=line, study=line.study, days=GRACE_DAYS, error=error)
            return page, status_of(error)
        record_study(services.trail, "deleted", line.study, subject=request.form.get("reason", "")[:200])
        return redirect(url_for("clinic.removed"))

    @pages.get("/removed")
    @needs("technician")
    def removed() -> str:
        """Deletions and corrections that can still be undone."""
        return render_template("clinic/removed.html", removals=services.removals.all())

    @pages.post("/removed/<int:removal_id>/undo")
    @needs("doctor")
    def undo(removal_id: int) -> Response:
        """Have it back as it was."""
        removal = services.removals.undo(removal_id, by=current_user.name)
        services.trail.record(
            "changed",
            actor(),
            patient_id=removal.patient_id,
            patient_name=removal.patient_name,
            subject=f"{removal.kind}: undone",
        )
        return redirect(url_for("clinic.study", study_id=removal.study_id))
