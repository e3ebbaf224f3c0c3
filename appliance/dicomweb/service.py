"""The DICOMweb service as a Flask blueprint: STOW-RS, QIDO-RS, WADO-RS, and UPS-RS as far as a request needs it."""

import json
import secrets
from typing import Any

from flask import Blueprint, Response, g, request
from werkzeug.exceptions import HTTPException

from appliance.accounts.roles import Role, includes
from appliance.accounts.tokens import Tokens
from appliance.archive.catalogue import Catalogue, Instance
from appliance.archive.index import Receipt
from appliance.archive.intake import Intake
from appliance.archive.search import Search
from appliance.dicomweb import qido, stow, wado
from appliance.errors import BadInput, BuckyError, DiskFull, NotAllowed, NotFound, WrongCredentials
from appliance.logs import Log
from appliance.reading.cases import Cases

DICOM_JSON = "application/dicom+json"
MAX_WORKITEM_BYTES = 4 * 2**20
_HTTP = {WrongCredentials: 401, NotAllowed: 403, NotFound: 404, BadInput: 400, DiskFull: 507}


class WorkitemExists(BuckyError):
    """A workitem with this UID was created before."""

    code = "workitem-exists"
    message = "A workitem with this UID exists."
    hint = "Nothing needs to be done; it was received before."


class NotAcceptable(BuckyError):
    """The client asks for a representation that the service does not make."""

    code = "not-acceptable"
    message = "Instances are given in the transfer syntax in which they are stored."
    hint = "Ask for transfer-syntax=*."


def create_blueprint(
    *, catalogue: Catalogue, search: Search, intake: Intake, cases: Cases, tokens: Tokens, log: Log
) -> Blueprint:
    """The resources below the place where the blueprint is mounted."""
    blueprint = Blueprint("dicomweb", __name__)
    blueprint.before_request(lambda: _authorize(tokens))
    _add_errors(blueprint, log)
    _add_queries(blueprint, search)
    _add_retrieval(blueprint, catalogue)
    _add_storage(blueprint, intake)
    _add_workitems(blueprint, cases)
    return blueprint


