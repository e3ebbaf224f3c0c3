"""The checks of the status page."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypedDict

from appliance.wiring.box import Box

if TYPE_CHECKING:
    from appliance.health.finding import Health
    from provisioning.agent.memory import Answer
    from webui.services import BoxFacts


class VendorFacts(TypedDict):
    """What the check of the vendor is given."""

    trusted: bool
    heard_at: str | None
    consent_until: str | None


def build_health(box: Box, port: Callable[[], int | None], facts: "BoxFacts | None") -> "Health":
    """Every check; those of the name need the facts of the running page."""
    from appliance import __version__
    from appliance.discovery.beacon import interface_addresses
    from appliance.health.address import address
    from appliance.health.archive import archive, trail
    from appliance.health.certificate import certificate
    from appliance.health.clock import clock
    from appliance.health.finding import Check, Health
    from appliance.health.line import lines
    from appliance.health.name import name
    from appliance.health.rehearsal import rehearsal
    from appliance.health.safety import backup, disk, notices, pictures
    from appliance.health.updates import updates
    from appliance.health.vendor import vendor
    from appliance.health.xray import xray_door, xray_units
    from appliance.wiring.agent import belongs_to_vendor

    own_certificate = partial(
        certificate,
        box.settings.data / "tls" / "certificate.pem",
        "Certificate for X-ray units",
        "Switch the box off and on; it makes a new one. Units that know the old one must be given the new one.",
    )
    checks: list[Check] = [partial(xray_door, port, box.settings.ae_title)]
    if facts is None or facts.kind == "box":
        checks += [partial(xray_units, box.senders), partial(lines, box.destinations, box.queue)]
        checks += [partial(rehearsal, box.rehearsals)]
        listening = facts.addresses if facts else partial(interface_addresses, box.settings.host)
        database = box.database
        checks.append(partial(address, listening, box.senders, database.setting, database.set_setting))
    checks += [
        partial(notices, box.notices),
        partial(disk, box.space),
        partial(backup, box.backup),
        partial(pictures, box.checker, box.damages),
    ]
    checks += [partial(archive, box.catalogue), own_certificate, clock]
    if facts is not None:
        named = facts
        checks.append(
            partial(name, lambda: named.host_name, lambda: named.beacon_conflict, lambda: named.beacon_trouble)
        )
    checks.append(partial(updates, __version__, belongs_to_vendor(box.settings), partial(_last_update, box)))
    checks.append(partial(trail, box.trail))
    if facts is None or facts.kind == "box":
        checks.append(lambda: vendor(**_vendor_facts(box)))
    return Health(checks)


def _vendor_facts(box: Box) -> "VendorFacts":
    from appliance.wiring.agent import belongs_to_vendor, build_memory

    memory = build_memory(box)
    consent = memory.consent()
    return {
        "trusted": belongs_to_vendor(box.settings),
        "heard_at": memory.get("heard_at"),
        "consent_until": consent.until if consent else None,
    }


def _last_update(box: Box) -> "Answer | None":
    from appliance.wiring.agent import build_memory

    return next((answer for answer in build_memory(box).answers() if answer.kind == "release"), None)
