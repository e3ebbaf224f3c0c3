"""Find a study by patient, owner, species, day, view or report; the history of one patient."""

import datetime

from flask import Blueprint, render_template, request

from appliance.archive.finder import REPORT_STATES, Wanted
from appliance.errors import BadInput
from webui.clinic.deliveries import deliveries
from webui.roles import needs
from webui.services import Services
from webui.vocabulary import species_offered, species_typed, view_typed

_MOST = 100


def add(pages: Blueprint, services: Services) -> None:
    """The view of the search."""

    @pages.get("/find")
    @needs("viewer")
    def find() -> str:
        """The form, and what it found."""
        wanted = _wanted()
        found = services.finder.find(wanted, limit=_MOST + 1) if wanted != Wanted() else []
        lines = [services.catalogue.line(services.catalogue.study(study_id)) for study_id in found[:_MOST]]
        return render_template(
            "clinic/find.html",
            wanted=wanted,
            asked=wanted != Wanted(),
            lines=[(line, deliveries(services, line)) for line in lines],
            more=len(found) > _MOST,
            species=species_offered(),
        )


def _wanted() -> Wanted:
    report = request.args.get("report", "")
    known = next((state for state in REPORT_STATES if state == report), None)
    if known is None:
        raise BadInput(field="Report", reason="with, without or waiting")
    species = request.args.get("species", "").strip()[:64]
    return Wanted(
        words=request.args.get("words", "").strip()[:100],
        patient_id=request.args.get("patient_id", "").strip()[:64],
        species=species_typed(species) if species else "",
        view=view_typed(request.args.get("view", ""))[:64],
        first_day=_day("first_day"),
        last_day=_day("last_day"),
        report=known,
    )


def _day(field: str) -> str:
    text = request.args.get(field, "").strip()
    try:
        return datetime.date.fromisoformat(text).strftime("%Y%m%d") if text else ""
    except ValueError:
        raise BadInput(field="Day", reason="a date like 2026-03-31") from None
