"""A service over TLS and a box of its own for each test."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from appliance import __version__
from appliance.restart import ask
from appliance.settings import load
from appliance.wiring import Box
from appliance.wiring.agent import build_agent, build_surroundings
from provisioning.agent.loop import Agent
from tests.conftest import SENTINEL
from tests.fleet import HOST, Service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A running service."""
    made = Service(tmp_path / "fleet").start()
    yield made
    made.stop()


@contextmanager
def _door() -> Iterator[int]:
    """Something that listens, as the receiver would."""
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        listening.listen()
        yield listening.getsockname()[1]


@pytest.fixture
def door() -> Iterator[int]:
    """The port of the X-ray unit's door."""
    with _door() as port:
        yield port


@pytest.fixture
def box(service: Service, tmp_path: Path, door: int) -> Box:
    """A box with real services, whose door answers, and that is registered with the vendor."""
    data = tmp_path / "box"
    made = Box(load(data, command_line={"host": HOST, "mdns": False, "dicom_port": door}))
    made.database.set_setting("clinic_name", SENTINEL)
    service.register(data / "vendor")
    return made


@pytest.fixture
def agent(box: Box) -> Agent:
    """The agent as the role builds it; the other roles start anew at once, and nobody is at the X-ray unit's door."""
    return build_agent(box, replace(build_surroundings(box), restart=partial(start_anew, box), busy=lambda: False))


def start_anew(box: Box, role: str, release: str = __version__) -> None:
    """What the process of a role does when it is asked to."""
    ask(box.database, role)
    box.database.set_setting(f"started_{role}", release)
