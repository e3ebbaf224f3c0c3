"""A device of namespaces for the tests of its system tree."""

import os
from collections.abc import Iterator

import pytest

from tests.box import PASSWORD
from tests.firmware.device import ROLES, Device, Started
from tests.orthanc import need


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    """The tree laid over this machine's own files, with users and folders made, in a network of its own."""
    need("nsenter", "unshare", "setpriv", "ip", "ss", "nft", "nginx", "systemd-sysusers", "systemd-tmpfiles", "chronyd")
    if os.geteuid() != 0:
        pytest.skip("needs root, for namespaces")
    made = Device(tmp_path_factory.mktemp("device") / "work")
    yield made
    made.close()


@pytest.fixture(scope="module")
def started(device: Device) -> dict[str, Started]:
    """All roles, in the order of the units, each after the one before said that it answers."""
    found = {}
    for role in ROLES:
        found[role] = device.start(f"bucky-{role}.service")
        found[role].wait_told("READY=1")
    device.run(
        "bucky", "setup", "--clinic", "Test", "--kind", "vet", "--admin", "ann", "--password-stdin", text=PASSWORD
    )
    return found
