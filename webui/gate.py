"""Before each request: first run, log-in, idle lock, role, and the password again before something grave."""

import time

from flask import current_app, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from appliance.accounts.roles import includes
from appliance.audit.events import SERIOUS_FAILURE
from appliance.errors import BuckyError, NotAllowed
from webui.actor import actor
from webui.errors import status_of, wants_json
from webui.roles import PUBLIC, asks_again, stated_role
from webui.services import Services

AGAIN_S = 300.0
"""How long the password counts as just given."""
IDLE_MINUTES = 15
FOLLOWS = "X-Bucky-Follows"
"""The page's own questions whether anything is new carry this header; they are no sign of a person."""
_PASSWORD = "password_again"  # noqa: S105 - the name of a form field


class Gate:
    """Lets a request in, or answers it."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def check(self) -> Response | None:
        """None to let the request in. Raises NotAllowed."""
        if request.endpoint is None:
            return None
        role = stated_role(current_app, request.endpoint)
        if role == PUBLIC:
            return None
        if self._services.first_run.needed:
            return redirect(url_for("session.setup"))
        if not current_user.is_authenticated:
            return _to("session.log_in")
        if self._idle():
            return _to("lock.locked")
        if role is None or not includes(current_user.role, role):  # type: ignore[arg-type]  # Flask-Login's stand-in for the person
            self._services.trail.record("refused", actor(), outcome=SERIOUS_FAILURE, subject=request.endpoint)
            raise NotAllowed
        return self._again() if asks_again(current_app, request.endpoint) else None

    def _idle(self) -> bool:
        """Whether nobody touched the page for too long; a touch begins the time anew."""
        moment = time.time()
        limit_s = 60 * idle_minutes(self._services)
        if "locked" in session or (limit_s and moment - session.get("seen", moment) > limit_s):
            session["locked"] = True
            return True
        if FOLLOWS not in request.headers:
            session["seen"] = moment
        return False

    def _again(self) -> Response | None:
        if time.time() - session.get("again", 0.0) < AGAIN_S:
            return None
        error = None
        if given := request.form.get(_PASSWORD):
            try:
                self._services.accounts.check_password(current_user.account, given)
            except BuckyError as wrong:
                error = wrong
            else:
                session["again"] = time.time()
                return None
        if request.method == "GET":
            return redirect(url_for("lock.again", next=_here()))
        kept = [(k, v) for k, v in request.form.items(multi=True) if k not in (_PASSWORD, "csrf_token")]
        page = render_template("shared/again.html", kept=kept, action=_here(), error=error)
        return make_response(page, status_of(error) if error else 401)


def _here() -> str:
    """The address that is asked for, below the clinic's place at a reader service."""
    return (request.script_root + request.full_path).rstrip("?")


def idle_minutes(services: Services) -> int:
    """After how many minutes without a touch the page locks; 0 for never."""
    return int(services.setting("idle_minutes") or IDLE_MINUTES)


def _to(endpoint: str) -> Response:
    """A page that lets somebody in, and then goes on; 401 for the page's scripts."""
    if wants_json() or FOLLOWS in request.headers:
        return make_response({"code": "log-in", "message": _("Log in first."), "hint": _("Reload the page.")}, 401)
    return redirect(url_for(endpoint, next=_here() if request.method == "GET" else None))
