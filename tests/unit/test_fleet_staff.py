"""The vendor's people: their own password and authenticator, what an owner does for them, and which role opens what."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from appliance.errors import BadInput, WrongCredentials
from provisioning.fleet import audit
from provisioning.fleet.service import Config, Fleet
from provisioning.fleet.staff import FAILURES, ROLES
from provisioning.fleet.tables import Staff
from tests.crowd import make_boxes

PASSWORD, OTHER = "correct horse battery", "another horse battery"
BASE = "https://localhost"
ACTS = {"command": "support", "settings": "support", "pin": "releaser", "replace": "owner", "revoke": "owner"}
ACTS |= {"accept-audit": "owner"}
LEAST = {
    "log_in": None,
    "log_out": None,
    "boxes": "watcher",
    "box": "watcher",
    "events": "watcher",
    "rollouts": "watcher",
    "account": "watcher",
    "change_password": "watcher",
    "change_authenticator": "watcher",
    **{f"do {act}": role for act, role in ACTS.items()},
    "steer": "releaser",
    "people": "owner",
    "add_person": "owner",
    "new_authenticator": "owner",
    "change_person": "owner",
}
"""The role that each address of the console needs; None for none."""


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """A service over SQLite, with one box."""
    Fleet(tmp_path / "fleet").create(
        Config(url="https://fleet.example"), hosts=["fleet.example"], offline=tmp_path / "offline"
    )
    made = Fleet(tmp_path / "fleet")
    make_boxes(made, 1)
    return made


@pytest.fixture
def app(fleet: Fleet) -> Flask:
    """Its pages, without the page's token in forms."""
    made = fleet.app()
    made.config["WTF_CSRF_ENABLED"] = False
    return made


@pytest.fixture
def secret(fleet: Fleet) -> str:
    """The secret of sue's authenticator."""
    return fleet.people.add("sue", "support", PASSWORD, who="owner")


def _number(fleet: Fleet, secret: str, name: str = "sue") -> str:
    """A number of now that counts once more, as half a minute later."""
    with fleet.store.write() as session:
        session.get_one(Staff, name).totp_last = 0
    return pyotp.TOTP(secret).now()


def _logged_in(app: Flask, fleet: Fleet, secret: str, name: str = "sue", password: str = PASSWORD) -> FlaskClient:
    client = app.test_client()
    form = {"name": name, "password": password, "number": _number(fleet, secret, name)}
    assert client.post("/console/login", data=form, base_url=BASE).status_code == 302
    return client


def _is_in(client: FlaskClient) -> bool:
    return client.get("/console/", base_url=BASE).status_code == 200


def _post(client: FlaskClient, path: str, **form: str) -> TestResponse:
    return client.post(f"/console/{path}", data=form, base_url=BASE)


def _events(fleet: Fleet) -> list[tuple[str, str, str]]:
    with fleet.store.read() as session:
        return [(event.who, event.what, event.detail) for event in audit.newest(session)]


def test_a_person_changes_their_own_password_and_other_sessions_end(app: Flask, fleet: Fleet, secret: str) -> None:
    """By the present one and a fresh number; it is on no page and in no record."""
    client, elsewhere = (_logged_in(app, fleet, secret) for _ in range(2))
    given = {"password": PASSWORD, "number": _number(fleet, secret), "new": OTHER, "again": OTHER}
    done = _post(client, "account/password", **given)
    assert done.headers["Location"] == "/console/account"
    told = client.get("/console/account", base_url=BASE).text
    assert "Your password is changed." in told
    assert _is_in(client)
    assert not _is_in(elsewhere)
    assert OTHER not in told
    assert OTHER not in str(_events(fleet))
    assert ("sue", "password-changed", "{}") in _events(fleet)
    with pytest.raises(WrongCredentials):
        fleet.people.log_in("sue", PASSWORD, _number(fleet, secret))
    assert _is_in(_logged_in(app, fleet, secret, password=OTHER))


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"new": "short", "again": "short"}, 400),
        ({"again": "other horse battery!"}, 400),
        ({"new": PASSWORD, "again": PASSWORD}, 400),
        ({"new": "", "again": ""}, 400),
        ({"password": "a wrong horse"}, 403),
        ({"number": "000000"}, 403),
    ],
)
def test_a_password_that_may_not_be_is_refused_and_nothing_changes(
    app: Flask, fleet: Fleet, secret: str, change: dict[str, str], status: int
) -> None:
    """Too short, not the same twice, the same as before; or without the proof that it is oneself."""
    client, elsewhere = (_logged_in(app, fleet, secret) for _ in range(2))
    given = {"password": PASSWORD, "number": _number(fleet, secret), "new": OTHER, "again": OTHER, **change}
    refused = _post(client, "account/password", **given)
    assert refused.status_code == status
    assert 'role="alert"' in refused.text
    assert all(f'value="{text}"' not in refused.text for text in given.values() if text)
    assert _is_in(client)
    assert _is_in(elsewhere)
    fleet.people.log_in("sue", PASSWORD, _number(fleet, secret))


def test_guessing_at_ones_own_password_locks_as_at_the_log_in(fleet: Fleet, secret: str) -> None:
    """A session that was left open is no way round; both doors count together."""
    for number in range(FAILURES):
        with pytest.raises(WrongCredentials):
            if number % 2:
                fleet.people.log_in("sue", "a wrong horse", "000000")
            else:
                fleet.people.change_password("sue", "a wrong horse", "000000", OTHER)
    with pytest.raises(WrongCredentials):
        fleet.people.change_password("sue", PASSWORD, _number(fleet, secret), OTHER)
    with pytest.raises(WrongCredentials):
        fleet.people.log_in("sue", PASSWORD, _number(fleet, secret))
    assert ("sue", "password-change-refused", "{}") in _events(fleet)


