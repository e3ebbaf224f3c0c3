"""The box's agent against the real service over TLS: heartbeats, and settings that are tried before they stay."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from securesystemslib.signer import CryptoSigner

from appliance.clock import now, stamp
from appliance.restart import ask
from appliance.settings import load
from appliance.wiring import Box
from appliance.wiring.agent import build_agent, build_desired, build_memory, membership_of
from appliance.wiring.health import build_health
from provisioning.agent.desired import Desired
from provisioning.agent.loop import Agent
from provisioning.fleet.health import lines
from provisioning.fleet.tables import Box as BoxRow
from provisioning.fleet.tables import Document
from provisioning.protocol.documents import SettingsDocument, sign
from provisioning.protocol.messages import CERTIFICATE_DAYS, HEARTBEAT_S
from tests.fleet import SERIAL, Service
from tests.interop.fleet.conftest import start_anew
from tests.waiting import wait_for


def _present(box: Box) -> Callable[[], str]:
    return lambda: load(box.settings.data, command_line={}).ae_title


def test_the_first_round_enrols_and_is_heard(service: Service, agent: Agent) -> None:
    """With figures, and in a minute, more or less, again."""
    assert 54 <= agent.run_once() <= 66
    (line,) = lines(service.fleet.store)
    assert (line.state, line.away) == ("enrolled", False)
    assert not agent.failures


def test_heartbeats_come_each_minute_and_not_all_at_once(service: Service, agent: Agent) -> None:
    """Boxes that lost their power together must not call together for ever."""
    rests = [agent.run_once() for _ in range(6)]
    assert all(0.9 * HEARTBEAT_S <= rest <= 1.1 * HEARTBEAT_S for rest in rests[1:]), rests
    assert len(set(rests)) > 1


def test_a_box_that_is_off_is_shown_with_the_time_since(service: Service, agent: Agent) -> None:
    """Not as gone."""
    agent.run_once()
    with service.fleet.store.write() as session:
        session.get_one(BoxRow, SERIAL).seen_at = stamp(now() - timedelta(hours=3))
    (line,) = lines(service.fleet.store)
    assert line.away
    assert line.away_s == pytest.approx(3 * 3600, abs=60)


def test_settings_are_applied_confirmed_and_reported(service: Service, agent: Agent, box: Box) -> None:
    """The wrong AE title is mended from afar; the roles are asked to start anew."""
    agent.run_once()
    number = service.fleet.documents.set_settings(SERIAL, {"ae_title": "XRAY"}, who="sue")
    assert agent.run_once() == 2.0
    assert _present(box)() == "XRAY"
    assert box.database.setting("restart_receiver")
    assert service.document("settings", number).outcome is None
    agent.run_once()
    assert service.document("settings", number).outcome == "done"


def test_the_clinic_overrides_a_vendors_default_and_not_the_vendors_own(
    service: Service, agent: Agent, box: Box
) -> None:
    """Each key has one owner."""
    (box.settings.data / "settings.toml").write_text('ae_title = "OURS"\nstall_timeout_s = 1.0\n')
    service.fleet.documents.set_settings(SERIAL, {"ae_title": "XRAY", "stall_timeout_s": 30.0}, who="sue")
    agent.run_once()
    found = load(box.settings.data, command_line={})
    assert (found.ae_title, found.stall_timeout_s) == ("OURS", 30.0)


def test_settings_that_cut_the_network_are_taken_back(
    service: Service, agent: Agent, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the box alone, at the latest after 120 seconds; then it tells why."""
    agent.run_once()
    number = service.fleet.documents.set_settings(
        SERIAL, {"vendor_url": "https://127.0.0.1:9", "ae_title": "LOST"}, who="sue"
    )
    agent.run_once()
    assert _present(box)() == "LOST"
    agent.run_once()
    assert agent.failures["vendor-unreachable"] == 1
    assert _present(box)() == "LOST"
    trial = json.loads(box.database.setting("vendor_settings_trial") or "")
    later = now() + timedelta(seconds=121)
    assert trial["until"] < stamp(later)
    monkeypatch.setattr("provisioning.agent.desired.now", lambda: later)
    agent.run_once()
    assert _present(box)() == "BUCKY"
    agent.run_once()
    found = service.document("settings", number)
    assert (found.outcome, found.reason) == ("refused", "no-vendor")


