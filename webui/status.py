"""The status page in plain words, the same as JSON, and why other PCs cannot find the box."""

import time
from dataclasses import asdict, dataclass

from flask import Blueprint, render_template, request
from flask_babel import gettext as _

from appliance.accounts.roles import includes
from appliance.discovery.beacon import BeaconUnavailable
from appliance.errors import NotAllowed
from appliance.health.finding import Finding
from webui.languages import advice, message, tr
from webui.roles import PUBLIC, needs
from webui.services import Services
from webui.shared import page_address

_A_DAY_S = 86_400.0
_MOST_VISITORS = 200
_ORDER = {"bad": 0, "busy": 1, "good": 2}


@dataclass(frozen=True)
class Reason:
    """One line of the answer to "why can't other PCs find me?"."""

    good: bool
    words: str
    advice: str = ""


def create(services: Services) -> Blueprint:
    """The blueprint `status`."""
    pages = Blueprint("status", __name__)

    @pages.get("/status")
    @needs("viewer")
    def status() -> str:
        """How the box is: what needs somebody first."""
        return render_template("shared/status.html", findings=_sorted(services))

    @pages.get("/status/list")
    @needs("viewer")
    def status_list() -> str:
        """The list alone, for the page's own update."""
        return render_template("shared/_status_list.html", findings=_sorted(services))

    @pages.get("/api/status.json")
    @needs(PUBLIC)  # asks for its own token
    def status_json() -> dict[str, object]:
        """The same for programs, with a bearer token."""
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        token = services.tokens.verify(text.strip()) if scheme.lower() == "bearer" else None
        if token is None or not includes(token.role, "viewer"):
            raise NotAllowed
        return {"findings": [asdict(finding) for finding in services.health.findings()]}

    @pages.get("/network")
    @needs("viewer")
    def network() -> str:
        """Listen for some seconds and explain what was heard."""
        return render_template(
            "shared/network.html", reasons=_reasons(services), page_address=page_address(services.facts)
        )

    @pages.before_app_request
    def note_visitor() -> None:
        """Remember which other machines reach the page: it proves that the network lets them."""
        visitors, address = services.facts.visitors, request.remote_addr or ""
        if (
            address not in services.facts.addresses()
            and not address.startswith("127.")
            and len(visitors) < _MOST_VISITORS
        ):
            visitors[address] = time.time()

    return pages


def _sorted(services: Services) -> list[Finding]:
    return sorted(services.health.findings(), key=lambda finding: _ORDER[finding.state])


def _reasons(services: Services) -> list[Reason]:
    """What speaks for and against being found, most useful first."""
    facts = services.facts
    recent = [a for a, at in facts.visitors.items() if time.time() - at < _A_DAY_S]
    reasons = [
        Reason(True, _("Other PCs reach this page by its address: %(names)s.", names=", ".join(sorted(recent)[:5])))
        if recent
        else Reason(
            False,
            _("No other PC has opened this page since the box was started."),
            _(
                "On another PC, type the address below. If nothing opens, that PC is in another network: a guest Wi-Fi"
                " or a separate (V)LAN. Connect both to the same one."
            ),
        )
    ]
    reasons += [
        Reason(finding.state == "good", f"{tr(finding.title)}: {tr(finding.words)}", tr(finding.advice))
        for finding in services.health.findings()
        if finding.key == "address"
    ]
    if facts.beacon_trouble:
        return [*reasons, Reason(False, tr(facts.beacon_trouble), _("Use the address or the QR code."))]
    try:
        heard = services.neighbours()
    except BeaconUnavailable as error:
        return [*reasons, Reason(False, message(error), advice(error))]
    reasons.append(_own_name(facts.host_name, heard.own_name_heard))
    reasons.append(
        Reason(
            True,
            _(
                "%(count)s other machines make themselves known here, so names work in this network.",
                count=heard.others,
            ),
        )
        if heard.others
        else Reason(
            False,
            _("No other machine was heard."),
            _(
                "The network may keep its machines apart (“client isolation”, “AP isolation”) or filter multicast. Ask"
                " who looks after it to allow multicast DNS (UDP 5353), or use the address."
            ),
        )
    )
    if facts.beacon_conflict:
        reasons.append(Reason(True, _("The name is not the usual one: %(name)s.", name=facts.beacon_conflict)))
    return reasons


def _own_name(name: str | None, heard: bool) -> Reason:
    if heard:
        return Reason(True, _("The box hears its own name %(name)s.", name=name))
    return Reason(
        False,
        _("The box does not hear its own name."),
        _("Wait a minute and look again. If it stays, a firewall on this machine may block multicast DNS (UDP 5353)."),
    )
