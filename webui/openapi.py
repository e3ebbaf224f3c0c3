"""The JSON interface as an OpenAPI document, made from the app's own map: what ends in `.json` is of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from flask import Blueprint, Flask, current_app
from werkzeug.routing import Rule

from appliance import __version__
from appliance.exams.exam import FIELDS
from appliance.exams.files import MAXIMUM_ROWS
from webui.roles import PUBLIC, needs, stated_role

Schema = Mapping[str, Any]
_ARGUMENT = re.compile(r"<(?:(\w+):)?(\w+)>")
_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "integer"}
_ROW: Schema = {"type": "integer", "minimum": 1, "maximum": 2**31}
_ERROR: Schema = {
    "type": "object",
    "required": ["code", "message", "hint"],
    "properties": dict.fromkeys(("code", "message", "hint"), _TEXT),
}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}


def _list(of: Schema) -> Schema:
    return {"type": "array", "items": of}


_EXAM = _object(
    **dict.fromkeys(("accession_number", "study_instance_uid", "patient_id", "state"), _TEXT),
    **dict.fromkeys(("scheduled_date", "scheduled_time"), _TEXT),
    id=_NUMBER,
)
_ORDER: Schema = {
    "type": "object",
    "required": ["patient"],
    "additionalProperties": False,
    "properties": {name: {"type": "string", "maxLength": 1024 if name == "comments" else 64} for name in FIELDS},
}
_BAD_ROW = _object(row=_NUMBER, reason=_TEXT)
_FINDING: Schema = {
    **_object(key=_TEXT, title=_TEXT, state={"enum": ["good", "busy", "bad"]}, words=_TEXT, advice=_TEXT),
    "additionalProperties": {"type": "object"},  # `figures`: numbers and codes, never of a patient
}


@dataclass(frozen=True)
class Said:
    """What one operation answers and takes; the names of schemas that the types themselves give start with '#'."""

    answer: Schema | str
    takes: Schema | str | None = None
    query: tuple[str, ...] = ()
    also: Mapping[int, Schema] = field(default_factory=dict)
    """Further statuses whose body is not that of an error."""


OPERATIONS: Mapping[tuple[str, str], Said] = {
    ("api.order", "POST"): Said(
        _object(exams=_list(_EXAM), bad=_list(_BAD_ROW)),
        takes={"oneOf": [_ORDER, {"type": "array", "items": _ORDER, "maxItems": MAXIMUM_ROWS}]},
        also={400: {"anyOf": [_object(exams=_list(_EXAM), bad=_list(_BAD_ROW)), _ERROR]}},
    ),
    ("api.listed", "GET"): Said(_object(exams=_list(_EXAM))),
    ("pairing.pair", "POST"): Said(
        _object(service=_TEXT, clinic=_TEXT, token=_TEXT), takes=_object(code=_TEXT), also={403: _ERROR, 429: _ERROR}
    ),
    ("openapi.document", "GET"): Said({"type": "object"}),
    ("status.status_json", "GET"): Said(_object(findings=_list(_FINDING))),
    ("shared.changes", "GET"): Said(_object(version=_TEXT)),
    ("clinic.news", "GET"): Said({"type": "object"}),
    ("clinic.breeds", "GET"): Said(_list(_TEXT), query=("species",)),
    ("clinic.signed_receipt", "GET"): Said({"type": "object"}),
    ("drawings.shown", "GET"): Said("#Marks"),
    ("drawings.keep", "POST"): Said(_object(kept=_NUMBER), takes="#ToKeep"),
}


def create() -> Blueprint:
    """The blueprint `openapi`."""
    pages = Blueprint("openapi", __name__)

    @pages.get("/api/openapi.json")
    @needs(PUBLIC)
    def document() -> dict[str, Any]:
        """This document."""
        return make_document(current_app)

    return pages


def make_document(app: Flask) -> dict[str, Any]:
    """The document of an app; raises KeyError for an address that nobody has described."""
    paths: dict[str, dict[str, Any]] = {}
    for rule in rules_of(app):
        path = _ARGUMENT.sub(r"{\2}", rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            paths.setdefault(path, {})[method.lower()] = _operation(app, rule, method)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Bucky", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "log-in": {"type": "apiKey", "in": "cookie", "name": app.config["SESSION_COOKIE_NAME"]},
            },
        },
    }


def rules_of(app: Flask) -> list[Rule]:
    """The addresses of the JSON interface."""
    return [rule for rule in app.url_map.iter_rules() if rule.rule.endswith(".json")]


def _operation(app: Flask, rule: Rule, method: str) -> dict[str, Any]:
    said = OPERATIONS[rule.endpoint, method]
    answers = {200: said.answer, **dict.fromkeys(_failures(app, rule, said), _ERROR), **said.also}
    made: dict[str, Any] = {
        "operationId": f"{rule.endpoint}.{method.lower()}",
        "summary": (app.view_functions[rule.endpoint].__doc__ or "").strip(),
        "parameters": _parameters(rule, said),
        "responses": {str(status): _body("As it says.", schema) for status, schema in sorted(answers.items())},
        "security": _security(app, rule.endpoint),
    }
    if said.takes is not None:
        made["requestBody"] = {**_body("What is asked.", said.takes), "required": True}
        del made["requestBody"]["description"]
    return made


def _failures(app: Flask, rule: Rule, said: Said) -> set[int]:
    failures = {400} if said.takes is not None or said.query else set()
    if rule.arguments:
        failures.add(404)
    return failures | {401, 403} if _security(app, rule.endpoint) else failures


def _security(app: Flask, endpoint: str) -> list[dict[str, list[str]]]:
    """Programs show a token; the page's own scripts have the log-in of the person."""
    if endpoint in ("openapi.document", "pairing.pair"):
        return []
    return [{"token" if stated_role(app, endpoint) == PUBLIC else "log-in": []}]


def _parameters(rule: Rule, said: Said) -> list[dict[str, Any]]:
    kinds = {name: kind for kind, name in _ARGUMENT.findall(rule.rule)}
    places = [
        {"name": name, "in": "path", "required": True, "schema": _ROW if kind == "int" else _TEXT}
        for name, kind in kinds.items()
    ]
    return places + [{"name": name, "in": "query", "schema": _TEXT} for name in said.query]


def _body(words: str, schema: Schema | str) -> dict[str, Any]:
    named = {"$ref": f"#/components/schemas/{schema[1:]}"} if isinstance(schema, str) else schema
    return {"description": words, "content": {"application/json": {"schema": named}}}


def _schemas() -> dict[str, Any]:
    """Of the types that the views themselves read and write."""
    from appliance.reading.marks import Marks, ToKeep

    _, schemas = msgspec.json.schema_components([Marks, ToKeep], ref_template="#/components/schemas/{name}")
    return schemas
