"""People: accounts and roles for the administrator, and each person's own password, PIN and authenticator."""

import io

import segno
from flask import Blueprint, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from appliance.accounts.people import MIN_PASSWORD, new_totp_secret, totp_address
from appliance.accounts.roles import ROLES, Role, valid_role
from appliance.errors import BadInput, BuckyError
from webui.actor import actor
from webui.errors import status_of
from webui.gate import idle_minutes
from webui.roles import needs
from webui.services import Services
from webui.session import Answer
from webui.user import User

_LONGEST_IDLE_MINUTES = 12 * 60


def create(services: Services) -> Blueprint:
    """The blueprint `people`."""
    pages = Blueprint("people", __name__)
    _add_accounts(pages, services)
    _add_house(pages, services)
    _add_own(pages, services)
    _add_authenticator(pages, services)
    return pages


def _shown(services: Services, error: BuckyError | None = None) -> str:
    return render_template(
        "shared/people.html",
        accounts=services.accounts.all(),
        pcs=services.shared_pcs.all(),
        roles=ROLES,
        idle_minutes=idle_minutes(services),
        min_password=MIN_PASSWORD,
        error=error,
    )


def _add_accounts(pages: Blueprint, services: Services) -> None:
    @pages.get("/people")
    @needs("administrator", again=True)
    def everybody() -> str:
        """Accounts, roles, PCs of the clinic, idle lock."""
        return _shown(services)

    @pages.post("/people")
    @needs("administrator", again=True)
    def add() -> Answer:
        """A new person."""
        form = request.form
        try:
            made = services.accounts.add(form.get("name", ""), _role(form.get("role", "")), form.get("password", ""))
        except BuckyError as error:
            return _shown(services, error), status_of(error)
        services.trail.record("user-set", actor(), subject=made.name, change=f"added as {made.role}")
        return redirect(url_for("people.everybody"))

    @pages.post("/people/<int:account_id>/<change>")
    @needs("administrator", again=True)
    def change(account_id: int, change: str) -> Answer:
        """Another role or password; shut or open an account; take the authenticator away."""
        account = services.accounts.get(account_id)
        try:
            _change(services, account_id, change)
        except BuckyError as error:
            return _shown(services, error), status_of(error)
        kind = "roles-set" if change == "role" else "user-set"
        services.trail.record(kind, actor(), subject=account.name, change=change)
        return redirect(url_for("people.everybody"))


def _add_house(pages: Blueprint, services: Services) -> None:
    @pages.post("/people/pcs/<int:pc_id>/remove")
    @needs("administrator", again=True)
    def remove_pc(pc_id: int) -> Response:
        """PINs are worth nothing on this PC any more."""
        services.shared_pcs.remove(pc_id)
        services.trail.record("security-set", actor(), subject="shared PC removed")
        return redirect(url_for("people.everybody"))

    @pages.post("/people/idle")
    @needs("administrator", again=True)
    def idle() -> Answer:
        """After how many minutes the page locks."""
        minutes = request.form.get("minutes", -1, int)
        if not 0 <= minutes <= _LONGEST_IDLE_MINUTES:
            error = BadInput(field="Minutes", reason=f"0 (never) to {_LONGEST_IDLE_MINUTES}")
            return _shown(services, error), status_of(error)
        services.set_setting("idle_minutes", str(minutes))
        services.trail.record("security-set", actor(), subject=f"idle lock after {minutes} minutes")
        return redirect(url_for("people.everybody"))


def _change(services: Services, account_id: int, change: str) -> None:
    accounts = services.accounts
    if change == "role":
        accounts.set_role(account_id, _role(request.form.get("role", "")))
    elif change == "password":
        accounts.set_password(account_id, request.form.get("password", ""))
        if account_id == current_user.account.id:
            _stay(services)
    elif change in ("disable", "enable"):
        accounts.disable(account_id, disabled=change == "disable")
    elif change == "no-authenticator":
        accounts.set_totp(account_id, None)
    else:
        raise BadInput(field="Change", reason="role, password, disable, enable or no-authenticator")


def _add_own(pages: Blueprint, services: Services) -> None:
    def shown(error: BuckyError | None = None, done: str = "") -> str:
        account = services.accounts.get(current_user.account.id)
        return render_template("shared/me.html", me=account, min_password=MIN_PASSWORD, error=error, done=done)

    @pages.get("/me")
    @needs("viewer")
    def me() -> str:
        """One's own password, PIN, authenticator."""
        return shown()

    @pages.post("/me/password")
    @needs("viewer", again=True)
    def password() -> Answer:
        """A new password; every other session of this account ends."""
        try:
            services.accounts.set_password(current_user.account.id, request.form.get("password", ""))
        except BuckyError as error:
            return shown(error), status_of(error)
        _stay(services)
        services.trail.record("user-set", actor(), subject=current_user.name, change="password")
        return shown(done=_("The password is changed."))

    @pages.post("/me/pin")
    @needs("viewer", again=True)
    def pin() -> Answer:
        """A PIN for the clinic's shared PCs, or none."""
        try:
            services.accounts.set_pin(current_user.account.id, request.form.get("pin", "").strip() or None)
        except BuckyError as error:
            return shown(error), status_of(error)
        services.trail.record("user-set", actor(), subject=current_user.name, change="PIN")
        return shown(done=_("The PIN is set.") if request.form.get("pin", "").strip() else _("The PIN is gone."))


def _add_authenticator(pages: Blueprint, services: Services) -> None:
    @pages.get("/me/authenticator")
    @needs("viewer", again=True)
    def authenticator() -> str:
        """The secret as a QR code; it counts once a code of it was typed."""
        session["totp"] = session.get("totp") or new_totp_secret()
        return render_template("shared/authenticator.html", secret=session["totp"], error=None)

    @pages.get("/me/authenticator.svg")
    @needs("viewer", again=True)
    def authenticator_code() -> Response:
        """The QR code for the authenticator."""
        address = totp_address(session.get("totp", ""), current_user.name, services.setting("clinic_name") or "Bucky")
        buffer = io.BytesIO()
        segno.make(address).save(buffer, kind="svg", scale=5, border=2, xmldecl=False)
        return Response(buffer.getvalue(), content_type="image/svg+xml")

    @pages.post("/me/authenticator")
    @needs("viewer", again=True)
    def set_authenticator() -> Answer:
        """Ask for its codes from now on, or no more."""
        secret = None if request.form.get("off") else session.get("totp", "")
        try:
            services.accounts.set_totp(current_user.account.id, secret, request.form.get("code", ""))
        except BuckyError as error:
            page = render_template("shared/authenticator.html", secret=session.get("totp", ""), error=error)
            return page, status_of(error)
        session.pop("totp", None)
        services.trail.record("user-set", actor(), subject=current_user.name, change="authenticator")
        return redirect(url_for("people.me"))


def _stay(services: Services) -> None:
    """A new password ended all sessions of the account; this one goes on."""
    from flask_login import login_user

    login_user(User(services.accounts.get(current_user.account.id)))


def _role(text: str) -> Role:
    try:
        return valid_role(text)
    except ValueError as error:
        raise BadInput(field="Role", reason=str(error)) from None