def test_a_number_that_was_used_changes_no_password(fleet: Fleet, secret: str) -> None:
    """Seen over a shoulder at the log-in."""
    number = _number(fleet, secret)
    fleet.people.log_in("sue", PASSWORD, number)
    with pytest.raises(WrongCredentials):
        fleet.people.change_password("sue", PASSWORD, number, OTHER)


def test_a_person_changes_their_authenticator_when_the_new_one_works(app: Flask, fleet: Fleet, secret: str) -> None:
    """The old one counts until then, so that nobody is shut out by a code that was not read."""
    client, elsewhere = (_logged_in(app, fleet, secret) for _ in range(2))
    page = client.get("/console/account", base_url=BASE).text
    (new,) = re.findall("<code>([A-Z2-7]{32})</code>", page)
    assert new != secret
    assert secret not in page
    given = {"password": PASSWORD, "secret": new, "number": _number(fleet, secret)}
    wrong = _post(client, "account/authenticator", **given, new_number="000000")
    assert wrong.status_code == 400
    assert f"<code>{new}</code>" in wrong.text
    for broken in ("", "A" * 31, "<b>"):
        assert _post(client, "account/authenticator", **{**given, "secret": broken}).status_code == 400
    right = pyotp.TOTP(new).now()
    assert _post(client, "account/authenticator", **{**given, "number": "000000"}, new_number=right).status_code == 403
    assert _is_in(elsewhere)
    done = _post(client, "account/authenticator", **{**given, "number": _number(fleet, secret)}, new_number=right)
    assert done.status_code == 302
    assert _is_in(client)
    assert not _is_in(elsewhere)
    with pytest.raises(WrongCredentials):
        fleet.people.log_in("sue", PASSWORD, right)
    fleet.people.log_in("sue", PASSWORD, pyotp.TOTP(new).at(int(time.time()) + 30))
    assert ("sue", "authenticator-changed", "{}") in _events(fleet)


def test_an_owner_gives_an_authenticator_to_who_lost_theirs(app: Flask, fleet: Fleet, secret: str) -> None:
    """Shown once, audited; the old one and every session of that person are void, the password stays."""
    sue = _logged_in(app, fleet, secret)
    owner = _logged_in(app, fleet, fleet.people.add("olga", "owner", PASSWORD, who="factory"), "olga")
    made = _post(owner, "people/authenticator", name="sue").text
    (new,) = re.findall("<code>([A-Z2-7]{32})</code>", made)
    assert "<svg" in made
    assert new not in owner.get("/console/people", base_url=BASE).text
    assert not _is_in(sue)
    with pytest.raises(WrongCredentials):
        fleet.people.log_in("sue", PASSWORD, pyotp.TOTP(secret).now())
    assert _is_in(_logged_in(app, fleet, new))
    assert ("olga", "authenticator-set", '{"person": "sue"}') in _events(fleet)
    for wrong in ("olga", "nobody"):
        assert _post(owner, "people/authenticator", name=wrong).status_code == 400


def test_who_runs_the_machine_mends_an_account(app: Flask, fleet: Fleet, secret: str) -> None:
    """A forgotten password or a lost authenticator of the only owner; sessions end, a lock is lifted."""
    client = _logged_in(app, fleet, secret)
    for _ in range(FAILURES):
        with pytest.raises(WrongCredentials):
            fleet.people.log_in("sue", "a wrong horse", "000000")
    fleet.people.set_password("sue", OTHER, who="console:root")
    assert not _is_in(client)
    assert _is_in(_logged_in(app, fleet, secret, password=OTHER))
    with pytest.raises(BadInput):
        fleet.people.set_password("sue", "short", who="console:root")
    with pytest.raises(BadInput):
        fleet.people.set_password("nobody", OTHER, who="console:root")
    assert ("console:root", "password-set", '{"person": "sue"}') in _events(fleet)


def test_an_account_that_was_made_anew_is_not_the_one_of_an_old_session(app: Flask, fleet: Fleet, secret: str) -> None:
    """Though the name is the same."""
    client = _logged_in(app, fleet, secret)
    fleet.people.remove("sue", who="olga")
    fleet.people.add("sue", "owner", PASSWORD, who="olga")
    assert not _is_in(client)


def _addresses(app: Flask) -> Iterator[tuple[str, str, str]]:
    """Name in the table, method and path of every address of the console."""
    for rule in app.url_map.iter_rules():
        blueprint, _, name = rule.endpoint.partition(".")
        if blueprint != "console" or name == "static":
            continue
        method = "POST" if "POST" in (rule.methods or ()) else "GET"
        for act in ACTS if name == "do" else ("block",):
            key = f"do {act}" if name == "do" else name
            yield key, method, rule.rule.replace("<serial>", "SIM-000000").replace("<act>", act)


def test_every_address_of_the_console_needs_its_role(app: Flask, fleet: Fleet) -> None:
    """Nobody, and each role, at each address; one that is new must be written into the table."""
    clients = {role: _logged_in(app, fleet, fleet.people.add(role, role, PASSWORD, who="o"), role) for role in ROLES}
    addresses = list(_addresses(app))
    assert {key for key, _, _ in addresses} == set(LEAST)
    for key, method, path in addresses:
        if (least := LEAST[key]) is None:
            continue
        assert app.test_client().open(path, method=method, base_url=BASE).headers["Location"] == "/console/login", path
        for role, client in clients.items():
            status = client.open(path, method=method, base_url=BASE).status_code
            assert (status != 403) == (ROLES.index(role) >= ROLES.index(least)), (path, role, status)
