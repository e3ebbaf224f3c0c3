"""The pages over real services: first run, log-in, roles, headers, inert text."""

import gzip
import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance.accounts.roles import ROLES
from appliance.archive.blobs import Provenance
from appliance.archive.part10 import take_dataset
from appliance.clock import stamp
from appliance.imaging.picture import PACKET_FORM
from appliance.logs import Log
from appliance.wiring import Box
from appliance.wiring.web import build_app
from tests.box import PASSWORD
from tests.conftest import SENTINEL
from tests.pictures import small_study
from webui.menu import BAR, SETTINGS
from webui.roles import PUBLIC, stated_role
from webui.services import BoxFacts

CLINIC = {"clinic": "Paw", "kind": "vet", "name": "Ann", "password": PASSWORD}


def facts_of(box: Box, kind: str) -> BoxFacts:
    """Of a box or reader service without processes."""
    return BoxFacts(
        kind=kind,
        ae_title="BUCKY",
        addresses=lambda: ["127.0.0.1"],
        dicom_port=lambda: 11112,
        http_port=8080,
        secret_key=box.secret_key,
    )


def _app(box: Box, kind: str) -> Flask:
    return build_app(box, facts_of(box, kind), Log("web"))


@pytest.fixture(params=["box", "reader"])
def app(box: Box, request: pytest.FixtureRequest) -> Flask:
    """Both kinds."""
    return _app(box, request.param)


@pytest.fixture
def clinic(box: Box) -> Iterator[FlaskClient]:
    """A box's page, logged in as its administrator."""
    box.first_run.set_up(**CLINIC)
    with _app(box, "box").test_client() as client:
        _post(client, "/login", "/login", name="Ann", password=PASSWORD)
        yield client


def _token(client: FlaskClient, path: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(path).text)
    assert found, path
    return found.group(1)


def _post(client: FlaskClient, form: str, path: str, **fields: str):
    return client.post(path, data={"csrf_token": _token(client, form), **fields})


def test_every_address_states_its_role(app: Flask) -> None:
    """No view is served without a stated least role."""
    for rule in app.url_map.iter_rules():
        assert stated_role(app, rule.endpoint) in (*ROLES, PUBLIC), rule


def test_everything_that_the_menu_offers_is_there(app: Flask) -> None:
    """For each kind of service."""
    kind = "box" if "clinic.studies" in app.view_functions else "reader"
    offered = {entry.endpoint for entry in (*BAR, *SETTINGS) if kind in entry.kinds}
    assert offered - set(app.view_functions) == set()


def test_nothing_but_the_public_addresses_answers_without_log_in(app: Flask, box: Box) -> None:
    """Every other address leads to the log-in, or asks for a token."""
    box.first_run.set_up(**CLINIC)
    for rule in app.url_map.iter_rules():
        if stated_role(app, rule.endpoint) == PUBLIC and not rule.endpoint.startswith("dicomweb."):
            continue
        path = re.sub(r"<(int:)?\w+>", "1", rule.rule)
        answer = app.test_client().get(path)
        assert answer.status_code in (302, 401, 405), (path, answer.status_code)


def test_the_first_run_needs_the_setup_code(box: Box) -> None:
    """A wrong code makes nobody administrator, and guessing is slowed down."""
    client = _app(box, "box").test_client()
    for _ in range(5):
        assert _post(client, "/setup", "/setup", code="AAAA-AAAA", **CLINIC).status_code == 403
    assert _post(client, "/setup", "/setup", code=box.first_run.setup_code(), **CLINIC).status_code == 429
    assert box.accounts.needs_setup


def test_the_first_run_ends_with_a_logged_in_administrator(box: Box) -> None:
    """And cannot be run a second time."""
    client = _app(box, "box").test_client()
    answer = _post(client, "/setup", "/setup", code=box.first_run.setup_code().lower(), **CLINIC)
    assert answer.status_code == 302
    assert "No pictures yet" in client.get("/").text
    assert client.get("/setup").status_code == 302


def test_wrong_passwords_are_slowed_down(box: Box) -> None:
    """By account and by address; the right one does not help until the wait is over."""
    box.first_run.set_up(**CLINIC)
    client = _app(box, "box").test_client()
    for _ in range(5):
        assert _post(client, "/login", "/login", name="Ann", password="wrong").status_code == 403
    assert _post(client, "/login", "/login", name="Ann", password=PASSWORD).status_code == 429


def test_log_in_goes_on_inside_the_box_only(box: Box) -> None:
    """A foreign address in `next` is not followed."""
    box.first_run.set_up(**CLINIC)
    for wanted, leads in (("//evil.example/", "/"), ("https://evil.example/", "/"), ("/status", "/status")):
        client = _app(box, "box").test_client()
        answer = _post(client, "/login", f"/login?next={wanted}", name="Ann", password=PASSWORD)
        assert answer.headers["Location"] == leads


def test_a_form_without_its_token_is_refused(clinic: FlaskClient) -> None:
    """Cross-site request forgery."""
    assert clinic.post("/readers", data={"name": "x", "url": "http://x"}).status_code == 400


