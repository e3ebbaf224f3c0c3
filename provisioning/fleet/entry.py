"""The console's door: who may see what, log in, log out."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from appliance.errors import BuckyError
from provisioning.fleet.staff import includes

if TYPE_CHECKING:
    from provisioning.fleet.service import Fleet

View = Callable[..., Any]


def role_at(fleet: "Fleet") -> str | None:
    """The role of who asks, at this moment; None for who is not logged in."""
    return fleet.people.role_of(session.get("name", ""), session.get("seal", ""))


def me() -> str:
    """The name of who is logged in."""
    return str(session["name"])


def needs(fleet: "Fleet", least: str) -> Callable[[View], View]:
    """Let in who has at least this role at the moment of the request."""

    def wrap(view: View) -> View:
        @wraps(view)
        def guarded(**given: Any) -> Any:
            role = role_at(fleet)
            if role is None:
                return redirect(url_for("console.log_in"))
            if not includes(role, least):
                abort(403)
            return view(**given)

        return guarded

    return wrap


def begin(name: str, seal: str) -> None:
    """A session of a person, which ends with the password or authenticator that it was begun with."""
    session.clear()
    session.permanent = True  # for so many hours, see the application's settings
    session["name"], session["seal"] = name, seal


def add(pages: Blueprint, fleet: "Fleet") -> None:
    """Put the log-in onto the console."""

    @pages.route("/login", methods=["GET", "POST"])
    def log_in() -> AnyResponse | str | tuple[str, int]:
        """Name, password and the number of the authenticator."""
        if request.method == "GET":
            return render_template("login.html", error=None)
        form = request.form
        try:
            seal = fleet.people.log_in(form.get("name", ""), form.get("password", ""), form.get("number", "").strip())
        except BuckyError as error:
            return render_template("login.html", error=error), 403
        begin(form["name"], seal)
        return redirect(url_for("console.boxes"))

    @pages.post("/logout")
    def log_out() -> AnyResponse:
        """End the session."""
        session.clear()
        return redirect(url_for("console.log_in"))
