"""Who may open which address: every view states its least role, and nothing without a statement is served."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, current_app, redirect, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from appliance.accounts.roles import Role, includes
from appliance.errors import NotAllowed

View = TypeVar("View", bound=Callable[..., Any])
PUBLIC = "public"


def needs(role: Role | str) -> Callable[[View], View]:
    """State the least role of a view, or PUBLIC."""

    def mark(view: View) -> View:
        view.needs_role = role  # type: ignore[attr-defined]  # a mark on the function, read by `stated_role`
        return view

    return mark


def stated_role(app: Flask, endpoint: str) -> str | None:
    """The role that a view states; static files are public, DICOMweb checks its own tokens."""
    if endpoint == "static" or endpoint.startswith("dicomweb."):
        return PUBLIC
    return getattr(app.view_functions[endpoint], "needs_role", None)


def check_role(needs_setup: Callable[[], bool]) -> Response | None:
    """Before each request: first run, log-in, role."""
    if request.endpoint is None:
        return None
    role = stated_role(current_app, request.endpoint)
    if role == PUBLIC:
        return None
    if needs_setup():
        return redirect(url_for("session.setup"))
    if not current_user.is_authenticated:
        return redirect(url_for("session.log_in", next=request.path if request.method == "GET" else None))
    if role is None or not includes(current_user.role, role):  # type: ignore[arg-type]
        raise NotAllowed
    return None