def test_a_foreign_host_name_is_refused(clinic: FlaskClient) -> None:
    """DNS rebinding."""
    for host, status in (("evil.example", 421), ("bucky.local", 200), ("10.1.2.3:8080", 200), ("localhost", 200)):
        assert clinic.get("/healthz", headers={"Host": host}).status_code == status


def test_a_name_that_was_trusted_is_answered(box: Box) -> None:
    """A reader service has a name of its own in the DNS; others beside it stay refused."""
    facts = facts_of(box, "box")
    facts.trusted_hosts = ("reader.example",)
    client = build_app(box, facts, Log("web")).test_client()
    for host, status in (("reader.example", 200), ("READER.example:443", 200), ("evil.reader.example", 421)):
        assert client.get("/healthz", headers={"Host": host}).status_code == status


def test_pages_carry_their_security_headers(clinic: FlaskClient) -> None:
    """And pages with patients are not kept by caches."""
    headers = clinic.get("/").headers
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "script-src" not in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


def test_the_sessions_cookie_is_for_the_page_alone(clinic: FlaskClient, box: Box) -> None:
    """No script reads it and no other site sends it; a PC of the clinic keeps its own in the same way."""
    client = _app(box, "box").test_client()
    answer = _post(client, "/login", "/login", name="Ann", password=PASSWORD, pc_name="Front desk")
    cookies = answer.headers.getlist("Set-Cookie")
    assert {cookie.partition("=")[0] for cookie in cookies} >= {"bucky_pc"}
    assert len(cookies) > 1
    for cookie in cookies:
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie or "SameSite=Strict" in cookie


def test_markup_in_dicom_text_is_shown_as_text(clinic: FlaskClient, box: Box) -> None:
    """In the list and on the study page."""
    (ds,) = small_study("cervical-spine")
    ds.PatientName = "<script>alert(1)</script>"
    ds.StudyDescription = "<img src=x onerror=alert(1)>"
    take_dataset(box.intake, ds, Provenance("local", "<b>x</b>", "", stamp()))
    for path in ("/", "/studies/1"):
        text = clinic.get(path).text
        assert "&lt;script&gt;" in text
        assert "<script>alert" not in text
        assert "<img src=x" not in text


def test_a_viewer_may_look_but_not_send_or_accept(box: Box) -> None:
    """Roles are held on the server."""
    box.first_run.set_up(**CLINIC)
    box.accounts.add("Vera", "viewer", PASSWORD)
    take_dataset(box.intake, small_study("cervical-spine")[0], Provenance("dimse", "DX1", "10.0.0.7", stamp()))
    with _app(box, "box").test_client() as client:
        _post(client, "/login", "/login", name="Vera", password=PASSWORD)
        assert client.get("/").status_code == 200
        assert _post(client, "/", "/units/1/accept").status_code == 403
        assert client.get("/readers").status_code == 403
        assert box.catalogue.recent() == []


def test_quarantined_pictures_give_a_thumbnail_only(clinic: FlaskClient, box: Box) -> None:
    """No frame, no file, no preview."""
    take_dataset(box.intake, small_study("cervical-spine")[0], Provenance("dimse", "DX1", "10.0.0.7", stamp()))
    for path in (f"frames/1/{PACKET_FORM}", "file", "preview"):
        assert clinic.get(f"/instances/1/{path}").status_code == 404


def test_a_token_is_shown_once_and_only_its_digest_is_kept(clinic: FlaskClient, box: Box) -> None:
    """Revoked, it is worthless."""
    page = _post(clinic, "/tokens", "/tokens", name="pacs", role="viewer").text
    token = re.search(r"bucky_[\w-]+", page)
    assert token
    assert box.tokens.verify(token.group(0)) is not None
    assert token.group(0) not in clinic.get("/tokens").text
    _post(clinic, "/tokens", "/tokens/revoke", name="pacs")
    assert box.tokens.verify(token.group(0)) is None


def test_an_unexpected_error_shows_an_incident_number_and_no_detail(
    clinic: FlaskClient, box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file behind a row is gone: the page says so in general words, the log has no patient."""
    take_dataset(box.intake, small_study("cervical-spine")[0], Provenance("local", "x", "", stamp()))
    box.catalogue.instance(1).path.unlink()
    answer = clinic.get("/instances/1/file")
    assert answer.status_code in (404, 500)
    assert SENTINEL not in answer.text
    assert SENTINEL not in capsys.readouterr().err


def test_the_pages_own_files_travel_packed(clinic: FlaskClient) -> None:
    """The style sheet is gzipped for a browser, plain for others, the same inside, and known again by its ETag."""
    plain = clinic.get("/static/css/bucky.css", headers={"Accept-Encoding": "identity"})
    packed = clinic.get("/static/css/bucky.css", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    again = {"Accept-Encoding": "gzip", "If-None-Match": packed.headers["ETag"]}
    assert clinic.get("/static/css/bucky.css", headers=again).status_code == 304
