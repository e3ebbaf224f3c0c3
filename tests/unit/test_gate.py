"""The gate before every page: roles, idle lock, PIN, the password again, and what the trail notes of it."""

import re
from collections.abc import Iterator

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance.accounts.roles import ROLES, includes
from appliance.audit.trail import Search
from appliance.clock import now
from appliance.errors import NotAllowed
from appliance.wiring import Box
from tests.unit.test_webui import CLINIC, PASSWORD, _app, _post, _token
from webui.gate import AGAIN_S, FOLLOWS
from webui.roles import PUBLIC, asks_again, stated_role


@pytest.fixture
def app(box: Box) -> Flask:
    """A box's pages, with one person of each role."""
    box.first_run.set_up(**CLINIC)
    for role in ROLES:
        box.accounts.add(f"One {role}", role, PASSWORD)
    return _app(box, "box")


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    """Logged in as the administrator."""
    with app.test_client() as client:
        _log_in(client, "Ann")
        yield client


def _log_in(client: FlaskClient, name: str, **more: str) -> None:
    assert _post(client, "/login", "/login", name=name, password=PASSWORD, **more).status_code == 302


def _later(client: FlaskClient, seconds: float) -> None:
    """As if the last touch and the last password were so long ago."""
    with client.session_transaction() as session:
        session["seen"] -= seconds
        session["again"] = session.get("again", 0.0) - seconds


@pytest.mark.parametrize("role", ROLES)
def test_each_role_against_each_address(app: Flask, role: str) -> None:
    """Made from the app's own map: what a view states is what is held, for every method it takes."""
    tried = 0
    for rule in app.url_map.iter_rules():
        stated = stated_role(app, rule.endpoint)
        if stated == PUBLIC or rule.endpoint in ("static",) or rule.endpoint.startswith("dicomweb."):
            continue
        path = re.sub(r"<(int:|path:)?\w+>", "1", rule.rule)
        for method in (rule.methods or set()) & {"GET", "POST"}:
            with app.test_client() as client:
                _log_in(client, f"One {role}")
                data = {"csrf_token": _token(client, "/me")} if method == "POST" else {}
                answer = client.open(path, method=method, data=data, headers={"Accept": "application/json"})
            refused = answer.status_code == 403 and answer.is_json and answer.json["code"] == NotAllowed.code
            assert refused != includes(role, stated), (role, method, path, answer.status_code)  # type: ignore[arg-type]  # a role of the table
            tried += 1
    assert tried > 25


def test_nobody_gets_past_the_first_run_without_the_code(box: Box) -> None:
    """Every address of a new box leads to it."""
    app = _app(box, "box")
    for rule in app.url_map.iter_rules():
        if stated_role(app, rule.endpoint) not in (PUBLIC,) and "GET" in (rule.methods or set()):
            answer = app.test_client().get(re.sub(r"<(int:|path:)?\w+>", "1", rule.rule))
            assert answer.headers["Location"].startswith("/setup"), rule


def test_an_untouched_page_locks_although_it_follows_changes(client: FlaskClient) -> None:
    """The page's own questions do not keep it open; its scripts are told by 401, people by the log-in."""
    assert client.get("/changes.json", headers={FOLLOWS: "1"}).status_code == 200
    _later(client, 16 * 60)
    assert client.get("/changes.json", headers={FOLLOWS: "1"}).status_code == 401
    assert "/unlock" in client.get("/status").headers["Location"]
    assert "/login" in client.get("/unlock").headers["Location"], "no PC of the clinic: the password is needed"
    _log_in(client, "Ann")
    assert client.get("/status").status_code == 200


def test_zero_minutes_never_lock(client: FlaskClient, box: Box) -> None:
    """As the administrator chose."""
    _post(client, "/people", "/people/idle", minutes="0")
    assert box.database.setting("idle_minutes") == "0"
    _later(client, 12 * 3600)
    assert client.get("/status").status_code == 200


def test_a_pin_switches_between_people_on_a_pc_of_the_clinic(client: FlaskClient, box: Box) -> None:
    """After a log-in in full gave the PC its name; elsewhere no PIN is asked for; a PIN is not the password."""
    vera = next(a for a in box.accounts.all() if a.name == "One viewer")
    box.accounts.set_pin(vera.id, "2580")
    _post(client, "/", "/lock")
    assert "/login" in client.get("/unlock").headers["Location"]
    _log_in(client, "Ann", pc_name="X-ray room")
    assert [pc.name for pc in box.shared_pcs.all()] == ["X-ray room"]
    _post(client, "/", "/lock")
    assert "/unlock" in client.get("/").headers["Location"]
    assert "One viewer" in client.get("/unlock").text
    assert _post(client, "/unlock", "/unlock", account=str(vera.id), pin="1234").status_code == 403
    assert "/unlock" in client.get("/").headers["Location"]
    assert _post(client, "/unlock", "/unlock?next=/status", account=str(vera.id), pin="2580").location == "/status"
    assert "One viewer" in client.get("/status").text
    assert _post(client, "/me", "/me/pin", pin="1357").status_code == 401, "the password is asked for"


