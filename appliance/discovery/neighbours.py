"""Listens whether this network lets its machines find each other: the answer to "why can't other PCs find me?"."""

import time
from dataclasses import dataclass

from zeroconf import ServiceBrowser, ServiceStateChange, Zeroconf

from appliance.discovery.beacon import BeaconUnavailable, interface_addresses

LISTEN_S = 2.0
_COMMON = (
    "_http._tcp.local.",
    "_ipp._tcp.local.",
    "_smb._tcp.local.",
    "_workstation._tcp.local.",
    "_dicom._tcp.local.",
)


@dataclass(frozen=True)
class Neighbours:
    """What was heard by multicast."""

    own_name_heard: bool
    others: int
    """Machines that offer something, this one not counted."""


def listen(listen_host: str, own_name: str | None, *, seconds: float = LISTEN_S) -> Neighbours:
    """Ask the network who is there; takes `seconds`. Raises BeaconUnavailable."""
    interfaces = interface_addresses(listen_host)
    try:
        zeroconf = Zeroconf(interfaces=interfaces)
    except OSError as error:
        raise BeaconUnavailable(reason=(error.strerror or "no multicast").lower()) from error
    heard: set[tuple[str, str]] = set()

    def note(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        if state_change is ServiceStateChange.Added:
            heard.add((service_type, name))

    try:
        ServiceBrowser(zeroconf, list(_COMMON), handlers=[note])
        time.sleep(seconds)
        servers = {_server(zeroconf, kind, name) for kind, name in heard} - {None}
    finally:
        zeroconf.close()
    own = f"{own_name}." if own_name else ""
    return Neighbours(own_name_heard=own in servers, others=len(servers - {own}))


def _server(zeroconf: Zeroconf, service_type: str, name: str) -> str | None:
    info = zeroconf.get_service_info(service_type, name, timeout=500)
    return None if info is None else info.server
