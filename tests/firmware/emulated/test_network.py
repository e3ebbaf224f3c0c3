"""A clinic's network of its own, with a router that gives addresses: the box makes itself known and is found there."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.firmware.emulated.board import BOOT_S, Board, powered
from tests.firmware.emulated.images import scratch
from tests.waiting import wait_for

_KINDS = ("_dicom._tcp.local.", "_dicom-tls._tcp.local.", "_http._tcp.local.")
_BROWSE = """
import json, sys, time
from zeroconf import ServiceBrowser, Zeroconf
found, zeroconf = {}, Zeroconf(interfaces=["10.99.0.1"])
class Listener:
    def add_service(self, zeroconf, kind, name):
        if info := zeroconf.get_service_info(kind, name, 5000):
            texts = {key.decode(): (value or b"").decode() for key, value in info.properties.items()}
            found[kind] = {"name": name, "server": info.server, "addresses": info.parsed_addresses(), "port": info.port,
                           "texts": texts}
    update_service = remove_service = lambda *_: None
ServiceBrowser(zeroconf, sys.argv[1:], Listener())
time.sleep(10)
zeroconf.close()
print(json.dumps(found))
"""


class Clinic:
    """A namespace that holds the clinic's network: the board's cable ends here, and a router gives addresses."""

    def __init__(self) -> None:
        self.name = f"clinic{os.getpid()}"
        self.within = ["ip", "netns", "exec", self.name]
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self.run("ip", "link", "set", "lo", "up")
        self.run("ip", "tuntap", "add", "mode", "tap", "name", "cable")
        self.run("ip", "addr", "add", "10.99.0.1/24", "dev", "cable")
        self.run("ip", "link", "set", "cable", "up")
        router = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--interface=cable"]
        lease = ["--bind-interfaces", "--leasefile-ro", "--dhcp-range=10.99.0.50,10.99.0.60"]
        self._router = subprocess.Popen([*self.within, *router, *lease])

    def run(self, *command: str) -> str:
        """What a command prints that runs on another machine of the clinic; raises CalledProcessError."""
        return subprocess.run([*self.within, *command], check=True, capture_output=True, text=True).stdout

    def seen(self) -> dict[str, Any]:
        """Services that were announced at an address which the router gave, by kind."""
        found: dict[str, Any] = json.loads(self.run(sys.executable, "-c", _BROWSE, *_KINDS))
        for service in found.values():
            service["addresses"] = [one for one in service["addresses"] if one.startswith("10.99.0.")]
        return {kind: service for kind, service in found.items() if service["addresses"]}

    def succeeds(self, *command: str) -> bool:
        """Whether a command of another machine of the clinic does what it is asked."""
        return subprocess.run([*self.within, *command], stdout=subprocess.DEVNULL, check=False).returncode == 0

    def close(self) -> None:
        """End it."""
        self._router.terminate()
        self._router.wait()
        subprocess.run(["ip", "netns", "delete", self.name], check=True)


@pytest.fixture
def clinic() -> Iterator[Clinic]:
    """A network without the box."""
    made = Clinic()
    yield made
    made.close()


def test_the_box_makes_itself_known_and_is_reached_where_it_says(image: Path, clinic: Clinic) -> None:
    """mDNS names DICOM, DICOM over TLS and the page; C-ECHO and the page answer at just that address and name."""
    folder = scratch("network")
    with powered(Board(folder / "one", image)) as board:
        board.within = clinic.within
        board.cable = ["-netdev", "tap,id=net,ifname=cable,script=no,downscript=no"]
        board.start()
        found = wait_for(lambda: len(seen := clinic.seen()) == len(_KINDS) and seen, BOOT_S, "three kinds of services")
        print(f"\n{json.dumps(found, indent=1)}")
        dicom, secure, page = (found[kind] for kind in _KINDS)
        assert (dicom["port"], secure["port"]) == (11112, 2762)
        assert dicom["texts"]["AET"] == "BUCKY"
        address, host = dicom["addresses"][0], page["server"].rstrip(".")
        echo = ["echoscu", "-to", "30", "-aec", "BUCKY", address, str(dicom["port"])]
        wait_for(lambda: clinic.succeeds(*echo), BOOT_S, "an answer to C-ECHO")
        named = ["--resolve", f"{host}:443:{page['addresses'][0]}", f"https://{host}/healthz"]
        wait_for(lambda: clinic.succeeds("curl", "-sfk", *named), BOOT_S, "the page over TLS")
        plain = clinic.run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", f"http://{address}:{page['port']}/")
        assert plain in ("200", "301", "302", "303", "308")
    shutil.rmtree(folder)
