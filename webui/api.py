"""JSON for programs: practice software orders exams with a bearer token."""

from dataclasses import asdict

from flask import Blueprint, Response, make_response, request

from appliance.accounts.roles import includes
from appliance.errors import NotAllowed
from appliance.exams.files import MAXIMUM_BYTES, import_json
from webui.roles import PUBLIC, needs
from webui.services import Services

_ANSWERED = ("id", "accession_number", "study_instance_uid", "patient_id", "state", "scheduled_date", "scheduled_time")


def create(services: Services) -> Blueprint:
    """The blueprint `api`."""
    programs = Blueprint("api", __name__, url_prefix="/api")

    def program() -> str:
        """The name of the token, which must be allowed to send."""
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        token = services.tokens.verify(text.strip()) if scheme.lower() == "bearer" else None
        if token is None or not includes(token.role, "technician"):
            raise NotAllowed
        return token.name

    @programs.post("/exams.json")
    @needs(PUBLIC)  # asks for its own token
    def order() -> Response:
        """One exam or a list; 200 when all were taken, 400 with the bad ones when not."""
        name = program()
        content = request.stream.read(MAXIMUM_BYTES + 1)
        done = import_json(services.worklist, content, source="json", by=name)
        exams = [{key: value for key, value in asdict(exam).items() if key in _ANSWERED} for exam in done.exams]
        facts = {"exams": exams, "bad": [asdict(bad) for bad in done.bad_rows]}
        return make_response(facts, 400 if done.bad_rows else 200)

    @programs.get("/exams.json")
    @needs(PUBLIC)  # asks for its own token
    def listed() -> dict[str, object]:
        """The exams that are still to be made."""
        program()
        rows = [{key: value for key, value in asdict(e).items() if key in _ANSWERED} for e in services.worklist.open()]
        return {"exams": rows}

    return programs
