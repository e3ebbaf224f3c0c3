"""One mapping from errors to HTTP: a page for people, JSON for programs."""

import secrets

from flask import Flask, Response, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from appliance.accounts.people import TooManyTries
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

_STATUS: tuple[tuple[type[BuckyError], int], ...] = (
    (NotFound, 404),
    (NotAllowed, 403),
    (WrongCredentials, 403),
    (TooManyTries, 429),
    (BadInput, 400),
    (CannotDisplay, 422),
    (PeerError, 502),
    (DiskFull, 507),
)


def status_of(error: BuckyError) -> int:
    """The HTTP status of an error of ours."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def register(app: Flask, log: Log) -> None:
    """Answer every error of the pages."""

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        if isinstance(error, BuckyError):
            return answer(error.code, error.text, error.advice, status_of(error))
        if isinstance(error, CSRFError):
            hint = "Go back, reload the page and try again."
            return answer("page-too-old", "This page was open for too long.", hint, 400)
        if isinstance(error, HTTPException):
            return answer("http", f"{error.name}.", "Go back to the list.", error.code or 500)
        incident = secrets.token_hex(3).upper()
        log.event("page-failed", code=type(error).__name__, incident=incident)
        text = f"Something unexpected happened (incident {incident})."
        return answer("unexpected", text, "Try again; if it happens again, tell support the incident number.", 500)


def answer(code: str, message: str, hint: str, status: int) -> Response:
    """The same facts as a page or as JSON, by what was asked for."""
    facts = {"code": code, "message": message, "hint": hint}
    if wants_json():
        return make_response(facts, status)
    return make_response(render_template("shared/error.html", **facts), status)


def wants_json() -> bool:
    """Whether a program asks, or a script of the page."""
    best = request.accept_mimetypes.best_match(["text/html", "application/json"])
    return best == "application/json" or request.path.endswith((".json", "/pixels"))
