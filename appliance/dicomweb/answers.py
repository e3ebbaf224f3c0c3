"""What every answer of the service shares: JSON, the service's own address, and one mapping from errors to HTTP."""

import secrets
from typing import Any

import msgspec
from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from appliance.dicomweb.accept import NotAcceptable, choose, wanted
from appliance.dicomweb.resumable import DigestMismatch, OffsetMismatch
from appliance.errors import (
    BadInput,
    BuckyError,
    CannotDisplay,
    DiskFull,
    NotAllowed,
    NotDicom,
    NotFound,
    WrongCredentials,
)
from appliance.logs import Log
from appliance.reading.workitems import WorkitemConflict

DICOM_JSON = "application/dicom+json"


class UnsupportedMedia(BuckyError):
    """The body of a request is of a kind that the service does not take."""

    code = "unsupported-media"
    message = "The body is not of a kind that the service takes; {allowed} is needed."
    hint = "See the conformance statement for what can be stored."


class WorkitemExists(BuckyError):
    """A workitem with this UID was created before."""

    code = "workitem-exists"
    message = "A workitem with this UID exists."
    hint = "Nothing needs to be done; it was received before."


# PS3.18 table 8.5-1
_HTTP: tuple[tuple[type[BuckyError], int], ...] = (
    (WrongCredentials, 401),
    (NotAllowed, 403),
    (NotFound, 404),
    (BadInput, 400),
    (NotDicom, 400),
    (NotAcceptable, 406),
    (CannotDisplay, 406),
    (WorkitemExists, 409),
    (OffsetMismatch, 409),
    (DigestMismatch, 400),
    (WorkitemConflict, 409),
    (UnsupportedMedia, 415),
    (DiskFull, 507),
)


def json_answer(document: Any, status: int = 200, media_type: str = "application/json") -> Response:
    """A document as JSON; DICOM JSON only for clients that take it. Raises NotAcceptable."""
    if media_type == DICOM_JSON:
        require_json()
    return Response(msgspec.json.encode(document, enc_hook=_plain), status, content_type=media_type)


def _plain(value: Any) -> str | int | float:
    """pydicom's own kinds of numbers and texts."""
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)
    raise NotImplementedError  # what msgspec expects of a hook for what it does not know


def require_json() -> None:
    """Raises NotAcceptable if the client takes no JSON; XML is not offered."""
    choose(wanted(request.headers.get("Accept", ""), request.args), (DICOM_JSON, "application/json"))


def base_url() -> str:
    """The address of the service as the client sees it."""
    return request.root_url.rstrip("/") + "/dicom-web"


def add_errors(blueprint: Blueprint, log: Log) -> None:
    """Answer every error of the service."""

    @blueprint.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        if isinstance(error, HTTPException):
            return json_answer({"code": "http", "message": error.name, "hint": ""}, error.code or 500)
        if isinstance(error, BuckyError):
            status = next((s for kind, s in _HTTP if isinstance(error, kind)), 500)
            answer = json_answer({"code": error.code, "message": error.text, "hint": error.advice}, status)
            if status == 401:
                answer.headers["WWW-Authenticate"] = "Bearer"
            return answer
        incident = secrets.token_hex(3).upper()
        log.event("request-failed", code=type(error).__name__, incident=incident)
        return json_answer({"code": "unexpected", "message": f"Incident {incident}.", "hint": "Call support."}, 500)
