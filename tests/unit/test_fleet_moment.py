"""When a box may switch to another release: at night by the clinic's clock, with nobody at the X-ray unit's door."""

import socket
from datetime import UTC, datetime

import pytest

from appliance.archive.reach import remember_how_to_reach
from appliance.wiring import Box
from appliance.wiring.agent import build_surroundings
from tests.waiting import wait_for


@pytest.mark.parametrize(
    ("zone", "utc", "closed"),
    [
        ("UTC", "05:59", True),
        ("UTC", "06:00", False),
        ("UTC", "19:59", False),
        ("UTC", "20:00", True),
        ("America/Los_Angeles", "20:00", False),
        ("America/Los_Angeles", "05:00", True),
        ("Asia/Tokyo", "20:59", True),
        ("Asia/Tokyo", "21:00", False),
    ],
)
def test_the_night_is_that_of_the_clinic(
    box: Box, monkeypatch: pytest.MonkeyPatch, zone: str, utc: str, closed: bool
) -> None:
    """In January, in the zone that was typed in; a change counts at once."""
    at = datetime.fromisoformat(f"2026-01-15T{utc}:00").replace(tzinfo=UTC)
    monkeypatch.setattr("appliance.wiring.agent.now", lambda: at)
    around = build_surroundings(box)
    box.database.set_setting("time_zone", zone)
    assert around.quiet_hours() == closed


@pytest.mark.parametrize("key", ["dicom_port", "dicom_tls_port"])
def test_an_association_counts_at_either_door(box: Box, key: str) -> None:
    """In clear or with TLS, on the ports that the receiver opened."""
    around = build_surroundings(box)
    assert not around.busy()
    with socket.create_server(("127.0.0.1", 0)) as door, socket.create_server(("127.0.0.1", 0)) as other:
        ports = {"dicom_port": other.getsockname()[1], "dicom_tls_port": other.getsockname()[1]}
        remember_how_to_reach(box.database, {**ports, key: door.getsockname()[1]})
        assert not around.busy()
        with socket.create_connection(door.getsockname()), door.accept()[0]:
            assert around.busy()
        wait_for(lambda: not around.busy(), 30, "a quiet door")
