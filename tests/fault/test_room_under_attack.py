"""Idle, slow and flooding connections do not keep a paired unit out."""

import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator

import pytest

from appliance.phantom.unit import send
from tests.box import HOST, Box
from tests.fault.siege import Attackers, idle, peak_bytes
from tests.pictures import small_study
from tests.waiting import wait_for


def dripping(connection: socket.socket) -> None:
    """One byte of an A-ASSOCIATE-RQ now and then."""
    connection.sendall(b"\x01")
    time.sleep(0.5)


def absurd(connection: socket.socket) -> None:
    """A P-DATA PDU that claims 4 GB."""
    connection.sendall(struct.pack(">BBL", 4, 0, 0xFFFFFFFF) + bytes(1000))
    idle(connection)


@pytest.fixture
def attackers() -> Iterator[Attackers]:
    """Attackers that end with the test."""
    made = Attackers()
    yield made
    made.end()


@pytest.fixture
def box(make_box: Callable[..., Box]) -> Box:
    """A box with one paired unit."""
    started = make_box().set_up().start()
    started.accept("PHANTOM-DX")
    return started


def test_a_paired_unit_stores_all_while_others_idle_drip_and_flood(box: Box, attackers: Attackers) -> None:
    """50 idle plain, 50 idle TLS, 10 dripping, 10 absurd ones: 20 pictures, one association each, none fails."""
    before = peak_bytes(box)
    attackers.add(50, box.dicom_port, idle)
    attackers.add(50, box.tls_port, idle)
    attackers.add(10, box.dicom_port, dripping)
    attackers.add(10, box.dicom_port, absurd)
    wait_for(lambda: attackers.connections >= 100, 30, "the attackers")
    (picture,) = small_study("cervical-spine")
    for number in range(20):
        picture.SOPInstanceUID = picture.file_meta.MediaStorageSOPInstanceUID = f"2.25.{1000 + number}"
        assert send([picture], HOST, box.dicom_port) == [0]
    assert len(box.facts("study", "show", str(picture.StudyInstanceUID))) == 20
    assert peak_bytes(box) - before < 200 * 2**20


def test_a_silent_tls_peer_blocks_nobody(box: Box) -> None:
    """While one connection says nothing, another shakes hands at once."""
    context = ssl.create_default_context(cafile=str(box.data / "tls" / "certificate.pem"))
    context.check_hostname = False
    with socket.create_connection((HOST, box.tls_port)):
        began = time.monotonic()
        with (
            socket.create_connection((HOST, box.tls_port), 5) as connection,
            context.wrap_socket(connection) as secured,
        ):
            assert secured.version() in ("TLSv1.2", "TLSv1.3")
        assert time.monotonic() - began < 3


def test_connections_that_do_not_speak_end_and_the_reason_is_kept(box: Box) -> None:
    """Within seconds, a dripping one too; the page's list says why."""
    ends = []
    for behave in (idle, dripping):
        began = time.monotonic()
        with socket.create_connection((HOST, box.dicom_port), 5, ("127.0.1.9", 0)) as connection:
            connection.settimeout(1)
            with contextlib.suppress(OSError):
                while time.monotonic() - began < 20:
                    behave(connection)
        ends.append(time.monotonic() - began)
    assert max(ends) < 10
    reasons = box.facts("modality", "refusals")
    assert {row["code"] for row in reasons} == {"not-dicom"}
