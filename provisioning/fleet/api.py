"""What boxes call, under /v1: JSON by the list of `protocol.messages`, a client certificate for all but enrolment."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from flask import Blueprint, Flask, Response, g, render_template, request, send_from_directory

from appliance.errors import BadInput, BuckyError, NotFound
from provisioning.fleet import health
from provisioning.fleet.caller import certificate_of
from provisioning.fleet.documents import Documents, reply_to
from provisioning.fleet.enrolment import Enrolments
from provisioning.fleet.registry import Registry
from provisioning.fleet.rollouts import Rollouts
from provisioning.fleet.store import Store
from provisioning.fleet.support import take_diagnostics
from provisioning.protocol.documents import KINDS
from provisioning.protocol.messages import (
    Challenge,
    ClaimRequest,
    EnrolRequest,
    Heartbeat,
    Issued,
    Outcome,
    RenewRequest,
)
from provisioning.protocol.refused import NoSuch, NotKnown, WrongCode

MAX_BODY_BYTES = 256 * 1024
T = TypeVar("T")
_STATUS: dict[type[BuckyError], int] = {NotKnown: 403, WrongCode: 403, NotFound: 404, BadInput: 400}


class Api:
    """The addresses for boxes."""

    def __init__(
        self,
        *,
        store: Store,
        registry: Registry,
        enrolments: Enrolments,
        documents: Documents,
        rollouts: Rollouts,
        releases: Path,
        proxies: frozenset[str] = frozenset(),
    ) -> None:
        self._store = store
        self._registry = registry
        self._enrolments = enrolments
        self._documents = documents
        self._rollouts = rollouts
        self._releases = releases
        self._proxies = proxies

    def blueprint(self) -> Blueprint:
        """The blueprint `api`."""
        api = Blueprint("api", __name__, url_prefix="/v1")
        routes: list[tuple[str, str, Callable[..., Any]]] = [
            ("POST", "/challenge", self._challenge),
            ("POST", "/enrol", self._enrol),
            ("POST", "/renew", self._renew),
            ("POST", "/claim", self._claim),
            ("POST", "/heartbeat", self._heartbeat),
            ("GET", "/document/<kind>", self._document),
            ("POST", "/outcome/<kind>", self._outcome),
            ("POST", "/diagnostics", self._diagnostics),
            ("GET", "/releases/<path:name>", self._release),
        ]
        for method, rule, view in routes:
            api.add_url_rule(rule, view.__name__.strip("_"), view, methods=[method])
        api.before_request(self._admit)
        return api

    def _admit(self) -> None:
        """Enrolment proves itself; everything else needs a certificate that the database knows at this moment."""
        request.max_content_length = MAX_BODY_BYTES
        certificate = certificate_of(request.environ, self._proxies)
        if request.endpoint in ("api.challenge", "api.enrol"):
            return
        if certificate is None:
            raise NotKnown
        g.certificate = certificate
        if request.endpoint == "api.heartbeat":
            return  # asks the database itself, once
        with self._store.read() as session:
            box = self._enrolments.caller(session, certificate)
            g.serial = box.serial
            wiped_only = box.state == "wipe-pending"
        if wiped_only and (request.view_args or {}).get("kind") != "wipe":
            raise NotKnown

    def _challenge(self) -> Response:
        return _answer(Challenge(self._enrolments.challenge()))

    def _enrol(self) -> Response:
        return _answer(Issued(self._enrolments.enrol(_body(EnrolRequest).proof)))

    def _renew(self) -> Response:
        return _answer(Issued(self._enrolments.renew(g.serial, _body(RenewRequest).csr)))

    def _claim(self) -> Response:
        asked = _body(ClaimRequest)
        self._registry.claim(g.serial, asked.code, asked.clinic)
        return _answer({})

    def _heartbeat(self) -> Response:
        heartbeat = _body(Heartbeat)
        with self._store.write() as session:
            box = self._enrolments.greet(session, g.certificate)
            health.note(session, box, heartbeat)
            self._rollouts.heard(session, box)
            reply = reply_to(box)
        return _answer(reply)

    def _document(self, kind: str) -> Response:
        if kind not in KINDS:
            raise NoSuch(what="document")
        found = self._documents.handed_out(g.serial, kind, request.args.get("after", 0, int))
        return Response(found.envelope, mimetype="application/json")

    def _outcome(self, kind: str) -> Response:
        outcome = _body(Outcome)
        self._documents.note_outcome(g.serial, kind, outcome)
        if kind == "release" and not outcome.done:
            self._rollouts.refused(g.serial, outcome.version, outcome.reason)
        return _answer({})

    def _diagnostics(self) -> Response:
        take_diagnostics(self._store, g.serial, request.get_data())
        return _answer({})

    def _release(self, name: str) -> Response:
        # a type of its own: a guessed one would make the client unpack .gz on the way, and the length be another
        return send_from_directory(self._releases.resolve(), name, mimetype="application/octet-stream")


def _body(kind: type[T]) -> T:
    try:
        return msgspec.json.decode(request.get_data(), type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise BadInput(field="Message", reason="another form was agreed") from None


def _answer(content: object) -> Response:
    return Response(msgspec.json.encode(content), mimetype="application/json")


def add_errors(app: Flask) -> None:
    """Every expected failure with its code: JSON for boxes, a page for people."""

    @app.errorhandler(BuckyError)
    def told(error: BuckyError) -> tuple[Response | str, int]:
        status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 400)
        if request.blueprint == "console":
            return render_template("error.html", error=error), status
        return _answer({"code": error.code, "message": error.text, "hint": error.advice}), status
