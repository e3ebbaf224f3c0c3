"""What the clinic sets up once for its cases: rules, prices, notices; and the statement of a month."""

from decimal import Decimal

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from appliance.errors import BuckyError
from appliance.reading.gate import ANY
from appliance.reading.prices import StatementLine
from appliance.reading.story import LABELS, URGENCIES
from webui.errors import status_of
from webui.languages import N_, tr
from webui.reader.front import month_of
from webui.roles import needs
from webui.services import Services
from webui.tables import Cell, table
from webui.vocabulary import regions_offered, species_offered, typed
from webui.words import local_time, reader

PRACTICES = ("vet", "chiro", "podiatry", "human")
_COLUMNS = (
    *(N_("sent"), N_("reader"), N_("patient"), N_("patient_id"), N_("urgency"), N_("sent_by"), N_("state")),
    *(N_("currency"), N_("price"), N_("basis")),
)


def add(pages: Blueprint, services: Services) -> None:
    """The views."""
    _add_statement(pages, services)
    _add_rules(pages, services)
    _add_prices(pages, services)
    _add_notices(pages, services)


def _add_statement(pages: Blueprint, services: Services) -> None:
    @pages.get("/statement")
    @needs("doctor")
    def statement() -> str:
        """The cases of a month and what they cost."""
        month = month_of(request.args.get("month", ""))
        lines, totals = services.prices.statement(month), services.prices.totals(month)
        return render_template("clinic/statement.html", lines=lines, totals=totals, month=month)

    @pages.get("/statement.csv")
    @needs("doctor")
    def statement_table() -> Response:
        """The same as a table."""
        month = month_of(request.args.get("month", ""))
        return table(f"cases-{month}.csv", _COLUMNS, map(_row, services.prices.statement(month)))


def _row(line: StatementLine) -> list[Cell]:
    return [
        *(local_time(line.released_at), reader(line.destination), line.patient_name, line.patient_id, tr(line.urgency)),
        *(line.released_by, tr(line.state), line.currency, Decimal(line.cents).scaleb(-2), tr(line.basis)),
    ]


def _add_rules(pages: Blueprint, services: Services) -> None:
    def shown(error: BuckyError | None = None) -> str:
        practice = services.setting("practice_kind") or "vet"
        rules = [rule for rule in services.gate.rules() if rule.practice in (practice, ANY)]
        key = tuple(request.args.get(name, "") for name in ("practice", "species", "region"))
        return render_template(
            "clinic/case_rules.html",
            rules=rules,
            practice=practice,
            chosen=next((r for r in rules if (r.practice, r.species, r.region) == key), None),
            labels=LABELS,
            practices=PRACTICES,
            species=species_offered(),
            regions=regions_offered(),
            error=error,
        )

    @pages.get("/settings/case-rules")
    @needs("doctor")
    def case_rules() -> str:
        """What a request must tell."""
        return shown()

    @pages.post("/settings/case-rules")
    @needs("administrator")
    def put_rule() -> AnyResponse | tuple[str, int]:
        """Make, change or remove a rule."""
        form = typed(request.form)
        try:
            practice, species, region = (form.get(name, "") for name in ("practice", "species", "region"))
            services.gate.put(practice, species, region, request.form.getlist("fields"))
        except BuckyError as error:
            return shown(error), status_of(error)
        return redirect(url_for("clinic.case_rules"))


def _add_prices(pages: Blueprint, services: Services) -> None:
    def shown(error: BuckyError | None = None) -> str:
        rows = [(d, services.prices.of(d.id)) for d in services.destinations.all()]
        return render_template("clinic/prices.html", rows=rows, urgencies=URGENCIES, error=error)

    @pages.get("/settings/prices")
    @needs("administrator")
    def price_lists() -> str:
        """What readers charge."""
        return shown()

    @pages.post("/settings/prices/<int:destination_id>")
    @needs("administrator")
    def put_prices(destination_id: int) -> AnyResponse | tuple[str, int]:
        """Enter the price list of a reader."""
        form = request.form
        try:
            services.prices.put(
                services.destinations.get(destination_id).id,
                form.get("currency", ""),
                {urgency: form.get(urgency, "") for urgency in URGENCIES},
                monthly=form.get("monthly", ""),
                included=form.get("included", ""),
                since=form.get("since", ""),
            )
        except BuckyError as error:
            return shown(error), status_of(error)
        return redirect(url_for("clinic.price_lists"))


def _add_notices(pages: Blueprint, services: Services) -> None:
    def shown(error: BuckyError | None = None, sent: bool = False) -> str:
        return render_template("clinic/notices.html", mail=services.mail_notices.settings(), error=error, sent=sent)

    @pages.get("/settings/notices")
    @needs("administrator")
    def notices() -> str:
        """Who is told by e-mail that a report has come."""
        return shown()

    @pages.post("/settings/notices")
    @needs("administrator")
    def put_notices() -> str | tuple[str, int]:
        """Save, and send a test."""
        try:
            services.mail_notices.set_settings(dict(request.form))
            if "test" in request.form:
                services.mail_notices.send("Test of the notices of your box")
        except BuckyError as error:
            return shown(error), status_of(error)
        return shown(sent="test" in request.form)
