"""The application factory of the pages."""

import ipaddress
from datetime import timedelta

from flask import Blueprint, Flask, Response, request
from flask_babel import gettext as _
from flask_login import LoginManager
from flask_wtf.csrf import CSRFProtect

from appliance import __version__
from webui import (
    api,
    compression,
    drawings,
    errors,
    hand_over,
    languages,
    lock,
    menu,
    openapi,
    people,
    pictures,
    session,
    share,
    shared,
    status,
    support,
    trail,
    trust,
    viewing,
    words,
)
from webui.gate import Gate
from webui.reader import pairing
from webui.services import Services
from webui.user import User

CSP = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SESSION_HOURS = 12
MAX_FORM_BYTES = 1 << 20


def create_app(services: Services, dicomweb: Blueprint, front: Blueprint | None = None) -> Flask:
    """The pages of a box, of a clinic at a reader service, or with `front` of the service as a whole; and the DICOMweb
    service, which has tokens of its own."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=services.facts.secret_key,
        SESSION_COOKIE_NAME=f"bucky_{services.facts.kind}",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SECURE=services.facts.secure_only,
        PERMANENT_SESSION_LIFETIME=timedelta(hours=SESSION_HOURS),
        MAX_FORM_MEMORY_SIZE=MAX_FORM_BYTES,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    plain = trust.Trust(services.facts.secure_only, lambda: services.facts.authority)
    app.before_request(lambda: refuse_foreign_host(services))
    app.before_request(plain.refuse_plain)
    programs = api.create(services)
    csrf = CSRFProtect(app)
    csrf.exempt(dicomweb)
    csrf.exempt(programs)
    _add_log_in(app, services)
    languages.register(app, services)
    app.before_request(Gate(services).check)
    app.after_request(secure)
    app.after_request(compression.pack)
    errors.register(app, services.log)
    for part in (session, lock, menu, people, trail, pictures, drawings, viewing, shared, status):
        app.register_blueprint(part.create(services))
    for pages in [front] if front else _own_pages(services):
        app.register_blueprint(pages)
    if services.shares:
        app.register_blueprint(share.create(services, services.shares))
    if front:
        app.register_blueprint(boxes := pairing.create(services))
        csrf.exempt(boxes)
    app.register_blueprint(programs)
    app.register_blueprint(openapi.create())
    app.register_blueprint(trust.create(plain))
    app.register_blueprint(dicomweb, url_prefix="/dicom-web")
    _add_words(app, services)
    return app


def _own_pages(services: Services) -> list[Blueprint]:
    from webui.reader import pages as reading

    if services.facts.kind == "reader":
        return [reading.create(services), hand_over.create(services)]
    from webui.clinic import pages as clinic

    return [clinic.create(services), reading.create(services), hand_over.create(services), support.create(services)]


def _add_log_in(app: Flask, services: Services) -> None:
    manager = LoginManager(app)
    manager.session_protection = "strong"

    @manager.user_loader  # type: ignore[untyped-decorator]  # Flask-Login tells no types here
    def load(session_key: str) -> User | None:
        account = services.accounts.by_session_key(session_key)
        return None if account is None else User(account)


def _add_words(app: Flask, services: Services) -> None:
    app.jinja_env.globals.update(
        words=words,
        facts=services.facts,
        version=__version__,
        clinic_name=lambda: services.setting("clinic_name") or "Bucky",
        unread=lambda: services.mail_notices.news().total,
    )


def refuse_foreign_host(services: Services) -> Response | None:
    """Answer only to addresses, localhost, .local and trusted names: a foreign name means DNS rebinding."""
    host = request.host.rsplit(":", 1)[0].strip("[]").lower().rstrip(".")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        if host not in ("localhost", *services.facts.trusted_hosts) and not host.endswith(".local"):
            address = f"http://{_an_address(services)}/"
            words = _("This box does not answer to this name. Use %(address)s.", address=address)
            return Response(f"{words}\n", 421, content_type="text/plain; charset=utf-8")
    return None


def _an_address(services: Services) -> str:
    return f"{next(iter(services.facts.addresses()), '127.0.0.1')}:{services.facts.http_port}"


def secure(response: Response) -> Response:
    """Headers that keep pages private and scripts ours."""
    response.headers.setdefault("Content-Security-Policy", CSP)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers["X-Frame-Options"] = "DENY"
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    return response
