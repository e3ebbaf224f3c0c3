"""From unboxing to daily work: what is set up, what is still open; and the cheat sheet for the wall."""

import zoneinfo
from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, request, url_for
from flask_login import current_user

from appliance.accounts.roles import includes
from appliance.clock import use_zone
from appliance.errors import BadInput
from webui.actor import actor
from webui.errors import status_of
from webui.roles import needs
from webui.services import Services
from webui.session import Answer
from webui.shared import page_address

TIME_ZONE, HIDDEN = "time_zone", "first_steps_hidden"


@dataclass(frozen=True)
class Step:
    """One thing to set up; it may always be left for later."""

    title: str
    done: bool
    words: str
    endpoint: str


def steps(services: Services) -> list[Step]:
    """All steps, in the order in which they make sense."""
    units = [s for s in services.senders.all() if s.state == "accepted" and s.kind == "dimse"]
    readers = services.destinations.all()
    answered = [reader for reader in readers if reader.last_answer_at]
    zone = services.setting(TIME_ZONE)
    return [
        Step("Time and place", zone is not None, zone or "So that exams carry the right day.", "clinic.place"),
        Step(
            "X-ray unit",
            bool(units),
            f"{units[0].name} is connected." if units else "Type the card into the unit and take a picture.",
            "clinic.units",
        ),
        Step(
            "Reader",
            bool(answered),
            f"{answered[0].name} answers."
            if answered
            else "Press Test beside the reader that you entered."
            if readers
            else "Enter the pairing code of your reading service, or its address and token.",
            "clinic.readers",
        ),
        Step(
            "Recovery key",
            services.keeping.recovery_keys.made_at is not None,
            "Printed."
            if services.keeping.recovery_keys.made_at
            else "Print it and lock it away: it opens your backups.",
            "clinic.safety",
        ),
        Step(
            "People",
            len(services.accounts.all()) > 1,
            "Everybody gets a name of their own; a PIN is enough on the clinic’s PCs.",
            "people.everybody",
        ),
    ]


def still_open(services: Services) -> list[Step]:
    """What the list of studies reminds the administrator of, until it is done or hidden."""
    if services.setting(HIDDEN) or not includes(current_user.role, "administrator"):
        return []
    return [step for step in steps(services) if not step.done]


def add(pages: Blueprint, services: Services) -> None:
    """The views of the first steps."""

    @pages.get("/first-steps")
    @needs("administrator")
    def first_steps() -> str:
        """What is set up and what is still open."""
        return render_template("clinic/first_steps.html", steps=steps(services), hidden=services.setting(HIDDEN))

    @pages.post("/first-steps/hide")
    @needs("administrator")
    def hide_first_steps() -> Answer:
        """Remind nobody any more; the page stays under settings."""
        services.set_setting(HIDDEN, "yes")
        return redirect(url_for("clinic.studies"))

    @pages.route("/place", methods=["GET", "POST"])
    @needs("administrator")
    def place() -> Answer:
        """The time zone of the clinic, and when it opens."""
        error, wanted = None, request.form.get("zone", services.setting(TIME_ZONE) or "")
        opening = request.form.get("opening", services.rehearsals.opening_time)
        if request.method == "POST":
            try:
                _set_place(services, wanted, opening)
            except BadInput as refused:
                error = refused
            else:
                return redirect(url_for("clinic.first_steps"))
        zones = sorted(zoneinfo.available_timezones())
        page = render_template("clinic/place.html", zones=zones, zone=wanted, opening=opening, error=error)
        return (page, status_of(error)) if error else page

    @pages.get("/cheat-sheet")
    @needs("viewer")
    def cheat_sheet() -> str:
        """One page for the wall of the X-ray room."""
        return render_template(
            "clinic/cheat_sheet.html",
            page_address=page_address(services.facts),
            dicom_port=services.facts.dicom_port(),
            readers=services.destinations.all(),
        )


def _set_place(services: Services, zone: str, opening: str) -> None:
    """Raises BadInput before anything is changed for a zone that does not exist."""
    if zone not in zoneinfo.available_timezones():
        raise BadInput(field="Time zone", reason="choose one of the list, e.g. Europe/Berlin")
    services.rehearsals.set_opening_time(opening)
    services.set_setting(TIME_ZONE, zone)
    use_zone(zone)
    services.trail.record("security-set", actor(), subject=f"time zone {zone}, opens at {opening}")
