"""The unit files as systemd itself reads them: whether they are right, and how closed they are."""

import json
import re

import pytest

from firmware.image.tree import links
from tests.firmware.device import TREE, UNITS, Device, unit

SERVICES = sorted(path.name for path in UNITS.glob("bucky-*.service"))
ROLES = ("receiver", "web", "courier", "agent", "front")
EXPOSURE = 2.0


def test_systemd_finds_nothing_wrong(device: Device) -> None:
    """Every unit, with what it needs beside it."""
    names = sorted(path.name for path in UNITS.glob("bucky*") if path.is_file())
    assert device.run("sh", "-c", f"systemd-analyze verify --man=no {' '.join(names)} 2>&1") == ""


def test_a_wrong_unit_would_be_found(device: Device) -> None:
    """The check above is worth something."""
    device.run(
        "sh", "-c", "printf '[Service]\\nExecStart=/nowhere\\nProtectSytem=yes\\n' > /etc/systemd/system/odd.service"
    )
    said = device.run("sh", "-c", "systemd-analyze verify --man=no odd.service 2>&1", expect=1)
    assert "ProtectSytem" in said
    assert "/nowhere" in said


@pytest.mark.parametrize("name", [*SERVICES, "bucky-first-boot.service"])
def test_every_unit_is_closed(device: Device, name: str) -> None:
    """By systemd's own measure, of which 10 is open and 0 shut."""
    table = json.loads(device.run("systemd-analyze", "security", "--offline=true", "--json=short", name))
    assert table
    said = device.run("systemd-analyze", "security", "--offline=true", "--no-pager", name)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert found
    assert float(found[1]) < EXPOSURE


@pytest.mark.parametrize("name", [f"bucky-{role}.service" for role in ROLES])
def test_roles_have_limits_and_come_back(name: str) -> None:
    """Memory, tasks, and a start after every end; the product's roles are watched."""
    lines = unit(name)
    assert lines["MemoryMax"]
    assert int(lines["TasksMax"][-1]) <= 256
    assert lines["Restart"] == ["always"]
    assert lines["StartLimitIntervalSec"] == ["0"]
    assert lines["WatchdogSec"] or name == "bucky-front.service"


def test_the_receiver_answers_first() -> None:
    """Everything else is started after it said that it answers."""
    for role in ("web", "courier", "agent", "front"):
        assert f"bucky-{role}.service" in " ".join(unit("bucky-receiver.service")["Before"])
    assert unit("bucky-receiver.service")["Type"] == ["notify"]


def test_every_unit_is_wanted_by_the_target_or_called_by_another() -> None:
    """None is forgotten, and the target asks for none that there is not."""
    wanted = {name for line in unit("bucky.target")["Wants"] for name in line.split()}
    there = {path.name for path in UNITS.glob("bucky-*") if path.is_file()}
    assert wanted - {"bucky-first-boot.service"} <= there  # that one comes with the image
    called = {
        name
        for path in there
        if path.endswith(".path")
        for name in unit(path)["Unit"] or [path.replace(".path", ".service")]
    }
    timed = {path.replace(".timer", ".service") for path in there if path.endswith(".timer")}
    asked = set(re.findall(r"bucky-\w+\.service", (TREE / "usr/lib/bucky/trial").read_text()))
    assert there | {"bucky-first-boot.service"} == wanted | called | timed | asked


def test_the_factory_does_not_end_itself() -> None:
    """It restarts the unit of the data's folders, and systemd ends with that one whatever requires it."""
    lines = unit("bucky-factory.service")
    assert "bucky-data.service" in " ".join(lines["Wants"])
    assert not lines["Requires"]


def test_nothing_updates_the_device_but_its_image() -> None:
    """No timers of apt, no swap file, no log on the card."""
    for name in ("apt-daily.timer", "apt-daily-upgrade.timer", "nginx.service", "avahi-daemon.service"):
        assert links()[f"etc/systemd/system/{name}"] == "/dev/null"
    assert "Storage=volatile" in (TREE / "etc/systemd/journald.conf.d/bucky.conf").read_text()
    assert "swap" not in "".join(path.read_text() for path in TREE.rglob("fstab"))


def test_chrony_takes_its_configuration(device: Device) -> None:
    """Whose floor lies on the data partition."""
    said = device.run("sh", "-c", "chronyd -p -f /etc/chrony/chrony.conf")
    assert "driftfile /var/lib/bucky/chrony/drift" in said


@pytest.mark.parametrize(("floor", "steps"), [("2 days", True), ("2 days ago", False)])
def test_a_clock_that_is_behind_is_set_to_its_floor(device: Device, floor: str, steps: bool) -> None:
    """And one that is ahead of it is left alone; with -x chronyd keeps its hands off and says so."""
    device.run("sh", "-c", f"cd /var/lib/bucky/chrony; echo '1.0 1.0' > drift; touch -d '{floor}' drift")
    options = (TREE / "etc/default/chrony").read_text().partition('"')[2].partition('"')[0].replace("-F 1", "-x")
    lines = "'driftfile /var/lib/bucky/chrony/drift' 'port 0' 'cmdport 0' 'bindcmdaddress /' 'pidfile /run/floor.pid'"
    said = device.run("sh", "-c", f"chronyd -d {options} {lines} 2>&1", expect=1)
    assert "Nothing to do" in said
    assert ("Could not step system clock" in said) == steps
