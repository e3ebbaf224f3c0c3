"""First run, log-in and log-out."""

import time
from urllib.parse import urlsplit

from flask import Blueprint, make_response, redirect, render_template, request, session, url_for
from flask_login import current_user, login_user, logout_user
from werkzeug.wrappers import Response

from appliance.accounts.first_run import PRACTICES
from appliance.accounts.people import Account
from appliance.accounts.shared_pcs import SharedPc
from appliance.audit.events import SERIOUS_FAILURE
from appliance.errors import BuckyError
from webui.actor import actor
from webui.errors import status_of
from webui.languages import COOKIE, COOKIE_S, LANGUAGES, language
from webui.roles import PUBLIC, needs
from webui.services import Services
from webui.user import User

Answer = str | Response | tuple[str, int]
PC_COOKIE = "bucky_pc"
PC_COOKIE_S = 2 * 365 * 86_400
_CODE_TIME_S = 300.0


def create(services: Services) -> Blueprint:
    """The blueprint `session`."""
    pages = Blueprint("session", __name__)
    _add_first_run(pages, services)
    _add_log_in(pages, services)
    _add_anytime(pages, services)
    return pages


def _add_first_run(pages: Blueprint, services: Services) -> None:
    @pages.route("/setup", methods=["GET", "POST"])
    @needs(PUBLIC)
    def setup() -> Answer:
        """Name the clinic and make the first administrator, proven by the setup code."""
        if not services.first_run.needed:
            return redirect(url_for("session.log_in"))
        if request.method == "GET":
            return render_template("shared/setup.html", practices=PRACTICES, error=None)
        form = request.form
        try:
            account = services.first_run.set_up_with_code(
                form.get("code", ""),
                request.remote_addr or "",
                clinic=form.get("clinic", ""),
                kind=form.get("kind", ""),
                name=form.get("name", ""),
                password=form.get("password", ""),
            )
        except BuckyError as error:
            services.trail.record("user-set", actor(), outcome=SERIOUS_FAILURE, reason=error.code, subject="setup")
            return render_template("shared/setup.html", practices=PRACTICES, error=error), status_of(error)
        services.trail.record("user-set", actor(account.name), subject="setup")
        services.set_setting("language", language())
        return enter(services, account)


def _add_log_in(pages: Blueprint, services: Services) -> None:
    @pages.route("/login", methods=["GET", "POST"])
    @needs(PUBLIC)
    def log_in() -> Answer:
        """Name and password."""
        if services.first_run.needed:
            return redirect(url_for("session.setup"))
        if request.method == "GET":
            return render_template("shared/login.html", error=None, pc=pc_of(services))
        name, pc = request.form.get("name", ""), pc_of(services)
        try:
            account = services.accounts.log_in(
                name, request.form.get("password", ""), request.remote_addr or "", pc=pc.id if pc else None
            )
        except BuckyError as error:
            services.trail.record("logged-in", actor(name), outcome=SERIOUS_FAILURE, reason=error.code)
            return render_template("shared/login.html", error=error, pc=pc), status_of(error)
        if account.has_totp:
            session.clear()
            session["half_way"] = [account.session_key, time.time(), request.form.get("pc_name", "")]
            return redirect(url_for("session.code", next=request.args.get("next")))
        return enter(services, account, pc_name=request.form.get("pc_name", ""))

    @pages.route("/login/code", methods=["GET", "POST"])
    @needs(PUBLIC)
    def code() -> Answer:
        """The authenticator's code, after the password."""
        session_key, at, pc_name = session.get("half_way", ["", 0.0, ""])
        account = services.accounts.by_session_key(session_key)
        if account is None or time.time() - at > _CODE_TIME_S:
            return redirect(url_for("session.log_in"))
        if request.method == "GET":
            return render_template("shared/code.html", error=None)
        try:
            services.accounts.check_code(account, request.form.get("code", ""))
        except BuckyError as error:
            services.trail.record("logged-in", actor(account.name), outcome=SERIOUS_FAILURE, reason=error.code)
            return render_template("shared/code.html", error=error), status_of(error)
        return enter(services, account, pc_name=pc_name)


def _add_anytime(pages: Blueprint, services: Services) -> None:
    @pages.post("/logout")
    @needs(PUBLIC)
    def log_out() -> Response:
        """End the session."""
        services.trail.record("logged-out", actor())
        logout_user()
        session.clear()
        return redirect(url_for("session.log_in"))

    @pages.post("/language")
    @needs(PUBLIC)
    def choose_language() -> Response:
        """Speak another language: to the person who is logged in, before that to whoever sits at this browser."""
        answer = redirect(inside(request.form.get("next", "")))
        if (wanted := request.form.get("language", "")) not in LANGUAGES:
            return answer
        if current_user.is_authenticated:
            services.accounts.set_language(current_user.account.id, wanted)
        else:
            answer.set_cookie(COOKIE, wanted, max_age=COOKIE_S, samesite="Lax", secure=request.is_secure)
        return answer

    @pages.get("/healthz")
    @needs(PUBLIC)
    def health() -> dict[str, str]:
        """Whether the page answers, without any detail."""
        return {"status": "ok"}


def pc_of(services: Services) -> SharedPc | None:
    """The PC of the clinic that asks, None for others."""
    return services.shared_pcs.by_key(request.cookies.get(PC_COOKIE))


def enter(services: Services, account: Account, *, pc_name: str = "") -> Response:
    """A fresh session for an account; goes on to the page that was asked for. A named PC is enrolled for PINs."""
    session.clear()
    session.permanent = True
    if account.language is None and (chosen := request.cookies.get(COOKIE)) in LANGUAGES:
        services.accounts.set_language(account.id, chosen)
    session["seen"] = session["again"] = time.time()
    login_user(User(account))
    services.accounts.note_log_in(account.id)
    services.trail.record("logged-in", actor(account.name))
    answer = redirect(inside(request.args.get("next", "")))
    if pc := pc_of(services):
        services.shared_pcs.note_use(pc.id)
        services.accounts.forget_pin_tries(account.id, pc.id)
    elif pc_name.strip():
        key = services.shared_pcs.enrol(pc_name, account.name)
        answer = make_response(answer)
        answer.set_cookie(PC_COOKIE, key, max_age=PC_COOKIE_S, httponly=True, samesite="Lax", secure=request.is_secure)
    return answer


def inside(wanted: str) -> str:
    """The path to go on to, if it is one of this box."""
    good = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and not urlsplit(wanted).netloc
    return wanted if good else "/"
