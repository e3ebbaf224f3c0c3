"""First run, log-in and log-out."""

from urllib.parse import urlsplit

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask_login import login_user, logout_user
from werkzeug.wrappers import Response

from appliance.accounts.people import PRACTICES, Account
from appliance.errors import BuckyError
from webui.errors import status_of
from webui.roles import PUBLIC, needs
from webui.services import Services

Answer = str | Response | tuple[str, int]


def create(services: Services) -> Blueprint:
    """The blueprint `session`."""
    pages = Blueprint("session", __name__)

    @pages.route("/setup", methods=["GET", "POST"])
    @needs(PUBLIC)
    def setup() -> Answer:
        """Name the clinic and make the first administrator, proven by the setup code."""
        if not services.accounts.needs_setup:
            return redirect(url_for("session.log_in"))
        if request.method == "GET":
            return render_template("shared/setup.html", practices=PRACTICES, error=None)
        form = request.form
        try:
            account = services.accounts.set_up_with_code(
                form.get("code", ""),
                request.remote_addr or "",
                clinic=form.get("clinic", ""),
                kind=form.get("kind", ""),
                name=form.get("name", ""),
                password=form.get("password", ""),
            )
        except BuckyError as error:
            return render_template("shared/setup.html", practices=PRACTICES, error=error), status_of(error)
        return _enter(account)

    @pages.route("/login", methods=["GET", "POST"])
    @needs(PUBLIC)
    def log_in() -> Answer:
        """Name and password."""
        if services.accounts.needs_setup:
            return redirect(url_for("session.setup"))
        if request.method == "GET":
            return render_template("shared/login.html", error=None)
        try:
            account = services.accounts.log_in(
                request.form.get("name", ""), request.form.get("password", ""), request.remote_addr or ""
            )
        except BuckyError as error:
            return render_template("shared/login.html", error=error), status_of(error)
        return _enter(account)

    @pages.post("/logout")
    @needs(PUBLIC)
    def log_out() -> Response:
        """End the session."""
        logout_user()
        session.clear()
        return redirect(url_for("session.log_in"))

    @pages.get("/healthz")
    @needs(PUBLIC)
    def health() -> dict[str, str]:
        """Whether the page answers, without any detail."""
        return {"status": "ok"}

    return pages


def _enter(account: Account) -> Response:
    """A fresh session for an account; goes on to the page that was asked for."""
    from webui.app import User

    session.clear()
    session.permanent = True
    login_user(User(account))
    wanted = request.args.get("next", "")
    inside = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and not urlsplit(wanted).netloc
    return redirect(wanted if inside else "/")
