"""The application factory of the pages."""

import ipaddress
from dataclasses import dataclass
from datetime import timedelta

from flask import Blueprint, Flask, Response, request
from flask_login import LoginManager, UserMixin
from flask_wtf.csrf import CSRFProtect

from appliance import __version__
from appliance.accounts.people import Account
from appliance.accounts.roles import Role
from webui import api, errors, pictures, session, shared, words
from webui.roles import check_role
from webui.services import Services

CSP = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data: blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SESSION_HOURS = 12
MAX_FORM_BYTES = 1 << 20


@dataclass
class User(UserMixin):  # type: ignore[misc]  # flask-login has no types
    """The account of a session, as Flask-Login wants it."""

    account: Account

    def get_id(self) -> str:
        return self.account.session_key

    @property
    def name(self) -> str:
        """The account's name."""
        return self.account.name

    @property
    def role(self) -> Role:
        """The account's role."""
        return self.account.role


def create_app(services: Services, dicomweb: Blueprint) -> Flask:
    """The pages of a box or of a reader service, and its DICOMweb service, which has tokens of its own."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=services.facts.secret_key,
        SESSION_COOKIE_NAME=f"bucky_{services.facts.kind}",
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(hours=SESSION_HOURS),
        MAX_FORM_MEMORY_SIZE=MAX_FORM_BYTES,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    programs = api.create(services)
    csrf = CSRFProtect(app)
    csrf.exempt(dicomweb)
    csrf.exempt(programs)
    _add_log_in(app, services)
    app.before_request(lambda: refuse_foreign_host(services))
    app.before_request(lambda: check_role(lambda: services.accounts.needs_setup))
    app.after_request(secure)
    errors.register(app, services.log)
    app.register_blueprint(session.create(services))
    app.register_blueprint(pictures.create(services))
    app.register_blueprint(shared.create(services))
    if services.facts.kind == "reader":
        from webui.reader import pages as reader_pages

        app.register_blueprint(reader_pages.create(services))
    else:
        from webui.clinic import pages as clinic_pages

        app.register_blueprint(clinic_pages.create(services))
    app.register_blueprint(programs)
    app.register_blueprint(dicomweb, url_prefix="/dicom-web")
    _add_words(app, services)
    return app


def _add_log_in(app: Flask, services: Services) -> None:
    manager = LoginManager(app)
    manager.session_protection = "strong"

    @manager.user_loader  # type: ignore[untyped-decorator]
    def load(session_key: str) -> User | None:
        account = services.accounts.by_session_key(session_key)
        return None if account is None else User(account)


def _add_words(app: Flask, services: Services) -> None:
    app.jinja_env.globals.update(
        words=words,
        facts=services.facts,
        version=__version__,
        clinic_name=lambda: services.setting("clinic_name") or "Bucky",
    )


def refuse_foreign_host(services: Services) -> Response | None:
    """Answer only to addresses, localhost and .local names: a foreign name means DNS rebinding."""
    host = request.host.rsplit(":", 1)[0].strip("[]").lower().rstrip(".")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        if host != "localhost" and not host.endswith(".local"):
            return Response(f"This box does not answer to this name. Use http://{_an_address(services)}/\n", 421)
    return None


def _an_address(services: Services) -> str:
    return f"{next(iter(services.facts.addresses()), '127.0.0.1')}:{services.facts.http_port}"


def secure(response: Response) -> Response:
    """Headers that keep pages private and scripts ours."""
    response.headers.setdefault("Content-Security-Policy", CSP)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Frame-Options"] = "DENY"
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    return response
