"""A bundle from the vendor's key ceremony over TUF to the box's installer, and the outcome back to the vendor."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.settings import load
from appliance.wiring import Box
from appliance.wiring.agent import build_agent
from firmware.update import bundle, keys
from provisioning.agent.loop import Agent
from provisioning.fleet.tables import Document
from tests.fleet import HOST, SERIAL, Service
from tests.orthanc import need


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    """A bundle, signed for the installer."""
    need("rauc", "mksquashfs")
    keys.make(tmp_path / "keys")
    (tmp_path / "part").write_bytes(os.urandom(200_000))
    bundle.build("9.9", tmp_path / "part", tmp_path / "part", tmp_path / "image.raucb", keys=tmp_path / "keys")
    return tmp_path / "image.raucb"


@pytest.fixture
def service(tmp_path: Path, signed: Path) -> Iterator[Service]:
    """A service after the key ceremony, with the bundle signed as release 9.9."""
    made = Service(tmp_path / "fleet")
    made.fleet.repository.ceremony(made.offline)
    assert made.fleet.repository.add("9.9", signed, made.offline) == "bucky-9.9.raucb"
    yield made.start()
    made.stop()


@pytest.fixture
def data(service: Service, tmp_path: Path) -> Path:
    """The data folder of a device that belongs to the vendor; its own release is the image's."""
    folder = tmp_path / "box"
    for name in ("releases", "updates"):
        (folder / name).mkdir(parents=True)
    (folder / "releases/current").symlink_to("image")
    service.register(folder / "vendor")
    return folder


def agent(data: Path, **given: object) -> Agent:
    """The agent as the role builds it; the clinic is closed."""
    made = build_agent(Box(load(data, command_line={"host": HOST, "mdns": False})))
    usual = {"quiet_hours": lambda: True, "busy": lambda: False, "answers": lambda: True}
    made._box = replace(made._box, **{**usual, **given})
    return made


def offer(service: Service) -> int:
    """The vendor wants the box at 9.9; the document's number."""
    with service.fleet.store.write() as session:
        return service.fleet.documents.offer_release(session, SERIAL, "9.9", who="sue")


def outcome(service: Service, number: int) -> tuple[str | None, str]:
    """What the vendor knows of it."""
    with service.fleet.store.read() as session:
        found = session.get_one(Document, (SERIAL, "release", number))
        return found.outcome, found.reason


def test_a_bundle_comes_whole_to_the_installer_in_the_evening(service: Service, data: Path, signed: Path) -> None:
    """It is fetched at once, handed over when the clinic is closed, and the outcome goes back to the vendor."""
    at_noon = agent(data, quiet_hours=lambda: False)
    at_noon.run_once()
    number = offer(service)
    at_noon.run_once()
    assert (data / "releases/9.9.raucb").read_bytes() == signed.read_bytes()
    assert not (data / "updates/wanted.json").exists()
    in_the_evening = agent(data)
    in_the_evening.run_once()
    assert (data / "updates/bundle.raucb").read_bytes() == signed.read_bytes()
    assert json.loads((data / "updates/wanted.json").read_text()) == {"release": "9.9", "version": number}
    in_the_evening.run_once()
    assert outcome(service, number) == (None, "")
    (data / "updates/wanted.json").unlink()
    (data / "updates/outcome.json").write_text(json.dumps({"version": number, "done": True, "reason": ""}))
    in_the_evening.run_once()
    assert outcome(service, number) == ("done", "")
    assert not (data / "updates/outcome.json").exists()


def test_the_device_restarts_for_an_image_when_nobody_is_at_the_door(service: Service, data: Path) -> None:
    """It took minutes to write; an association that began meanwhile is not cut."""
    one = agent(data, busy=lambda: True)
    (data / "updates/written").touch()
    one.run_once()
    assert (data / "updates/written").exists()
    one._box = replace(one._box, busy=lambda: False)
    one.run_once()
    assert not (data / "updates/written").exists()


@pytest.mark.parametrize("reason", ["bundle-damaged", "returned"])
def test_the_vendor_is_told_why_an_image_did_not_stay(service: Service, data: Path, reason: str) -> None:
    """The installer's own code."""
    one = agent(data)
    one.run_once()
    number = offer(service)
    one.run_once()
    (data / "updates/wanted.json").unlink()
    (data / "updates/outcome.json").write_text(json.dumps({"version": number, "done": False, "reason": reason}))
    one.run_once()
    assert outcome(service, number) == ("refused", reason)


def test_a_bundle_with_other_bytes_never_reaches_the_installer(service: Service, data: Path) -> None:
    """TUF refuses it."""
    path = service.folder / "releases/targets/bucky-9.9.raucb"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    one = agent(data)
    one.run_once()
    number = offer(service)
    one.run_once()
    one.run_once()
    assert outcome(service, number) == ("refused", "release-refused")
    assert not list((data / "updates").iterdir())
    assert not (data / "releases/9.9.raucb").exists()


def test_a_machine_without_an_installer_refuses_a_bundle(service: Service, data: Path) -> None:
    """A checkout that takes releases as folders."""
    (data / "updates").rmdir()
    one = agent(data)
    one.run_once()
    number = offer(service)
    one.run_once()
    one.run_once()
    assert outcome(service, number) == ("refused", "release-refused")
