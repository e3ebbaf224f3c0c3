"""One mapping from errors to HTTP: a page for people, JSON for programs."""

import secrets

from flask import Flask, Response, make_response, render_template, request
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from appliance.accounts.people import LastAdministrator, PinBlocked
from appliance.accounts.throttle import TooManyTries
from appliance.courier.requests import NotComplete
from appliance.errors import (
    BadInput,
    BuckyError,
    CannotDisplay,
    DiskFull,
    NotAllowed,
    NotFound,
    PeerError,
    WrongCredentials,
)
from appliance.logs import Log
from appliance.reading.workitems import WorkitemConflict
from webui import languages

_STATUS: tuple[tuple[type[BuckyError], int], ...] = (
    (NotFound, 404),
    (NotAllowed, 403),
    (WrongCredentials, 403),
    (PinBlocked, 403),
    (LastAdministrator, 409),
    (TooManyTries, 429),
    (BadInput, 400),
    (NotComplete, 400),
    (WorkitemConflict, 409),
    (CannotDisplay, 422),
    (PeerError, 502),
    (DiskFull, 507),
)


_HTTP = {
    404: languages.N_("There is no such page."),
    405: languages.N_("This page cannot be asked in this way."),
    413: languages.N_("This is too large to be taken."),
    415: languages.N_("This kind of data is not taken here."),
}
_CANNOT = languages.N_("This request cannot be answered.")


def status_of(error: BuckyError) -> int:
    """The HTTP status of an error of ours."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def register(app: Flask, log: Log) -> None:
    """Answer every error of the pages."""

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        if isinstance(error, BuckyError):
            return answer(error.code, languages.message(error), languages.advice(error), status_of(error))
        if isinstance(error, CSRFError):
            hint = _("Go back, reload the page and try again.")
            return answer("page-too-old", _("This page was open for too long."), hint, 400)
        if isinstance(error, HTTPException):
            words = languages.tr(_HTTP.get(error.code or 500, _CANNOT))
            return answer("http", words, _("Go back to the list."), error.code or 500)
        incident = secrets.token_hex(3).upper()
        log.event("page-failed", code=type(error).__name__, incident=incident)
        text = _("Something unexpected happened (incident %(incident)s).", incident=incident)
        return answer("unexpected", text, _("Try again; if it happens again, tell support the incident number."), 500)


def answer(code: str, message: str, hint: str, status: int) -> Response:
    """The same facts as a page or as JSON, by what was asked for."""
    facts = {"code": code, "message": message, "hint": hint}
    if wants_json():
        return make_response(facts, status)
    return make_response(render_template("shared/error.html", **facts), status)


def wants_json() -> bool:
    """Whether a program asks, or a script of the page."""
    best = request.accept_mimetypes.best_match(["text/html", "application/json"])
    return best == "application/json" or request.path.endswith(".json")
