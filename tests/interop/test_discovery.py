"""Advertisements over real multicast, on loopback and between network namespaces that the test makes."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from zeroconf import ServiceBrowser, Zeroconf

from appliance.discovery.beacon import DicomBeacon, PageBeacon
from tests.orthanc import need
from tests.waiting import wait_for

HOST = "127.0.0.1"


class _Seen:
    """Names that a browser sees at present."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def add_service(self, zc: Zeroconf, kind: str, name: str) -> None:
        self.names.add(name)

    def remove_service(self, zc: Zeroconf, kind: str, name: str) -> None:
        self.names.discard(name)

    def update_service(self, zc: Zeroconf, kind: str, name: str) -> None:
        self.names.add(name)


@pytest.fixture
def network() -> Iterator[Zeroconf]:
    """An independent listener on loopback."""
    with contextlib.closing(Zeroconf(interfaces=[HOST])) as opened:
        yield opened


def test_the_receiver_is_found_with_its_txt_keys_and_withdrawn_on_close(network: Zeroconf) -> None:
    """PS3.15 H.2: AET and PrimaryDeviceType; a goodbye takes it away at once."""
    seen = _Seen()
    ServiceBrowser(network, "_dicom._tcp.local.", seen)  # type: ignore[arg-type]  # a listener by its methods
    beacon = DicomBeacon(ae_title="BUCKYTEST", port=11112, host_label="bucky-test", listen_host=HOST)
    name = "BUCKYTEST._dicom._tcp.local."
    wait_for(lambda: name in seen.names, 10, "the advertisement")
    info = network.get_service_info("_dicom._tcp.local.", name)
    assert info is not None
    assert info.decoded_properties == {"AET": "BUCKYTEST", "PrimaryDeviceType": "ARCHIVE"}
    assert (info.port, info.parsed_addresses()) == (11112, [HOST])
    beacon.close()
    wait_for(lambda: name not in seen.names, 5, "the goodbye")


def test_dicom_over_tls_is_advertised_with_its_own_port(network: Zeroconf) -> None:
    """PS3.15 H.2: `_dicom-tls._tcp` beside `_dicom._tcp`, both withdrawn on close."""
    seen = _Seen()
    ServiceBrowser(network, "_dicom-tls._tcp.local.", seen)  # type: ignore[arg-type]  # a listener by its methods
    beacon = DicomBeacon(ae_title="BUCKYTLS", port=11112, tls_port=2762, host_label="bucky-test", listen_host=HOST)
    name = "BUCKYTLS._dicom-tls._tcp.local."
    wait_for(lambda: name in seen.names, 10, "the advertisement")
    info = network.get_service_info("_dicom-tls._tcp.local.", name)
    assert info is not None
    assert info.port == 2762
    beacon.close()
    wait_for(lambda: name not in seen.names, 5, "the goodbye")


def test_a_second_box_takes_another_name_and_says_why() -> None:
    """The first keeps bucky.local."""
    first = PageBeacon(port=8080, wanted_host="buckytest", listen_host=HOST, addresses=["127.0.0.1"])
    second = PageBeacon(port=8081, wanted_host="buckytest", listen_host=HOST, addresses=["127.0.0.2"])
    try:
        assert first.check().host_name == "buckytest.local"
        state = second.check()
        assert state.host_name == "buckytest-2.local"
        assert state.conflict is not None
        assert "127.0.0.1" in state.conflict
    finally:
        second.close()
        first.close()


CLAIM = """
import json, sys
from appliance.discovery.beacon import PageBeacon
beacon = PageBeacon(port=8080, listen_host=sys.argv[1])
state = beacon.check()
print(json.dumps([state.host_name, state.conflict]), flush=True)
sys.stdin.read()
beacon.close()
"""


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@pytest.fixture
def namespaces() -> Iterator[tuple[str, str]]:
    """Two hosts joined by a cable, inside this machine."""
    need("ip")
    if os.geteuid() != 0:
        pytest.skip("needs root to make network namespaces")
    names = (f"bk-a-{os.getpid()}", f"bk-b-{os.getpid()}")
    try:
        for name in names:
            _ip("netns", "add", name)
        _ip("link", "add", "bk0", "netns", names[0], "type", "veth", "peer", "name", "bk0", "netns", names[1])
        for number, name in enumerate(names, start=1):
            _ip("-n", name, "addr", "add", f"10.99.77.{number}/24", "dev", "bk0")
            _ip("-n", name, "link", "set", "bk0", "up")
            _ip("-n", name, "link", "set", "lo", "up")
            _ip("-n", name, "route", "add", "224.0.0.0/4", "dev", "bk0")
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def test_two_boxes_on_one_cable_get_two_names(namespaces: tuple[str, str]) -> None:
    """Over a real link between two hosts, the second yields."""
    started = []
    states = []
    try:
        for number, name in enumerate(namespaces, start=1):
            process = subprocess.Popen(
                ["ip", "netns", "exec", name, sys.executable, "-c", CLAIM, f"10.99.77.{number}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            started.append(process)
            assert process.stdout is not None
            states.append(json.loads(process.stdout.readline()))
    finally:
        for process in started:
            process.communicate("", timeout=20)
    assert states[0] == ["bucky.local", None]
    assert states[1][0] == "bucky-2.local"
    assert "10.99.77.1" in states[1][1]
