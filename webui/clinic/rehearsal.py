"""The morning rehearsal: how the last ones went, when the clinic opens, and one now."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from appliance.errors import BadInput
from webui.actor import actor
from webui.errors import status_of
from webui.roles import needs
from webui.services import Services
from webui.session import Answer


def add(pages: Blueprint, services: Services) -> None:
    """The views of the rehearsal, and its failure for the pages that people open first."""

    def facts() -> dict[str, object]:
        return {"rehearsals": services.rehearsals.all(limit=7)}

    def shown(error: BadInput | None = None) -> str:
        opening = request.form.get("opening", services.rehearsals.opening_time)
        return render_template("clinic/rehearsal.html", opening=opening, error=error, **facts())

    @pages.get("/rehearsal")
    @needs("viewer")
    def rehearsal() -> str:
        """The last rehearsals."""
        return shown()

    @pages.get("/rehearsal/list")
    @needs("viewer")
    def rehearsal_list() -> str:
        """The list alone, for the page's own update."""
        return render_template("clinic/_rehearsal_list.html", **facts())

    @pages.post("/rehearsal")
    @needs("technician")
    def rehearse() -> Response:
        """One now."""
        services.rehearsals.ask(current_user.name)
        return redirect(url_for("clinic.rehearsal"))

    @pages.post("/rehearsal/opening")
    @needs("administrator")
    def opening() -> Answer:
        """When the clinic opens."""
        try:
            services.rehearsals.set_opening_time(request.form.get("opening", ""))
        except BadInput as error:
            return shown(error), status_of(error)
        services.trail.record("security-set", actor(), subject="opening time")
        return redirect(url_for("clinic.rehearsal"))

    @pages.context_processor
    def rehearsal_trouble() -> dict[str, object]:
        """For Today and the list of studies."""
        return {"rehearsal_trouble": lambda: (last := services.rehearsals.latest()) and last.trouble}
