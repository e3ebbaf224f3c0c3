"""Fixtures: real boxes, readers and archives."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.box import Box
from tests.orthanc import Orthanc
from tests.peers import Mode, Peer

SENTINEL = "Zzsentinelzz"
"""The name of every synthetic patient; a log that holds it fails the test run."""


@pytest.fixture
def make_box(tmp_path: Path) -> Iterator[Callable[..., Box]]:
    """Makes boxes and readers that end with the test; their logs must not name a patient."""
    made: list[Box] = []

    def make(name: str = "box", command: str = "run") -> Box:
        made.append(Box(tmp_path / name, command))
        return made[-1]

    yield make
    for box in made:
        box.stop()
    for box in made:
        assert not box.log.exists() or SENTINEL.lower() not in box.log.read_text().lower(), "a log names a patient"


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[Orthanc]:
    """A running Orthanc."""
    found = Orthanc(tmp_path / "orthanc").start()
    yield found
    found.stop()


@pytest.fixture
def make_peer() -> Iterator[Callable[[Mode], Peer]]:
    """Makes scripted DICOMweb peers."""
    made: list[Peer] = []

    def make(mode: Mode) -> Peer:
        made.append(Peer(mode))
        return made[-1]

    yield make
    for peer in made:
        peer.close()
