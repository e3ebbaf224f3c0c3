"""The box's address in the network: units have it typed in, and a router may give another one."""

import ipaddress
import json
from collections.abc import Callable, Iterator

from appliance.archive.senders import Senders
from appliance.clock import stamp
from appliance.health.finding import Finding

KNOWN = "address_known"
_TITLE = "Address in the network"


def address(
    addresses: Callable[[], list[str]],
    senders: Senders,
    setting: Callable[[str], str | None],
    set_setting: Callable[[str, str | None], None],
) -> Iterator[Finding]:
    """Whether it is still the one that the units know; one that a unit has reached since then counts as known."""
    current = addresses()
    if all(ipaddress.ip_address(one).is_loopback for one in current):
        words = "The page and the X-ray unit’s door are open to this machine alone."
        yield Finding("address", _TITLE, "busy", words, "Plug in the network cable, or set host to 0.0.0.0.")
        return
    known = json.loads(setting(KNOWN) or "{}")
    told = ", ".join(current)
    if not known or set(current) & set(known["addresses"]):
        if not known or known.get("lost_at"):
            set_setting(KNOWN, json.dumps({"addresses": current}))
        yield Finding("address", _TITLE, "good", f"{told}.")
        return
    if not known.get("lost_at"):
        known["lost_at"] = stamp()
        set_setting(KNOWN, json.dumps(known))
    if any(s.state == "accepted" and s.last_seen_at > known["lost_at"] for s in senders.all()):
        set_setting(KNOWN, json.dumps({"addresses": current}))
        yield Finding("address", _TITLE, "good", f"{told}.")
        return
    words = f"It was {', '.join(known['addresses'])} and is {told} now. No X-ray unit has come since."
    advice = f"Type {current[0]} into the X-ray unit, or let the router always give the box its old address."
    yield Finding("address", _TITLE, "bad", words, advice)