def test_a_trial_outlives_the_agents_death(service: Service, agent: Agent, box: Box) -> None:
    """Another process ends it."""
    service.fleet.documents.set_settings(SERIAL, {"ae_title": "XRAY"}, who="sue")
    agent.run_once()
    desired = build_desired(box)
    assert desired.on_trial
    desired.settle(reached=True)
    assert not build_desired(box).on_trial


def test_settings_are_not_confirmed_by_a_receiver_that_still_has_the_old_ones(
    service: Service, agent: Agent, box: Box
) -> None:
    """What answers at the door may be the process from before, as long as an association keeps it."""
    agent.run_once()
    number = service.fleet.documents.set_settings(SERIAL, {"ae_title": "XRAY"}, who="sue")
    agent._desired._box = replace(agent._box, restart=partial(ask, box.database))
    agent.run_once()
    agent.run_once()
    assert agent._desired.on_trial
    assert service.document("settings", number).outcome is None
    start_anew(box, "receiver")
    agent.run_once()
    assert service.document("settings", number).outcome == "done"


def test_settings_wait_for_the_end_of_an_association(service: Service, agent: Agent, box: Box) -> None:
    """The receiver could not start anew with them meanwhile, and the trial would say nothing."""
    agent.run_once()
    number = service.fleet.documents.set_settings(SERIAL, {"ae_title": "XRAY"}, who="sue")
    usual, agent._box = agent._box, replace(agent._box, busy=lambda: True)
    agent.run_once()
    assert _present(box)() == "BUCKY"
    assert service.document("settings", number).outcome is None
    agent._box = usual
    agent.run_once()
    assert _present(box)() == "XRAY"


