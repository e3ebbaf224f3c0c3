"""The front of a reader service: the reading list over all clinics, the clinics, templates, figures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from appliance.clock import stamp
from appliance.errors import BadInput
from appliance.reading.cases import Case, Cases, place_in_list
from appliance.reading.clinics import Clinic, Clinics
from appliance.reading.prices import valid_month
from appliance.reading.reading_clock import DEFAULT_HOURS
from appliance.reading.report import LANGUAGES, valid_language
from appliance.reading.statistics import Figures, figures
from appliance.reading.story import Urgency
from appliance.reading.workitems import Workitem, Workitems
from webui.languages import N_
from webui.reader import pairing, senders, templates
from webui.roles import needs
from webui.services import Services
from webui.tables import table

_COLUMNS = (
    *(N_("month"), N_("clinic"), N_("reports"), "STAT", N_("urgent"), N_("routine")),
    *(N_("median_h"), N_("p90_h"), N_("late")),
)


class ClinicArchive(Protocol):
    """What the front asks of one clinic."""

    @property
    def cases(self) -> Cases: ...
    @property
    def workitems(self) -> Workitems: ...


class Service(Protocol):
    """The clinics of the service with their archives."""

    @property
    def clinics(self) -> Clinics: ...
    def all(self) -> Sequence[tuple[Clinic, ClinicArchive]]: ...
    def hours(self) -> Mapping[Urgency, float]: ...


@dataclass(frozen=True)
class Listed:
    """A case and whose it is."""

    clinic: Clinic
    case: Case


def create(services: Services, service: Service) -> Blueprint:
    """The blueprint `reader` of the front; that of a clinic has the same name and its case pages."""
    pages = Blueprint("reader", __name__)
    _add_list(pages, services, service)
    _add_clinics(pages, services, service)
    _add_figures(pages, service)
    templates.add(pages, services)
    senders.add(pages, services)
    pairing.add(pages, services)
    return pages


def _add_list(pages: Blueprint, services: Services, service: Service) -> None:
    def listed() -> dict[str, object]:
        rows, announced = _gather(service)
        asking = senders.waiting(services) if current_user.role == "administrator" else 0
        return {"rows": rows, "announced": announced, "me": current_user.name, "asking": asking}

    @pages.get("/")
    @needs("viewer")
    def cases() -> str:
        """The reading list by urgency and due time."""
        return render_template("reader/cases.html", **listed())

    @pages.get("/cases/list")
    @needs("viewer")
    def case_list() -> str:
        """The list alone, for the page's own update."""
        return render_template("reader/_case_list.html", **listed())


def _add_clinics(pages: Blueprint, services: Services, service: Service) -> None:
    @pages.route("/clinics", methods=["GET", "POST"])
    @needs("administrator")
    def clinics() -> str | AnyResponse:
        """The clinics, and how long a reading may take."""
        if request.method == "POST":
            services.set_setting("reading_hours", _hours(request.form))
            services.set_setting("report_language", valid_language(request.form.get("language", "en")))
            services.set_setting("letterhead", request.form.get("letterhead", "").strip()[:500] or None)
            return redirect(url_for("reader.clinics"))
        tokens = services.tokens.all()
        return render_template(
            "reader/clinics.html",
            clinics=[(c, [t for t in tokens if (t.clinic or t.name) == c.name]) for c in service.clinics.all()],
            hours=service.hours(),
            letterhead=services.setting("letterhead") or "",
            languages=LANGUAGES,
            language=templates.report_language(services),
        )


def _add_figures(pages: Blueprint, service: Service) -> None:
    @pages.get("/figures")
    @needs("administrator")
    def month_figures() -> str:
        """Reports of a month by clinic, and how long they took."""
        month = _month()
        return render_template("reader/figures.html", rows=_figures(service, month), month=month)

    @pages.get("/figures.csv")
    @needs("administrator")
    def month_table() -> Response:
        """The same, for billing."""
        month = _month()
        rows = [
            [month, row.clinic, row.reports, *row.by_urgency, row.median_h, row.p90_h, row.late]
            for row in _figures(service, month)
        ]
        return table(f"reports-{month}.csv", _COLUMNS, rows)


def _gather(service: Service) -> tuple[list[Listed], list[tuple[Clinic, Workitem]]]:
    rows: list[Listed] = []
    announced: list[tuple[Clinic, Workitem]] = []
    for clinic, archive in service.all():
        rows += [Listed(clinic, case) for case in archive.cases.open()]
        announced += [(clinic, item) for item in archive.cases.announced()]
    return sorted(rows, key=lambda row: place_in_list(row.case)), announced


def _figures(service: Service, month: str) -> list[Figures]:
    return [figures(clinic.name, archive.workitems.done(month)) for clinic, archive in service.all() if clinic.id]


def _hours(form: Mapping[str, str]) -> str:
    try:
        hours = {urgency: float(form.get(urgency, "").replace(",", ".")) for urgency in DEFAULT_HOURS}
    except ValueError:
        raise BadInput(field="Hours", reason="numbers like 1 or 0.5") from None
    if not all(0 < value <= 24 * 30 for value in hours.values()):
        raise BadInput(field="Hours", reason="more than 0 and at most 720")
    return json.dumps(hours)


def _month() -> str:
    return month_of(request.args.get("month", ""))


def month_of(text: str) -> str:
    """A month like 2026-11, the present one if none is given; raises BadInput."""
    return valid_month(text or stamp()[:7])
