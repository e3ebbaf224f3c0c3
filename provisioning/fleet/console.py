"""The console of the vendor's support: boxes and how they are, one box, rollouts, audit."""

import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any

import msgspec
import segno
from flask import Blueprint, Flask, Response, abort, flash, redirect, render_template, request, session, url_for
from flask_wtf.csrf import CSRFProtect
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from appliance.errors import BadInput, BuckyError
from appliance.settings import KEYS
from provisioning.fleet import audit, health, words
from provisioning.fleet.registry import find
from provisioning.fleet.rollouts import RINGS
from provisioning.fleet.staff import MEANINGS, MIN_PASSWORD, authenticator_address, includes
from provisioning.fleet.support import reports
from provisioning.fleet.tables import Clinic
from provisioning.protocol.commands import BY_NAME, WORDS, Command

if TYPE_CHECKING:
    from provisioning.fleet.service import Fleet

CSP = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
PAGE = 100
_ORDER = {"bad": 0, "busy": 1, "good": 2}
View = Callable[..., Any]


def add(app: Flask, fleet: "Fleet") -> None:
    """Put the console's pages and its safeguards onto the app."""
    csrf = CSRFProtect(app)
    csrf.exempt(app.blueprints["api"])
    pages = Blueprint("console", __name__, url_prefix="/console", template_folder="templates", static_folder="static")
    _add_log_in(pages, fleet)
    _add_boxes(pages, fleet)
    _add_acts(pages, fleet)
    _add_rollouts(pages, fleet)
    _add_people(pages, fleet)
    pages.after_request(_secure)
    pages.app_context_processor(
        lambda: {"words": words, "may": lambda least: includes(_role(fleet) or "watcher", least)}
    )
    app.register_blueprint(pages)


def _role(fleet: "Fleet") -> str | None:
    return fleet.people.role_of(session.get("name", "")) if "name" in session else None


def needs(fleet: "Fleet", least: str) -> Callable[[View], View]:
    """Let in who has at least this role at the moment of the request."""

    def wrap(view: View) -> View:
        @wraps(view)
        def guarded(**given: Any) -> Any:
            role = _role(fleet)
            if role is None:
                return redirect(url_for("console.log_in"))
            if not includes(role, least):
                abort(403)
            return view(**given)

        return guarded

    return wrap