def _authorize(tokens: Tokens) -> None:
    """A bearer token with the role that the method needs (RFC 6750)."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    token = tokens.verify(text.strip()) if scheme.lower() == "bearer" else None
    if token is None:
        raise WrongCredentials(what="The token")
    needed: Role = "viewer" if request.method in ("GET", "HEAD") else "technician"
    if not includes(token.role, needed):
        raise NotAllowed
    g.sender = token.name


def _add_errors(blueprint: Blueprint, log: Log) -> None:
    @blueprint.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        if isinstance(error, HTTPException):
            return _json({"code": "http", "message": error.name, "hint": ""}, error.code or 500)
        if isinstance(error, BuckyError):
            status = next((s for kind, s in _HTTP.items() if isinstance(error, kind)), None)
            status = status or {"workitem-exists": 409, "not-acceptable": 406}.get(error.code, 500)
            answer = _json({"code": error.code, "message": error.text, "hint": error.advice}, status)
            if status == 401:
                answer.headers["WWW-Authenticate"] = "Bearer"
            return answer
        incident = secrets.token_hex(3).upper()
        log.event("request-failed", code=type(error).__name__, incident=incident)
        return _json({"code": "unexpected", "message": f"Incident {incident}.", "hint": "Call support."}, 500)


def _json(document: Any, status: int = 200, media_type: str = "application/json") -> Response:
    return Response(json.dumps(document, ensure_ascii=False), status, content_type=media_type)


def _base_url() -> str:
    return request.root_url.rstrip("/") + "/dicom-web"


def _add_queries(blueprint: Blueprint, search: Search) -> None:
    def answer(level: str, **fixed: str) -> Response:
        query, limit, offset = qido.parse(level, request.args.to_dict(flat=False))
        rows = search.find(level, {**query, **fixed}, limit=limit, offset=offset)
        base = _base_url()
        found = _json([qido.as_json(level, row, base) for row in rows], media_type=DICOM_JSON)
        if request.args.get("fuzzymatching", "").lower() == "true":
            found.headers["Warning"] = (
                '299 bucky "The fuzzymatching parameter is not supported. Only literal matching has been performed."'
            )
        return found

    @blueprint.get("/studies")
    def studies() -> Response:
        return answer("study")

    @blueprint.get("/series")
    def all_series() -> Response:
        return answer("series")

    @blueprint.get("/instances")
    def all_instances() -> Response:
        return answer("instance")

    @blueprint.get("/studies/<study>/series")
    def series_of(study: str) -> Response:
        return answer("series", StudyInstanceUID=study)

    @blueprint.get("/studies/<study>/instances")
    def instances_of_study(study: str) -> Response:
        return answer("instance", StudyInstanceUID=study)

    @blueprint.get("/studies/<study>/series/<series>/instances")
    def instances_of_series(study: str, series: str) -> Response:
        return answer("instance", StudyInstanceUID=study, SeriesInstanceUID=series)


def _add_retrieval(blueprint: Blueprint, catalogue: Catalogue) -> None:
    def selected(study: str, series: str | None = None, instance: str | None = None) -> list[Instance]:
        found = [
            i
            for i in catalogue.instances(catalogue.study_by_uid(study).id)
            if series in (None, i.series_instance_uid) and instance in (None, i.sop_instance_uid)
        ]
        if not found:
            raise NotFound(what="picture")
        return found

    def files(found: list[Instance]) -> Response:
        accept = request.headers.get("Accept", "*/*").replace('"', "").replace(" ", "")
        wanted = accept.partition("transfer-syntax=")[2].partition(";")[0].partition(",")[0]
        if wanted not in ("", "*") and any(i.transfer_syntax_uid != wanted for i in found):
            raise NotAcceptable
        if len(found) == 1 and accept.startswith("application/dicom") and "json" not in accept:
            return Response(wado.file_chunks(found[0]), content_type="application/dicom")
        content_type, body = wado.multipart(found)
        return Response(body, content_type=content_type)

    def metadata(found: list[Instance]) -> Response:
        base = _base_url()
        documents = [wado.metadata(i, qido.retrieve_url("instance", i.__dict__, base)) for i in found]
        return _json(documents, media_type=DICOM_JSON)

    @blueprint.get("/studies/<study>")
    def study_files(study: str) -> Response:
        return files(selected(study))

    @blueprint.get("/studies/<study>/series/<series>")
    def series_files(study: str, series: str) -> Response:
        return files(selected(study, series))

    @blueprint.get("/studies/<study>/series/<series>/instances/<instance>")
    def instance_file(study: str, series: str, instance: str) -> Response:
        return files(selected(study, series, instance)[:1])

    @blueprint.get("/studies/<study>/metadata")
    def study_metadata(study: str) -> Response:
        return metadata(selected(study))

    @blueprint.get("/studies/<study>/series/<series>/metadata")
    def series_metadata(study: str, series: str) -> Response:
        return metadata(selected(study, series))

    @blueprint.get("/studies/<study>/series/<series>/instances/<instance>/metadata")
    def instance_metadata(study: str, series: str, instance: str) -> Response:
        return metadata(selected(study, series, instance))


def _add_storage(blueprint: Blueprint, intake: Intake) -> None:
    def store(study_instance_uid: str | None) -> Response:
        keeper = stow.PartKeeper(intake, g.sender, study_instance_uid)
        parts = stow.receive(request.stream, request.headers.get("Content-Type", ""), keeper)  # type: ignore[arg-type]
        if parts == 0:
            raise BadInput(field="Body", reason="it has no parts")
        base = _base_url()

        def retrieve_url(receipt: Receipt) -> str:
            return f"{base}/studies/{receipt.study_instance_uid}"

        return _json(stow.answer(keeper.outcome, retrieve_url), keeper.outcome.status, DICOM_JSON)

    @blueprint.post("/studies")
    def store_any() -> Response:
        return store(None)

    @blueprint.post("/studies/<study>")
    def store_in_study(study: str) -> Response:
        return store(study)


def _add_workitems(blueprint: Blueprint, cases: Cases) -> None:
    @blueprint.post("/workitems")
    def create_workitem() -> Response:
        if (request.content_length or 0) > MAX_WORKITEM_BYTES:
            raise BadInput(field="Workitem", reason="it is too long")
        document = request.get_json(force=True, silent=True)
        document = document[0] if isinstance(document, list) and document else document
        uid = next((key for key, value in request.args.items() if not value), request.args.get("workitem", ""))
        if not isinstance(document, dict) or not uid:
            raise BadInput(field="Workitem", reason="a UID in the address and DICOM JSON are needed")
        if not cases.place(uid, document):
            raise WorkitemExists
        return Response(status=201, headers={"Location": f"{_base_url()}/workitems/{uid}"})

    @blueprint.get("/workitems/<uid>")
    def workitem(uid: str) -> Response:
        return _json([cases.document(uid)], media_type=DICOM_JSON)
