"""The console's pages of people: an owner's list of accounts, and everybody's own."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import segno
from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from appliance.errors import BadInput, BuckyError, WrongCredentials
from provisioning.fleet.entry import begin, me, needs
from provisioning.fleet.staff import MEANINGS, MIN_PASSWORD, authenticator_address, is_secret, new_secret

if TYPE_CHECKING:
    from provisioning.fleet.service import Fleet


def add(pages: Blueprint, fleet: "Fleet") -> None:
    """Put the pages onto the console."""
    _add_people(pages, fleet)
    _add_own(pages, fleet)


def _code(name: str, secret: str) -> dict[str, str]:
    """A secret as the authenticator reads it and as people type it."""
    picture = segno.make(authenticator_address(name, secret), error="m").svg_inline(scale=5, border=2)
    return {"name": name, "secret": secret, "picture": Markup(picture)}  # noqa: S704 - made by segno


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
            return shown(made=_code(name, fleet.people.add(name, *given, who=me())))
        except BuckyError as error:
            return shown(error=error), 400

    @pages.post("/people/authenticator")
    @needs(fleet, "owner")
    def new_authenticator() -> str | tuple[str, int]:
        """For somebody who lost theirs; the code is shown once, the old one is void."""
        name = request.form.get("name", "")
        try:
            return shown(made=_code(name, fleet.people.new_authenticator(name, who=me())))
        except BuckyError as error:
            return shown(error=error), 400

    @pages.post("/people/<act>")
    @needs(fleet, "owner")
    def change_person(act: str) -> AnyResponse | tuple[str, int]:
        """Block or let in again."""
        if act not in ("block", "unblock"):
            abort(404)
        try:
            fleet.people.block(request.form.get("name", ""), blocked=act == "block", who=me())
        except BuckyError as error:
            return shown(error=error), 400
        return redirect(url_for("console.people"))


def _add_own(pages: Blueprint, fleet: "Fleet") -> None:
    def shown(error: BuckyError | None = None, secret: str = "") -> str:
        offered = _code(me(), secret if is_secret(secret) else new_secret())
        return render_template("account.html", error=error, offered=offered, shortest=MIN_PASSWORD)

    @pages.get("/account")
    @needs(fleet, "watcher")
    def account() -> str:
        """One's own account; the offered secret is nobody's until it is taken."""
        return shown()

    @pages.post("/account/password")
    @needs(fleet, "watcher")
    def change_password() -> AnyResponse | tuple[str, int]:
        """By the present password and a number; ends the person's other sessions."""
        form = request.form
        try:
            if form.get("new", "") != form.get("again", ""):
                raise BadInput(field="New password", reason="the same twice")
            seal = fleet.people.change_password(me(), *_proof(), form.get("new", ""))
        except BuckyError as error:
            return shown(error), 403 if isinstance(error, WrongCredentials) else 400
        return _go_on(seal, "Your password is changed.")

    @pages.post("/account/authenticator")
    @needs(fleet, "watcher")
    def change_authenticator() -> AnyResponse | tuple[str, int]:
        """By password, a number of the old one and one of the new; ends the person's other sessions."""
        secret, number = request.form.get("secret", ""), request.form.get("new_number", "").strip()
        try:
            seal = fleet.people.change_authenticator(me(), *_proof(), secret, number)
        except BuckyError as error:
            return shown(error, secret), 403 if isinstance(error, WrongCredentials) else 400
        return _go_on(seal, "Your new authenticator counts from now on.")


def _proof() -> tuple[str, str]:
    return request.form.get("password", ""), request.form.get("number", "").strip()


def _go_on(seal: str, done: str) -> AnyResponse:
    begin(me(), seal)
    flash(f"{done} Wherever else you were logged in, you are out.", "good")
    return redirect(url_for("console.account"))
