"""The console of the vendor's support: boxes and how they are, one box, rollouts, audit."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from flask import Blueprint, Flask, Response, abort, flash, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFProtect
from werkzeug.wrappers import Response as AnyResponse

from appliance.errors import BadInput, BuckyError
from appliance.settings import KEYS
from provisioning.fleet import audit, entry, health, people_pages, words
from provisioning.fleet.entry import me, needs, role_at
from provisioning.fleet.registry import find
from provisioning.fleet.rollouts import RINGS
from provisioning.fleet.staff import includes
from provisioning.fleet.support import reports
from provisioning.fleet.tables import Clinic
from provisioning.protocol.commands import BY_NAME, WORDS, Command

if TYPE_CHECKING:
    from provisioning.fleet.service import Fleet

CSP = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
PAGE = 100
_ORDER = {"bad": 0, "busy": 1, "good": 2}


def add(app: Flask, fleet: "Fleet") -> None:
    """Put the console's pages and its safeguards onto the app."""
    csrf = CSRFProtect(app)
    csrf.exempt(app.blueprints["api"])
    pages = Blueprint("console", __name__, url_prefix="/console", template_folder="templates", static_folder="static")
    entry.add(pages, fleet)
    _add_boxes(pages, fleet)
    _add_acts(pages, fleet)
    _add_rollouts(pages, fleet)
    people_pages.add(pages, fleet)
    pages.after_request(_secure)
    pages.app_context_processor(lambda: _known(role_at(fleet)))
    app.register_blueprint(pages)


def _known(role: str | None) -> dict[str, Any]:
    """What every page may ask: who looks, and what they may."""
    return {"words": words, "name": me() if role else "", "may": lambda least: includes(role or "watcher", least)}


def _secure(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = CSP
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers.setdefault("Cache-Control", "no-store")
    return response


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
            settings=fleet.documents.settings_of(serial),
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
        "command": ("support", lambda s, f: fleet.documents.send_command(s, command_from(f), who=me())),
        "settings": ("support", lambda s, f: fleet.documents.set_settings(s, settings_from(f), who=me())),
        "pin": ("releaser", lambda s, f: fleet.rollouts.pin(s, f.get("release") or None, who=me())),
        "accept-audit": ("owner", lambda s, f: health.accept_audit(fleet.store, s, who=me())),
        "replace": ("owner", lambda s, f: fleet.documents.replace(s, f.get("by", ""), who=me())),
        "revoke": ("owner", lambda s, f: fleet.registry.revoke(s, who=me())),
    }

    @pages.post("/box/<serial>/<act>")
    @needs(fleet, "support")
    def do(serial: str, act: str) -> AnyResponse:
        """One act on one box."""
        if act not in acts:
            abort(404)
        least, run = acts[act]
        if not includes(role_at(fleet) or "watcher", least):
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
                fleet.rollouts.halt(release, who=me())
            elif act == "start" and release in fleet.repository.releases():
                fleet.rollouts.start(release, who=me())
            else:
                raise BadInput(field="Release", reason="sign it first")
        except BuckyError as error:
            flash(f"{error.text} {error.advice}", "bad")
        return redirect(url_for("console.rollouts"))


def _units(heartbeat: Mapping[str, Any]) -> list[tuple[int, bool]]:
    """The rows of the accepted X-ray units, and whether each can be asked whether it answers."""
    checks = [check for check in heartbeat.get("checks", []) if re.fullmatch(r"unit-\d+", check["key"])]
    return [(int(check["key"][len("unit-") :]), bool(check["figures"].get("listens"))) for check in checks]


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
