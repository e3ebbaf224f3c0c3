"""The locked page: a PIN switches between people on a PC of the clinic; and the password again."""

import time

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from appliance.accounts.people import Account
from appliance.audit.events import SERIOUS_FAILURE
from appliance.errors import BuckyError
from webui.actor import actor
from webui.errors import status_of
from webui.roles import PUBLIC, needs
from webui.services import Services
from webui.session import Answer, enter, inside, pc_of


def create(services: Services) -> Blueprint:
    """The blueprint `lock`."""
    pages = Blueprint("lock", __name__)
    _add_again(pages, services)

    def people() -> list[Account]:
        """Who may use a PIN here: everybody who has one, on a PC of the clinic only."""
        return [a for a in services.accounts.all() if a.has_pin and not a.disabled] if pc_of(services) else []

    @pages.post("/lock")
    @needs(PUBLIC)
    def lock() -> Response:
        """Lock the page now, for the next person."""
        session["locked"] = True
        return redirect(url_for("lock.locked"))

    @pages.route("/unlock", methods=["GET", "POST"])
    @needs(PUBLIC)
    def locked() -> Answer:
        """Choose a name, type the PIN."""
        pc = pc_of(services)
        if pc is None or not people():
            return redirect(url_for("session.log_in", next=request.args.get("next")))
        if request.method == "GET":
            return render_template("shared/locked.html", people=people(), chosen=_chosen(), error=None)
        account_id = request.form.get("account", 0, int)
        try:
            account = services.accounts.log_in_with_pin(account_id, request.form.get("pin", ""), pc.id)
        except BuckyError as error:
            name = next((a.name for a in people() if a.id == account_id), "nobody")
            services.trail.record("logged-in", actor(name), outcome=SERIOUS_FAILURE, reason=error.code, subject="PIN")
            page = render_template("shared/locked.html", people=people(), chosen=account_id, error=error)
            return page, status_of(error)
        answer = enter(services, account)
        session.pop("again", None)  # a PIN is not the password
        return answer

    return pages


def _add_again(pages: Blueprint, services: Services) -> None:
    @pages.route("/again", methods=["GET", "POST"])
    @needs("viewer")
    def again() -> Answer:
        """The password once more, then on to what was asked for."""
        error: BuckyError | None = None
        if request.method == "POST":
            try:
                services.accounts.check_password(current_user.account, request.form.get("password_again", ""))
            except BuckyError as wrong:
                error = wrong
            else:
                session["again"] = time.time()
                return redirect(inside(request.args.get("next", "")))
        here = request.script_root + request.full_path
        page = render_template("shared/again.html", kept=[], action=here, error=error)
        return page, status_of(error) if error else 200


def _chosen() -> int | None:
    """Who was here last."""
    return current_user.account.id if current_user.is_authenticated else None
