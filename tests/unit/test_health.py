"""The status page: each check in good and in bad days, in words that say what to do."""

from datetime import timedelta

import pytest

from appliance.archive.blobs import Provenance
from appliance.archive.part10 import take_dataset
from appliance.clock import now, stamp
from appliance.dimse.tls import ensure_certificate
from appliance.errors import PeerError
from appliance.health.address import address
from appliance.health.certificate import certificate
from appliance.health.finding import Finding
from appliance.health.name import name
from appliance.wiring import Box
from appliance.wiring.health import build_health
from tests.pictures import small_study


def _findings(box: Box, port: int | None = 11112) -> dict[str, Finding]:
    return {finding.key: finding for finding in build_health(box, lambda: port, None).findings()}


def test_a_new_box_says_what_is_still_to_do(box: Box) -> None:
    """No unit, no reader yet; nothing is bad."""
    found = _findings(box)
    assert {key for key, finding in found.items() if finding.state == "bad"} == set()
    assert "Settings, X-ray units" in found["units"].advice
    assert "Settings, Readers" in found["reader"].advice


def test_whatever_is_not_in_order_says_what_to_do(box: Box) -> None:
    """The receiver down, a reader in trouble, a cut audit trail."""
    target = box.destinations.add("Far", "http://127.0.0.1:9/dicom-web")
    box.destinations.troubled(target.id, PeerError())
    (box.settings.data / "audit.anchor").write_text('{"number": 9, "hash": "x"}')
    found = _findings(box, port=None)
    for key in ("door", f"reader-{target.id}", "audit"):
        assert found[key].state == "bad"
        assert len(found[key].advice) > 20
    assert "Nothing is lost" in found[f"reader-{target.id}"].advice


def test_what_waits_for_a_reader_is_told_with_its_age(box: Box) -> None:
    """A number of pictures, and for how long."""
    target = box.destinations.add("Far", "http://127.0.0.1:9/dicom-web", auto=True)
    for ds in small_study():
        take_dataset(box.intake, ds, Provenance("local", "DX1", "", stamp()))
    box.queue.route_new()
    with box.database.write() as db:
        db.conn.execute("UPDATE instance SET received_at = '2020-01-01T00:00:00.000000Z'")
    finding = _findings(box)[f"reader-{target.id}"]
    assert finding.state == "busy"
    assert finding.figures["waiting"] == box.queue.waiting_count(target.id) > 0
    assert "the oldest for" in finding.words


@pytest.mark.parametrize(("days", "state"), [(400, "good"), (20, "busy"), (-2, "bad")])
def test_a_certificate_warns_before_it_ends(box: Box, monkeypatch: pytest.MonkeyPatch, days: int, state: str) -> None:
    """Thirty days ahead."""
    path, _ = ensure_certificate(box.settings.data / "tls", common_name="bucky-1a2b", addresses=["127.0.0.1"])
    later = now() + timedelta(days=3650 - days)
    monkeypatch.setattr("appliance.health.certificate.now", lambda: later)
    (finding,) = certificate(path, "Certificate", "Make a new one.")
    assert finding.state == state
    assert (finding.advice != "") == (state != "good")


@pytest.mark.parametrize(
    ("host", "conflict", "trouble", "state", "words"),
    [
        ("bucky.local", None, None, "good", "bucky.local"),
        ("bucky-2.local", "another device at 10.0.0.9 has the name", None, "good", "Not the usual name"),
        (None, None, "No multicast.", "busy", "No multicast."),
        (None, None, None, "busy", "being claimed"),
    ],
)
def test_the_name_on_the_network(
    host: str | None, conflict: str | None, trouble: str | None, state: str, words: str
) -> None:
    """Found, found under another name, not found."""
    (finding,) = name(lambda: host, lambda: conflict, lambda: trouble)
    assert finding.state == state
    assert words in finding.words


def test_a_changed_address_is_told_until_a_unit_has_found_it(box: Box) -> None:
    """The one that the units know is kept; a router's new one is bad news, for nobody types it in by itself."""
    now_at = ["192.168.1.20"]

    def look() -> Finding:
        (found,) = address(lambda: now_at, box.senders, box.database.setting, box.database.set_setting)
        return found

    box.senders.accept_title("DX1", "192.168.1.9")
    assert look().state == "good"
    now_at[:] = ["192.168.1.77"]
    found = look()
    assert found.state == "bad"
    assert "192.168.1.20" in found.words
    assert "Type 192.168.1.77 into the X-ray unit" in found.advice
    now_at[:] = ["192.168.1.20"]
    assert look().state == "good"
    now_at[:] = ["192.168.1.77"]
    assert look().state == "bad"
    with box.database.write() as db:
        db.conn.execute("UPDATE sender SET last_seen_at = ?", [stamp(now() + timedelta(seconds=1))])
    assert look().state == "good"
    now_at[:] = ["127.0.0.1"]
    assert look().state == "busy"


@pytest.mark.parametrize(
    ("done", "state", "words"), [(None, "busy", "tried"), (1, "good", "asked"), (0, "busy", "before")]
)
def test_the_last_update_is_told(box: Box, done: int | None, state: str, words: str) -> None:
    """And a box without a vendor says who updates it."""
    assert "looks after this machine" in _findings(box)["updates"].words
    (box.settings.data / "vendor").mkdir()
    (box.settings.data / "vendor" / "trust.json").write_text("{}")
    assert _findings(box)["updates"].state == "good"
    with box.database.write() as db:
        db.conn.execute(
            "INSERT INTO vendor_answer (kind, version, name, came_at, done) VALUES ('release', 1, 'release', ?, ?)",
            [stamp(), done],
        )
    found = _findings(box)["updates"]
    assert found.state == state
    assert words in found.words
