"""The units' commands as the image runs them: users of their own, closed folders, no capability, TLS in front."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.firmware.device import ROLES, Device, Started
from tests.waiting import wait_for

NEAR, FAR = "10.99.78.1", "10.99.78.2"


def test_every_role_says_that_it_answers_and_goes_on_saying_so(started: dict[str, Started]) -> None:
    """The receiver by an echo to itself, the page by an answer, the courier by its database."""
    for role in ROLES:
        started[role].wait_told("WATCHDOG=1")
    log = started["courier"].log.read_text()
    assert "worker-ended" not in log  # a call that its filter does not let through
    assert all(role.process.poll() is None for role in started.values()), log
    users = {role: Path(f"/proc/{started[role].process.pid}").stat().st_uid for role in ROLES}
    assert len(set(users.values())) == len(ROLES)
    assert 0 not in users.values()


def test_no_role_sees_what_is_not_its_own(device: Device, started: dict[str, Started]) -> None:
    """The receiver neither the vendor's keys nor a way to change the releases; both may write where they must."""
    acts = ("ls /var/lib/bucky/vendor/.", "touch /var/lib/bucky/releases/x", "touch /var/lib/bucky/updates/x")
    tried = "; ".join(f"{act} >/dev/null 2>&1 && echo {act}" for act in (*acts, "touch /var/lib/bucky/tmp/x")) + "; :"
    inside = ["nsenter", "--target", str(started["receiver"].process.pid), "--mount"]
    as_receiver = ["setpriv", "--reuid", "bucky-receiver", "--regid", "bucky", "--clear-groups", "sh", "-c", tried]
    done = subprocess.run([*inside, *as_receiver], capture_output=True, text=True, check=True)
    assert done.stdout == "touch /var/lib/bucky/tmp/x\n"


@pytest.fixture(scope="module")
def cable(device: Device, started: dict[str, Started]) -> Iterator[list[str]]:
    """A network namespace at the other end of the device's cable, behind its rules; how to run a command there."""
    device.start("bucky-front.service").wait_listening(device, 443)
    far = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "ip link set lo up; echo made; exec cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert far.stdout is not None
    far.stdout.readline()  # before that its namespace is still this machine's
    veth = ("ip", "link", "add", "bk1", "type", "veth", "peer", "name", "bk1", "netns", str(far.pid))
    device.run(*veth)
    there = ["nsenter", "--target", str(far.pid), "--net"]
    device.run("sh", "-euc", f"ip addr add {NEAR}/24 dev bk1; ip link set bk1 up; /usr/lib/bucky/firewall")
    subprocess.run([*there, "sh", "-euc", f"ip addr add {FAR}/24 dev bk1; ip link set bk1 up"], check=True)
    yield there
    far.kill()
    far.wait()


def _reaches(there: list[str], port: int) -> bool:
    done = subprocess.run(
        [*there, "python3", "-c", f"import socket; socket.create_connection(('{NEAR}', {port}), 1)"],
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def test_only_what_is_served_comes_in(device: Device, cable: list[str]) -> None:
    """104 is 11112 as well; the page's own port and a listener that somebody forgot are not to be reached."""
    device.started.append(subprocess.Popen(device.enter("python3", "-m", "http.server", "9999"), text=True))
    wait_for(lambda: "9999" in device.run("ss", "-ltnH"), 60, "a listener that nobody knows of")
    assert {port for port in (22, 80, 104, 443, 2762, 8080, 9999, 11112) if _reaches(cable, port)} == {
        80,
        104,
        443,
        2762,
        11112,
    }
    echo = subprocess.run([*cable, "echoscu", "-aec", "BUCKY", NEAR, "104"], check=False, timeout=60)
    assert echo.returncode == 0


def test_ports_follow_the_settings(device: Device, cable: list[str]) -> None:
    """A clinic that names another port for DICOM finds it open, in one step with the rest."""
    device.run("sh", "-c", "umask 7; echo 'dicom_port = 4242' > /var/lib/bucky/settings.toml")
    reload = device.start("bucky-ports.service")
    assert reload.process.wait(120) == 0, reload.log.read_text()
    rules = json.loads(device.run("nft", "--json", "list", "table", "inet", "bucky"))
    (served,) = [entry["set"]["elem"] for entry in rules["nftables"] if "set" in entry]
    assert sorted(served) == [80, 104, 443, 2762, 4242]
    device.run("sh", "-c", "rm /var/lib/bucky/settings.toml; /usr/lib/bucky/firewall ports")


def test_the_page_answers_over_tls_of_the_boxs_own_authority(device: Device, cable: list[str]) -> None:
    """From the clinic's network; without TLS there is one page and no log-in."""
    authority = device.folder.parent / "authority.pem"
    authority.write_text(device.run("cat", "/var/lib/bucky/tls/authority.pem"))
    curl = [
        *cable,
        "curl",
        "-sS",
        "--max-time",
        "60",
        "--cacert",
        str(authority),
        "--resolve",
        f"bucky.local:443:{NEAR}",
    ]
    page = subprocess.run([*curl, "https://bucky.local/login"], capture_output=True, text=True, check=False)
    assert 'name="password"' in page.stdout, page.stderr
    plain = subprocess.run([*curl, f"http://{NEAR}/login"], capture_output=True, text=True, check=False)
    assert "The page of this box is encrypted" in plain.stdout