def test_grave_steps_ask_for_the_password_again_and_then_go_on(client: FlaskClient, box: Box) -> None:
    """The form that was sent is kept; a wrong password does nothing."""
    _later(client, AGAIN_S + 1)
    fields = {"name": "Newcomer", "role": "viewer", "password": "long enough"}
    page = _post(client, "/me", "/people", **fields)
    assert page.status_code == 401
    assert 'name="name" value="Newcomer"' in page.text
    assert _post(client, "/me", "/people", **fields, password_again="wrong").status_code == 403
    assert "Newcomer" not in {a.name for a in box.accounts.all()}
    assert _post(client, "/me", "/people", **fields, password_again=PASSWORD).status_code == 302
    assert "Newcomer" in {a.name for a in box.accounts.all()}
    _later(client, AGAIN_S + 1)
    asked = client.get("/people")
    assert asked.location == "/again?next=/people"
    assert _post(client, "/me", asked.location, password_again=PASSWORD).location == "/people"
    assert client.get("/people").status_code == 200


def test_every_page_of_people_tokens_and_exports_asks_again(app: Flask) -> None:
    """So that a page left open gives away no account."""
    grave = {"people.add", "people.change", "people.password", "people.pin", "shared.tokens", "trail.export"}
    assert {e for e in grave if not asks_again(app, e)} == set()


def test_the_authenticators_code_is_asked_for_after_the_password(client: FlaskClient, box: Box) -> None:
    """Neither alone lets anybody in."""
    page = client.get("/me/authenticator").text
    found = re.search(r'<code class="token">(\w+)</code>', page)
    assert found
    totp, step = pyotp.TOTP(found.group(1)), int(now().timestamp()) // 30
    _post(client, "/me", "/me/authenticator", code=totp.at((step - 1) * 30))
    _post(client, "/me", "/logout")
    assert _post(client, "/login", "/login", name="Ann", password=PASSWORD).location.startswith("/login/code")
    assert "/login" in client.get("/status").location
    assert _post(client, "/login/code", "/login/code", code="000000").status_code == 403
    assert "/login" in client.get("/status").location
    assert _post(client, "/login/code", "/login/code", code=totp.at((step + 1) * 30)).status_code == 302
    assert client.get("/status").status_code == 200


def test_a_session_that_was_planted_before_the_log_in_is_worth_nothing(app: Flask) -> None:
    """Session fixation: the log-in begins a new session."""
    attacker, victim = app.test_client(), app.test_client()
    attacker.get("/login")
    planted = attacker.get_cookie("bucky_box")
    if planted is not None:
        victim.set_cookie("bucky_box", planted.value)
    _log_in(victim, "Ann")
    assert victim.get_cookie("bucky_box").value != (planted.value if planted else "")
    assert "/login" in attacker.get("/").location


def test_the_trail_notes_log_ins_failures_and_refusals(client: FlaskClient, box: Box) -> None:
    """With name, address and outcome."""
    _post(client, "/me", "/logout")
    _post(client, "/login", "/login", name="Eve", password="wrong")
    _log_in(client, "One viewer")
    client.get("/readers")
    kinds = [(e.kind, e.actor.name, e.outcome > 0) for e in reversed(box.trail.search(Search()))]
    assert kinds == [
        ("logged-in", "Ann", False),
        ("logged-out", "Ann", False),
        ("logged-in", "Eve", True),
        ("logged-in", "One viewer", False),
        ("refused", "One viewer", True),
    ]


def test_the_page_of_the_trail_shows_searches_and_exports(client: FlaskClient, box: Box) -> None:
    """A name is found; the XML parses and is complete; markup stays text."""
    box.trail.record("accessed", box.trail.after(0, limit=1)[0].actor, patient_name="<script>alert(1)</script>")
    page = client.get("/audit?text=alert").text
    assert "&lt;script&gt;" in page
    assert "Looked at a study" in page
    assert "events are there and unchanged" in page
    assert client.get("/audit?first_day=yesterday").status_code == 400
    export = client.get("/audit/audit.xml").text
    assert export.count("<AuditMessage>") == box.trail.head().number
