"""The simulator: real agents over TLS against the service as a process of its own."""

from pathlib import Path

import pytest

from appliance.errors import BadInput
from provisioning.fleet.health import lines
from provisioning.fleet.service import Config, Fleet
from provisioning.simulator import HOST, simulate


def _fleet(folder: Path, *, hosts: list[str], proxies: list[str]) -> Fleet:
    Fleet(folder).create(Config(url=f"https://{HOST}", proxies=proxies), hosts=hosts, offline=folder / "offline")
    return Fleet(folder)


def test_simulated_boxes_enrol_and_are_heard(tmp_path: Path) -> None:
    """Each with a key and a certificate of its own; the figures are of the service's process."""
    fleet = _fleet(tmp_path / "fleet", hosts=[HOST], proxies=[])
    figures = simulate(fleet, boxes=5, seconds=0.5)
    assert figures["failed"] == 0
    assert figures["heartbeats"] >= 5
    assert figures["cpu_ms_a_heartbeat"] > 0
    found = lines(fleet.store)
    assert len(found) == 5
    assert {(line.state, line.away, line.worst) for line in found} == {("enrolled", False, "good")}


@pytest.mark.parametrize(("hosts", "proxies"), [(["fleet.example", HOST], []), ([HOST], [HOST])])
def test_a_service_for_real_boxes_is_left_alone(tmp_path: Path, hosts: list[str], proxies: list[str]) -> None:
    """Simulated boxes must not come into its list."""
    fleet = _fleet(tmp_path / "fleet", hosts=hosts, proxies=proxies)
    with pytest.raises(BadInput, match="for trials"):
        simulate(fleet, boxes=1, seconds=0.1)
    assert lines(fleet.store) == []
