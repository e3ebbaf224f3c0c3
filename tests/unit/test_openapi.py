"""The JSON interface holds what its own document says, whatever is asked; and nothing of it is undescribed."""

import json
from collections.abc import Callable

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from appliance.archive.blobs import Provenance
from appliance.archive.part10 import take_dataset
from appliance.clock import stamp
from appliance.logs import Log
from appliance.settings import load
from appliance.wiring import Box
from appliance.wiring.reader import build_reader_app
from tests.pictures import small_study
from tests.unit.test_webui import CLINIC, PASSWORD, _app, _post, _token, facts_of
from webui.openapi import OPERATIONS, make_document, rules_of

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """A box with a study and a reader."""
    box = Box(load(tmp_path_factory.mktemp("box"), command_line={}, environ={}))
    box.first_run.set_up(**CLINIC)
    box.destinations.add("Far", "http://127.0.0.1:9/dicom-web")
    take_dataset(box.intake, small_study("cervical-spine")[0], Provenance("local", "x", "", stamp()))
    box.worklist.add({"patient": "Rex"}, source="page", by="Ann")
    made = _app(box, "box")
    made.config["TEST_TOKEN"] = box.tokens.create("program", "technician")
    return made


@pytest.fixture(scope="module")
def headers(app: Flask) -> dict[str, str]:
    """Of a program, and of a page where somebody is logged in."""
    with app.test_client() as client:
        assert _post(client, "/login", "/login", name="Ann", password=PASSWORD).status_code == 302
        csrf = _token(client, "/me")
        cookie = client.get_cookie(app.config["SESSION_COOKIE_NAME"])
    assert cookie is not None
    return {
        "Authorization": f"Bearer {app.config['TEST_TOKEN']}",
        "Cookie": f"{cookie.key}={cookie.value}",
        "X-CSRFToken": csrf,
    }


def _operations(app: Flask) -> set[tuple[str, str]]:
    return {(r.endpoint, m) for r in rules_of(app) for m in (r.methods or set()) - {"HEAD", "OPTIONS"}}


def test_every_address_of_the_interface_is_described(app: Flask, box: Box) -> None:
    """And nothing is described that is not there, at a box or at a reader service."""
    service = build_reader_app(box, facts_of(box, "reader"), Log("web"))
    assert _operations(app) | _operations(service) == set(OPERATIONS)
    assert service.test_client().get("/api/openapi.json").status_code == 200
    assert json.loads(json.dumps(make_document(app))) == app.test_client().get("/api/openapi.json").json


def _for_every_operation(app: Flask, examples: int, look: Callable[[schemathesis.Case], None]) -> int:
    """Let `look` see as many made-up requests of each operation; returns how many operations there are."""
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", app)
    operations = [found.ok() for found in schema.get_all_operations()]
    for operation in operations:
        strategy = operation.as_strategy()

        @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(case=strategy)
        def asked(case: schemathesis.Case) -> None:
            look(case)

        asked()
    return len(operations)


def test_whatever_is_asked_the_answer_is_as_described(app: Flask, headers: dict[str, str]) -> None:
    """No 5xx, no status, type or shape that the document does not name; with what fits and with what does not."""
    asked = _for_every_operation(app, 25, lambda case: case.call_and_validate(headers=headers, checks=CHECKS))
    assert asked == len(_operations(app)) - 1, "all but the document, which was asked for to begin with"


def test_without_a_credential_there_is_nothing(app: Flask) -> None:
    """401 or 403, but for the document itself."""

    def look(case: schemathesis.Case) -> None:
        answer = case.call(headers={"Accept": "application/json"})
        if not case.operation.path.endswith("openapi.json"):
            assert answer.status_code in (400, 401, 403), (case.operation.path, answer.status_code)

    _for_every_operation(app, 3, look)
