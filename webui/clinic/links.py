"""Links for owners: a reader service shows one study to whoever has the link, until a day."""

from flask import Blueprint, redirect, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from appliance.courier.links import Link
from appliance.errors import BadInput
from webui.actor import record_study
from webui.roles import needs
from webui.services import Services

LONGEST_DAYS = 30


def add(pages: Blueprint, services: Services) -> None:
    """The acts of the study page's card."""

    def back(study_id: int) -> Response:
        return redirect(url_for("clinic.study", study_id=study_id, _anchor="links"))

    @pages.post("/studies/<int:study_id>/links")
    @needs("technician", again=True)
    def make_link(study_id: int) -> Response:
        """Ask a reader service for a link."""
        days = request.form.get("days", 0, int)
        if not 1 <= days <= LONGEST_DAYS:
            raise BadInput(field="Days", reason=f"a number from 1 to {LONGEST_DAYS}")
        study = services.catalogue.study(study_id)
        destination = services.destinations.get(request.form.get("destination", 0, int))
        services.links.make(study, destination, days, current_user.name)
        record_study(services.trail, "exported", study, subject=f"link at {destination.name} for {days} days")
        return back(study_id)

    @pages.post("/studies/<int:study_id>/links/<int:link_id>/revoke")
    @needs("technician")
    def revoke_link(study_id: int, link_id: int) -> Response:
        """Take one back."""
        study = services.catalogue.study(study_id)
        services.links.revoke(study, link_id)
        record_study(services.trail, "changed", study, subject="link taken back")
        return back(study_id)

    @pages.context_processor
    def known() -> dict[str, object]:
        """For the study page."""

        def links_of(study_id: int) -> list[Link]:
            return services.links.of_study(study_id)

        return {"links_of": links_of}