def _secure(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = CSP
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _add_log_in(pages: Blueprint, fleet: "Fleet") -> None:
    @pages.route("/login", methods=["GET", "POST"])
    def log_in() -> AnyResponse | str | tuple[str, int]:
        """Name, password and the number of the authenticator."""
        if request.method == "GET":
            return render_template("login.html", error=None)
        form = request.form
        try:
            fleet.people.log_in(form.get("name", ""), form.get("password", ""), form.get("number", "").strip())
        except BuckyError as error:
            return render_template("login.html", error=error), 403
        session.clear()
        session.permanent = True  # for so many hours, see the application's settings
        session["name"] = form["name"]
        return redirect(url_for("console.boxes"))

    @pages.post("/logout")
    def log_out() -> AnyResponse:
        """End the session."""
        session.clear()
        return redirect(url_for("console.log_in"))


def _add_boxes(pages: Blueprint, fleet: "Fleet") -> None:
    @pages.get("/")
    @needs(fleet, "watcher")
    def boxes() -> str:
        """Every box, with what is wrong and since when it is away."""
        search, after = request.args.get("search", ""), request.args.get("after", "")
        lines = health.lines(fleet.store, search=search, after=after, limit=PAGE)
        return render_template("boxes.html", lines=lines, search=search, page=PAGE)

    @pages.get("/box/<serial>")
    @needs(fleet, "watcher")
    def box(serial: str) -> str:
        """One box."""
        with fleet.store.read() as db:
            found = find(db, serial)
            clinic = db.get(Clinic, found.clinic_id) if found.clinic_id else None
            events = audit.newest(db, serial=serial, limit=30)
        owned = {key: spec for key, spec in KEYS.items() if spec.owner != "clinic"}
        documents, came = fleet.documents.of(serial), reports(fleet.store, serial)
        return render_template(
            "box.html",
            box=found,
            line=health.line(found, clinic.name if clinic else ""),
            heartbeat=found.heartbeat or {},
            checks=sorted((found.heartbeat or {}).get("checks", []), key=lambda check: _ORDER[check["state"]]),
            documents=documents,
            settings=next((d.body["values"] for d in documents if d.kind == "settings"), {}),
            owned=owned,
            events=events,
            reports=[(at, msgspec.json.format(msgspec.json.encode(one)).decode()) for at, one in came],
            commands=WORDS,
            units=_units(found.heartbeat or {}),
            releases=fleet.repository.releases(),
        )

    @pages.get("/audit")
    @needs(fleet, "watcher")
    def events() -> str:
        """Who of the vendor did what."""
        with fleet.store.read() as db:
            return render_template("audit.html", events=audit.newest(db), trouble=audit.trouble(db))


def _add_acts(pages: Blueprint, fleet: "Fleet") -> None:
    acts: dict[str, tuple[str, Callable[[str, Mapping[str, str]], object]]] = {
        "command": ("support", lambda s, f: fleet.documents.send_command(s, command_from(f), who=_me())),
        "settings": ("support", lambda s, f: fleet.documents.set_settings(s, settings_from(f), who=_me())),
        "pin": ("releaser", lambda s, f: fleet.rollouts.pin(s, f.get("release") or None, who=_me())),
        "replace": ("owner", lambda s, f: fleet.registry.replace(s, f.get("by", ""), who=_me())),
        "revoke": ("owner", lambda s, f: fleet.registry.revoke(s, who=_me())),
    }

    @pages.post("/box/<serial>/<act>")
    @needs(fleet, "support")
    def do(serial: str, act: str) -> AnyResponse:
        """One act on one box."""
        if act not in acts:
            abort(404)
        least, run = acts[act]
        if not includes(_role(fleet) or "watcher", least):
            abort(403)
        try:
            run(serial, request.form)
        except BuckyError as error:
            flash(f"{error.text} {error.advice}", "bad")
        else:
            flash("Done. The box is told at its next heartbeat.", "good")
        return redirect(url_for("console.box", serial=serial))


def _add_rollouts(pages: Blueprint, fleet: "Fleet") -> None:
    @pages.get("/rollouts")
    @needs(fleet, "watcher")
    def rollouts() -> str:
        """Releases on their way."""
        known = fleet.rollouts.all()
        gone = {rollout.release for rollout, _, _ in known}
        new = [release for release in fleet.repository.releases() if release not in gone]
        return render_template("rollouts.html", rollouts=known, new=new, rings=RINGS)

    @pages.post("/rollouts/<act>")
    @needs(fleet, "releaser")
    def steer(act: str) -> AnyResponse:
        """Start or halt."""
        release = request.form.get("release", "")
        try:
            if act == "halt":
                fleet.rollouts.halt(release, who=_me())
            elif act == "start" and release in fleet.repository.releases():
                fleet.rollouts.start(release, who=_me())
            else:
                raise BadInput(field="Release", reason="sign it first")
        except BuckyError as error:
            flash(f"{error.text} {error.advice}", "bad")
        return redirect(url_for("console.rollouts"))


def _add_people(pages: Blueprint, fleet: "Fleet") -> None:
    def shown(*, made: Mapping[str, object] | None = None, error: BuckyError | None = None) -> str:
        facts = {"people": fleet.people.all(), "roles": MEANINGS, "shortest": MIN_PASSWORD}
        return render_template("people.html", made=made, error=error, **facts)

    @pages.get("/people")
    @needs(fleet, "owner")
    def people() -> str:
        """Who of the vendor may log in."""
        return shown()

    @pages.post("/people")
    @needs(fleet, "owner")
    def add_person() -> str | tuple[str, int]:
        """A new account; its code for the authenticator is shown once."""
        name = request.form.get("name", "").strip()
        try:
            given = request.form.get("role", ""), request.form.get("password", "")
            secret = fleet.people.add(name, *given, who=_me())
        except BuckyError as error:
            return shown(error=error), 400
        picture = segno.make(authenticator_address(name, secret), error="m").svg_inline(scale=5, border=2)
        return shown(made={"name": name, "secret": secret, "picture": Markup(picture)})  # noqa: S704 - made by segno

    @pages.post("/people/<act>")
    @needs(fleet, "owner")
    def change_person(act: str) -> AnyResponse | tuple[str, int]:
        """Block or let in again."""
        if act not in ("block", "unblock"):
            abort(404)
        try:
            fleet.people.block(request.form.get("name", ""), blocked=act == "block", who=_me())
        except BuckyError as error:
            return shown(error=error), 400
        return redirect(url_for("console.people"))


def _units(heartbeat: Mapping[str, Any]) -> list[tuple[int, bool]]:
    """The rows of the accepted X-ray units, and whether each can be asked whether it answers."""
    checks = [check for check in heartbeat.get("checks", []) if re.fullmatch(r"unit-\d+", check["key"])]
    return [(int(check["key"][len("unit-") :]), bool(check["figures"].get("listens"))) for check in checks]


def _me() -> str:
    return str(session["name"])


def command_from(form: Mapping[str, str]) -> Command:
    """The command of a form or of a command line; raises BadInput."""
    name = form.get("command", "")
    if name not in BY_NAME:
        raise BadInput(field="Command", reason=f"one of {', '.join(BY_NAME)}")
    given = {field: form.get(field, "") for field in BY_NAME[name].__struct_fields__}
    try:
        command: Command = msgspec.convert({"name": name, **given}, Command, strict=False)
    except msgspec.ValidationError:
        raise BadInput(field="Command", reason=f"it needs {', '.join(given)}") from None
    return command


def settings_from(form: Mapping[str, str]) -> dict[str, Any]:
    """The vendor's part of the settings from a form; an empty field leaves the default."""
    given = {key: form[key].strip() for key in KEYS if form.get(key, "").strip()}
    return {key: _typed(key, text) for key, text in given.items()}


def _typed(key: str, text: str) -> Any:
    try:
        return KEYS[key].check(text)
    except ValueError as error:
        raise BadInput(field=key, reason=error) from None
