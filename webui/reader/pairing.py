"""Pairing codes: made for a clinic by the reader's administrator, exchanged for a token by the clinic's box."""

from flask import Blueprint, render_template, request

from appliance.errors import BadInput, BuckyError
from webui.actor import actor
from webui.errors import status_of
from webui.roles import PUBLIC, needs
from webui.services import Services
from webui.session import Answer

MOST_BYTES = 1_000


def add(pages: Blueprint, services: Services) -> None:
    """The page that makes a code."""

    @pages.post("/clinics/invite")
    @needs("administrator", again=True)
    def invite() -> Answer:
        """A code for a clinic, shown once."""
        clinic = request.form.get("clinic", "").strip()
        try:
            code = services.invitations.make(clinic, actor().name)
        except BuckyError as error:
            return render_template("reader/invited.html", clinic=clinic, code=None, error=error), status_of(error)
        services.trail.record("user-set", actor(), subject=f"pairing code for {clinic}")
        return render_template("reader/invited.html", clinic=clinic, code=code, error=None)


def create(services: Services) -> Blueprint:
    """The blueprint `pairing`: the box's side has no log-in yet, only the code."""
    programs = Blueprint("pairing", __name__)

    @programs.post("/api/pair.json")
    @needs(PUBLIC)  # the code is the proof
    def pair() -> dict[str, str]:
        """The token of a new box, for a code that serves once."""
        said = request.get_json(silent=True) if (request.content_length or 0) <= MOST_BYTES else None
        if not isinstance(said, dict) or not isinstance(said.get("code"), str):
            raise BadInput(field="Code", reason="JSON with the pairing code is needed")
        clinic, token = services.invitations.redeem(said["code"], request.remote_addr or "")
        services.trail.record("user-set", actor(f"box of {clinic}"), subject=f"token of {clinic}", change="paired")
        return {"service": services.setting("clinic_name") or "Reader", "clinic": clinic, "token": token}

    return programs
