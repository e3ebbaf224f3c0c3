"""“Why can't other PCs find me?”: what the page says of names, multicast and visitors, over real multicast."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from appliance.discovery.beacon import PageBeacon
from appliance.logs import Log
from appliance.settings import load
from appliance.wiring import Box
from appliance.wiring.web import build_app
from tests.unit.test_webui import CLINIC, PASSWORD, _post, facts_of
from webui.services import BoxFacts

HOST = "127.0.0.1"


@pytest.fixture
def beacon() -> Iterator[PageBeacon]:
    """The name of a box, advertised."""
    with contextlib.closing(
        PageBeacon(port=8080, wanted_host="buckypage", listen_host=HOST, addresses=[HOST])
    ) as advertised:
        yield advertised


@pytest.fixture
def page(tmp_path: Path) -> Callable[..., str]:
    """What the page says with these facts."""
    box = Box(load(tmp_path / "data", command_line={"host": HOST}, environ={}))
    box.first_run.set_up(**CLINIC)

    def asked(**known: object) -> str:
        facts: BoxFacts = replace(facts_of(box, "box"), **known)  # type: ignore[arg-type]  # facts of several types
        client: FlaskClient = build_app(box, facts, Log("web")).test_client()
        _post(client, "/login", "/login", name="Ann", password=PASSWORD)
        other = {"REMOTE_ADDR": "192.168.7.30"}
        client.get("/healthz", environ_overrides=other if known.get("host_name") else {})
        return client.get("/network").text

    return asked


def test_a_box_that_hears_itself_and_was_visited_says_so(page: Callable[..., str], beacon: PageBeacon) -> None:
    """By name and by the address from which somebody came; it always tells the address and its code."""
    told = page(host_name=beacon.check().host_name)
    assert "The box hears its own name buckypage.local" in told
    assert "Other PCs reach this page by its address: 192.168.7.30" in told
    assert "http://127.0.0.1:8080/" in told


def test_a_box_that_nobody_visited_and_that_does_not_hear_itself_explains(page: Callable[..., str]) -> None:
    """A guest network, a firewall, and what stops the name at all; each with what to do."""
    told = page()
    assert "No other PC has opened this page since the box was started." in told
    assert "a guest Wi-Fi" in told
    assert "The box does not hear its own name." in told
    assert "UDP 5353" in told
    stopped = page(beacon_trouble="This network has no multicast.")
    assert "This network has no multicast." in stopped
    assert "Use the address or the QR code." in stopped
