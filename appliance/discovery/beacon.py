"""mDNS advertisements: `_dicom._tcp` by the receiver, `_http._tcp` and the host name by the page."""

import ipaddress
import random
import socket
import time
from dataclasses import dataclass

import psutil
from zeroconf import Error, IPVersion, ServiceInfo, Zeroconf
from zeroconf._services.info import AddressResolverIPv4

from appliance.errors import BuckyError

PROBE_S = 1.5  # twice that of RFC 6762 8.1: responders hold back what they multicast within the last second
MAX_NAMES = 50


class BeaconUnavailable(BuckyError):
    """Multicast does not work here."""

    code = "beacon-unavailable"
    message = "The box cannot make itself known on the network ({reason})."
    hint = "Reach the page by its address or the QR code instead."


@dataclass(frozen=True)
class BeaconState:
    """The name under which the box is found, and why it is not the usual one."""

    host_name: str
    instance_name: str
    conflict: str | None
    addresses: tuple[str, ...]


def interface_addresses(listen_host: str) -> list[str]:
    """The IPv4 addresses to advertise: what the role really listens on."""
    host = ipaddress.ip_address(listen_host)
    if not host.is_unspecified:
        return [listen_host]
    stats = psutil.net_if_stats()
    found = [
        entry.address
        for name, entries in psutil.net_if_addrs().items()
        for entry in entries
        if entry.family == socket.AF_INET and name in stats and stats[name].isup
    ]
    return [a for a in found if not ipaddress.ip_address(a).is_loopback] or ["127.0.0.1"]


class _Beacon:
    """One advertised service; `addresses` are told to others, multicast goes out on the interfaces of `listen_host`."""

    def __init__(self, listen_host: str, addresses: list[str] | None) -> None:
        self._listen_host = listen_host
        self._fixed_addresses = addresses
        self._interfaces = interface_addresses(listen_host)
        try:
            self._zeroconf = Zeroconf(interfaces=self._interfaces)
        except OSError as error:
            raise BeaconUnavailable(reason=(error.strerror or "no multicast").lower()) from error
        self._info: ServiceInfo | None = None

    @property
    def _addresses(self) -> list[str]:
        return self._fixed_addresses or self._interfaces

    def _register(self, kind: str, name: str, port: int, server: str, properties: dict[str, str]) -> ServiceInfo:
        info = ServiceInfo(
            kind,
            f"{name}.{kind}",
            port=port,
            server=server,
            properties=properties,
            addresses=[socket.inet_aton(address) for address in self._addresses],
        )
        try:
            self._zeroconf.register_service(info, allow_name_change=True)
        except (Error, OSError) as error:
            self._zeroconf.close()
            raise BeaconUnavailable(reason="the name could not be registered") from error
        self._info = info
        return info

    def _moved(self) -> bool:
        """Whether the addresses of this machine have changed; then a new socket is needed."""
        return self._fixed_addresses is None and interface_addresses(self._listen_host) != self._interfaces

    def _reopen(self) -> None:
        self._zeroconf.close()
        self._interfaces = interface_addresses(self._listen_host)
        try:
            self._zeroconf = Zeroconf(interfaces=self._interfaces)
        except OSError as error:
            raise BeaconUnavailable(reason=(error.strerror or "no multicast").lower()) from error

    def close(self) -> None:
        """Withdraw the advertisement (goodbye packets)."""
        if self._info is not None:
            self._zeroconf.unregister_service(self._info)
        self._zeroconf.close()


class DicomBeacon(_Beacon):
    """`_dicom._tcp`, and `_dicom-tls._tcp` where there is TLS, with the TXT keys of PS3.15 H.2."""

    def __init__(
        self,
        *,
        ae_title: str,
        port: int,
        host_label: str,
        listen_host: str,
        tls_port: int | None = None,
        addresses: list[str] | None = None,
    ) -> None:
        super().__init__(listen_host, addresses)
        self._ae_title, self._port, self._tls_port, self._host_label = ae_title, port, tls_port, host_label
        self._tls_info: ServiceInfo | None = None
        self._announce()

    def _announce(self) -> None:
        properties = {"AET": self._ae_title, "PrimaryDeviceType": "ARCHIVE"}
        server = f"{self._host_label}.local."
        if self._tls_port is not None:
            self._tls_info = self._register(
                "_dicom-tls._tcp.local.", self._ae_title, self._tls_port, server, properties
            )
        self._register("_dicom._tcp.local.", self._ae_title, self._port, server, properties)

    def close(self) -> None:
        """Withdraw both advertisements."""
        if self._tls_info is not None:
            self._zeroconf.unregister_service(self._tls_info)
        super().close()

    def check(self) -> BeaconState:
        """Follow changes of the addresses."""
        if self._moved():
            self._reopen()
            self._announce()
        assert self._info is not None  # noqa: S101 - set by _announce
        return BeaconState(
            self._info.server or "", self._info.name.removesuffix("._dicom._tcp.local."), None, tuple(self._addresses)
        )


class PageBeacon(_Beacon):
    """`_http._tcp`, and the claim to `bucky.local`, which gives way to a box that has the name already."""

    def __init__(
        self, *, port: int, wanted_host: str = "bucky", listen_host: str, addresses: list[str] | None = None
    ) -> None:
        super().__init__(listen_host, addresses)
        self._port, self._wanted = port, wanted_host
        self._conflict: str | None = None
        self._number = 1
        self._claim()

    @property
    def _host(self) -> str:
        label = self._wanted if self._number == 1 else f"{self._wanted}-{self._number}"
        return f"{label}.local."

    def _claim(self) -> None:
        """Probe (RFC 6762 8.1), announce, and look once more: of two that start together the higher address yields."""
        time.sleep(random.uniform(0.0, PROBE_S / 6))  # noqa: S311 - spreads probes, keeps no secret
        while self._number < MAX_NAMES:
            others = self._others(PROBE_S)
            if not others:
                break
            self._yield_to(others)
        self._announce()

    def _announce(self) -> None:
        label = self._host.removesuffix(".local.")
        self._register("_http._tcp.local.", label, self._port, self._host, {"path": "/"})

    def _yield_to(self, others: set[str]) -> None:
        self._conflict = f"another device at {', '.join(sorted(others))} has the name {self._host.rstrip('.')}"
        self._number += 1

    def _others(self, timeout_s: float) -> set[str]:
        """Addresses of other machines that answer to the host name."""
        resolver = AddressResolverIPv4(self._host)
        resolver.request(self._zeroconf, timeout_s * 1000)
        found = set(resolver.parsed_addresses(IPVersion.V4Only))
        return found - set(self._addresses)

    def check(self) -> BeaconState:
        """Follow changes of the addresses and conflicts that came later; the higher address yields."""
        if self._moved():
            self._reopen()
            self._claim()
        others = self._others(PROBE_S)
        if others and max(map(_as_number, self._addresses)) > min(map(_as_number, others)):
            if self._info is not None:
                self._zeroconf.unregister_service(self._info)
            self._yield_to(others)
            self._claim()
        assert self._info is not None  # noqa: S101 - set by _claim
        name = self._info.name.removesuffix("._http._tcp.local.")
        return BeaconState(self._host.rstrip("."), name, self._conflict, tuple(self._addresses))


def _as_number(address: str) -> int:
    return int(ipaddress.IPv4Address(address))