def test_settings_are_taken_back_in_time_although_a_call_to_the_vendor_hangs(
    service: Service, agent: Agent, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service takes the call and does not answer; the box does not wait for it with its way back."""
    agent.run_once()
    number = service.fleet.documents.set_settings(SERIAL, {"ae_title": "LOST"}, who="sue")
    agent.run_once()
    monkeypatch.setattr("provisioning.agent.desired.now", lambda: now() + timedelta(seconds=121))
    monkeypatch.setattr("provisioning.agent.link.ANSWER_S", 600.0)
    stop = threading.Event()
    with service.hanging() as taken:
        round_, watch = threading.Thread(target=agent.run_once), threading.Thread(target=agent.keep_time, args=[stop])
        round_.start()
        assert taken.wait(60)
        watch.start()
        wait_for(lambda: _present(box)() == "BUCKY", 60, "the settings from before")
        assert round_.is_alive()
    stop.set()
    for thread in (round_, watch):
        thread.join(60)
    agent.run_once()
    assert (service.document("settings", number).outcome, agent._desired.on_trial) == ("refused", False)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"host": "1.2.3.4"}, "not-the-vendors"),
        ({"no_such_key": 1}, "not-the-vendors"),
        ({"ae_title": "x" * 17}, "not-allowed"),
    ],
)
def test_what_is_not_the_vendors_is_refused_on_the_box_too(
    service: Service, agent: Agent, box: Box, values: dict, reason: str
) -> None:
    """Even if the service signed it."""
    agent.run_once()
    with service.fleet.store.write() as session:
        number = service.fleet.documents.add(
            session, SERIAL, lambda n: SettingsDocument(SERIAL, n, stamp(now() + timedelta(days=1)), values), who="x"
        )
    agent.run_once()
    found = service.document("settings", number)
    assert (found.outcome, found.reason) == ("refused", reason)
    assert _present(box)() == "BUCKY"


@pytest.mark.parametrize("fault", ["another-serial", "old-version", "unknown-key", "bad-signature", "expired"])
def test_a_wrong_document_changes_nothing_and_is_counted(service: Service, agent: Agent, box: Box, fault: str) -> None:
    """Whatever a service that was broken into hands out."""
    agent.run_once()
    first = service.fleet.documents.set_settings(SERIAL, {"ae_title": "GOOD"}, who="sue")
    agent.run_once()
    agent.run_once()
    number = service.fleet.documents.set_settings(SERIAL, {"ae_title": "EVIL"}, who="sue")
    ends = stamp(now() + timedelta(days=-1 if fault == "expired" else 1))
    serial = "BX-0002" if fault == "another-serial" else SERIAL
    version = first if fault == "old-version" else number
    signer = CryptoSigner.generate_ed25519() if fault == "unknown-key" else service.fleet.signing.signer()
    raw = sign(SettingsDocument(serial, version, ends, {"ae_title": "EVIL"}), signer)
    if fault == "bad-signature":
        envelope = json.loads(raw)
        envelope["payload"] = json.loads(service.document("settings", number).envelope)["payload"]
        raw = json.dumps(envelope).encode()
    with service.fleet.store.write() as session:
        session.get_one(Document, (SERIAL, "settings", number)).envelope = raw
    agent.run_once()
    assert _present(box)() == "GOOD"
    assert agent.failures[fault] == 1


def test_a_confirmation_needs_the_door_as_well(service: Service, box: Box) -> None:
    """Settings after which no X-ray unit gets in are taken back although the vendor answers."""
    memory = build_memory(box)
    agent = build_agent(box)
    desired = Desired(replace(agent._box, answers=lambda: False), memory, confirm_s=0.0)
    desired.apply(SettingsDocument(SERIAL, 1, stamp(), {"ae_title": "NODOOR"}))
    start_anew(box, "receiver")
    desired.settle(reached=True)
    assert _present(box)() == "BUCKY"
    assert memory.answers()[0].reason == "no-door"


def test_a_box_that_was_unplugged_for_90_days_comes_back_and_gets_what_waited(
    service: Service, agent: Agent, box: Box
) -> None:
    """Its certificate ended 60 days ago and the settings signed meanwhile have ended: both are made anew."""
    service.fleet.enrolments._life = timedelta(days=-60)
    membership_of(box.settings).enrol("")
    service.fleet.enrolments._life = timedelta(days=CERTIFICATE_DAYS)
    number = service.fleet.documents.set_settings(SERIAL, {"ae_title": "WAITED"}, who="sue")
    ends = stamp(now() - timedelta(hours=1))
    old = SettingsDocument(SERIAL, number, ends, {"ae_title": "WAITED"})
    with service.fleet.store.write() as session:
        row = session.get_one(Document, (SERIAL, "settings", number))
        row.envelope, row.body = sign(old, service.fleet.signing.signer()), {**row.body, "expires": ends}
    certificate = membership_of(box.settings).certificate()
    assert certificate is not None
    assert now() - certificate.not_valid_after_utc > timedelta(days=59)
    agent.run_once()
    agent.run_once()
    assert not agent.failures
    assert _present(box)() == "WAITED"
    assert service.document("settings", number + 1).outcome == "done"
    assert not lines(service.fleet.store)[0].away


def test_the_status_page_tells_of_the_vendor(service: Service, agent: Agent, box: Box) -> None:
    """Without a trust file that nobody looks after the box; then whether the vendor answers, and who is let in."""

    def said() -> dict[str, str]:
        found = build_health(box, lambda: 1, None).findings()
        return {finding.key: finding.words for finding in found if finding.key in ("vendor", "support")}

    trust = box.settings.data / "vendor" / "trust.json"
    kept = trust.read_bytes()
    trust.unlink()
    assert "belongs to no vendor" in said()["vendor"]
    trust.write_bytes(kept)
    assert "never reached" in said()["vendor"]
    agent.run_once()
    assert "answers" in said()["vendor"]
    build_memory(box).set("heard_at", stamp(now() - timedelta(days=9)))
    build_memory(box).give_consent("ann", 1)
    assert "9 days ago" in said()["vendor"]
    assert "Support may help" in said()["support"]
