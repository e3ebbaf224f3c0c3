"""Pages that a box and a reader service have in common: change notice, status, tokens."""

import io

import segno
from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from appliance.accounts.roles import ROLES, valid_role
from appliance.errors import BadInput
from webui.actor import actor
from webui.roles import needs
from webui.services import BoxFacts, Services


def create(services: Services) -> Blueprint:
    """The blueprint `shared`."""
    pages = Blueprint("shared", __name__)

    @pages.get("/changes.json")
    @needs("viewer")
    def changes() -> dict[str, str]:
        """A text that differs when anything was committed by any role."""
        return {"version": services.watch.version()}

    @pages.get("/address.svg")
    @needs("viewer")
    def address_code() -> Response:
        """The page's address as a QR code."""
        buffer = io.BytesIO()
        segno.make(page_address(services.facts), error="m").save(buffer, kind="svg", scale=5, border=2, xmldecl=False)
        return Response(buffer.getvalue(), content_type="image/svg+xml")

    @pages.route("/tokens", methods=["GET", "POST"])
    @needs("administrator", again=True)
    def tokens() -> str:
        """Tokens for programs: a box that sends here, other software."""
        made = None
        if request.method == "POST":
            try:
                role = valid_role(request.form.get("role", ""))
            except ValueError as error:
                raise BadInput(field="Role", reason=str(error)) from None
            made = services.tokens.create(request.form.get("name", ""), role, request.form.get("clinic"))
            services.trail.record(
                "user-set", actor(), subject=f"token {request.form['name']}", change=f"made as {role}"
            )
        return render_template("shared/tokens.html", tokens=services.tokens.all(), made=made, roles=ROLES)

    @pages.post("/tokens/revoke")
    @needs("administrator", again=True)
    def revoke_token() -> AnyResponse:
        """Make a token worthless."""
        services.tokens.revoke(request.form.get("name", ""))
        services.trail.record("user-set", actor(), subject=f"token {request.form['name']}", change="revoked")
        return redirect(url_for("shared.tokens"))

    return pages


def page_address(facts: BoxFacts) -> str:
    """The page's address by number, which works where names do not."""
    address = next(iter(facts.addresses()), "127.0.0.1")
    return f"https://{address}/" if facts.secure_only else f"http://{address}:{facts.http_port}/"
