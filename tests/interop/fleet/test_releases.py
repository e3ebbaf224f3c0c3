"""Releases from the key ceremony to the box: by the real TUF client over TLS, and back when they are no good."""

import json
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata

from appliance.clock import now, stamp
from appliance.errors import BadInput
from appliance.settings import load
from appliance.wiring import Box
from appliance.wiring.agent import build_agent
from provisioning.agent.guard import STARTS, guard
from provisioning.agent.loop import Agent
from provisioning.agent.membership import Membership
from provisioning.agent.releases import ReleaseRefused, Releases
from provisioning.fleet.documents import load_signer
from provisioning.fleet.tables import Document, RolloutBox
from tests.fleet import HOST, SERIAL, Service
from tests.interop.fleet.conftest import start_anew


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service after the key ceremony, with release 1.1 signed."""
    made = Service(tmp_path / "fleet")
    made.fleet.repository.ceremony(made.offline)
    made.fleet.repository.add("1.1", _archive(tmp_path, "1.1"), made.offline)
    yield made.start()
    made.stop()


def _archive(folder: Path, release: str, *, inside: str = "") -> Path:
    """The product in a release: so much of it as the box looks at."""
    content = folder / f"{release}.py"
    content.write_text(f'__version__ = "{inside or release}"\n')
    path = folder / f"{release}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(content, "appliance/__init__.py")
    return path


def _on_box(service: Service, data: Path) -> tuple[Releases, Membership]:
    service.register(data / "vendor")
    membership = Membership(data / "vendor")
    membership.ensure("")
    folder = data / "releases"
    (folder / "1.0").mkdir(parents=True)
    (folder / "current").symlink_to("1.0")
    return Releases(folder, membership.trust.root.encode()), membership


@pytest.fixture
def releases(service: Service, tmp_path: Path) -> tuple[Releases, Membership]:
    """A box that runs release 1.0."""
    return _on_box(service, tmp_path / "box")


def _sign(service: Service, name: str, keys: list[CryptoSigner], **changes: object) -> None:
    """Write changed metadata with these signatures, as an attacker with these keys would."""
    path = service.folder / "releases" / "metadata" / f"{name}.json"
    metadata = Metadata.from_file(str(path))
    for field, value in changes.items():
        setattr(metadata.signed, field, value)
    metadata.signatures.clear()
    for key in keys:
        metadata.sign(key, append=True)
    metadata.to_file(str(path))


def test_a_signed_release_comes_whole(service: Service, releases: tuple[Releases, Membership]) -> None:
    """Into a folder beside the one that runs."""
    box, membership = releases
    box.fetch("1.1", membership.link(""))
    assert (box.folder / "1.1" / "appliance" / "__init__.py").read_text() == '__version__ = "1.1"\n'
    assert box.current == "1.0"
    with pytest.raises(ReleaseRefused):
        box.fetch("1.2", membership.link(""))


def test_a_release_that_is_another_inside_is_refused(
    service: Service, releases: tuple[Releases, Membership], tmp_path: Path
) -> None:
    """The device starts by the version inside, and would go on with its own release."""
    box, membership = releases
    service.fleet.repository.add("1.2", _archive(tmp_path, "1.2", inside="1.0"), service.offline)
    with pytest.raises(ReleaseRefused):
        box.fetch("1.2", membership.link(""))
    assert not (box.folder / "1.2").exists()


@pytest.mark.parametrize("fault", ["old", "expired", "tampered", "under-signed", "stranger", "other-bytes"])
def test_bad_update_metadata_is_refused(service: Service, releases: tuple[Releases, Membership], fault: str) -> None:
    """Rolled back, ended, changed, by one root key of two, by a stranger's key, or with other bytes behind it."""
    box, membership = releases
    metadata = service.folder / "releases" / "metadata"
    online = load_signer(service.folder / "keys" / "releases-key.pem")
    if fault == "old":
        shutil.copytree(metadata, service.folder / "before")
        service.fleet.repository.refresh()
        box.fetch("1.1", membership.link(""))
        shutil.rmtree(box.folder / "1.1")
        shutil.rmtree(metadata)
        shutil.copytree(service.folder / "before", metadata)
    elif fault == "expired":
        _sign(service, "timestamp", [online], expires=now().replace(microsecond=0) - timedelta(days=1))
    elif fault == "tampered":
        path = metadata / "targets.json"
        path.write_text(path.read_text().replace('"1.1"', '"6.6"'))
    elif fault == "under-signed":
        shutil.copy(metadata / "1.root.json", metadata / "2.root.json")
        _sign(service, "2.root", [load_signer(service.offline / "root-1.pem")], version=2)
    elif fault == "stranger":
        _sign(service, "timestamp", [CryptoSigner.generate_ed25519()], version=99)
    else:
        (service.folder / "releases" / "targets" / "bucky-1.1.tar.gz").write_bytes(b"evil")
    with pytest.raises(ReleaseRefused):
        box.fetch("1.1", membership.link(""))
    assert not (box.folder / "1.1").exists()


def test_a_lost_root_key_is_exchanged_and_boxes_follow(service: Service, releases: tuple[Releases, Membership]) -> None:
    """Signed by the two that are left."""
    box, membership = releases
    (service.offline / "root-3.pem").unlink()
    service.fleet.repository.renew_root(service.offline, lost=3)
    service.fleet.repository.renew_root(service.offline, lost=1)
    box.fetch("1.1", membership.link(""))
    assert json.loads((box.folder / "metadata" / "root.json").read_text())["signed"]["version"] == 3


def test_a_good_release_stays_and_two_are_kept(releases: tuple[Releases, Membership]) -> None:
    """The one before stays at hand."""
    box, membership = releases
    (box.folder / "0.9").mkdir()
    box.fetch("1.1", membership.link(""))
    box.switch("1.1", 1)
    assert box.settle(healthy=False) is None
    assert box.settle(healthy=True) == (1, True)
    assert box.current == "1.1"
    kept = {p.name for p in box.folder.iterdir() if p.is_dir() and not p.is_symlink() and p.name[0].isdigit()}
    assert kept == {"1.0", "1.1"}


def test_a_release_that_fails_its_check_is_taken_back(releases: tuple[Releases, Membership]) -> None:
    """By the agent when the time is over, or by the guard when the release cannot even start."""
    box, membership = releases
    box.fetch("1.1", membership.link(""))
    hasty = Releases(box.folder, b"root", confirm_s=0.0)
    hasty.switch("1.1", 1)
    assert hasty.settle(healthy=False) == (1, False)
    assert box.current == "1.0"
    box.switch("1.1", 2)
    assert [guard(box.folder) for _ in range(STARTS + 1)] == [False] * STARTS + [True]
    assert box.current == "1.0"
    assert box.settle(healthy=True) == (2, False)
    assert not guard(box.folder)


def _agent(service: Service, data: Path, **given: object) -> Agent:
    """The agent of a box whose X-ray unit's door is as given; the clinic is closed, roles start anew at once."""
    box = Box(load(data, command_line={"host": HOST, "mdns": False}))
    agent = build_agent(box)
    usual = {
        "quiet_hours": lambda: True,
        "busy": lambda: False,
        "answers": lambda: True,
        "restart": lambda role: start_anew(box, role, agent._releases.current),
    }
    agent._box = replace(agent._box, **{**usual, **given})
    return agent


def _offer(service: Service, release: str = "1.1") -> int:
    with service.fleet.store.write() as session:
        return service.fleet.documents.offer_release(session, SERIAL, release, who="sue")


def _outcome(service: Service, number: int) -> tuple[str | None, str]:
    with service.fleet.store.read() as session:
        found = session.get_one(Document, (SERIAL, "release", number))
        return found.outcome, found.reason


def test_the_agent_waits_for_the_evening_and_the_end_of_an_association(
    service: Service, releases: tuple[Releases, Membership], tmp_path: Path
) -> None:
    """The release is there already; only the switch waits."""
    box, _ = releases
    agent = _agent(service, tmp_path / "box", quiet_hours=lambda: False)
    agent.run_once()
    number = _offer(service)
    agent.run_once()
    assert (box.folder / "1.1").exists()
    agent._box = replace(agent._box, quiet_hours=lambda: True, busy=lambda: True)
    agent.run_once()
    assert box.current == "1.0"
    agent._box = replace(agent._box, busy=lambda: False)
    agent.run_once()
    assert box.current == "1.1"
    assert _outcome(service, number) == (None, "")
    agent.run_once()
    assert _outcome(service, number) == ("done", "")


def test_a_release_after_which_the_door_is_dead_is_returned_and_stops_the_ring(
    service: Service, releases: tuple[Releases, Membership], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The box is back at the old release, the rollout halts."""
    box, _ = releases
    monkeypatch.setattr("provisioning.fleet.rollouts.RINGS", (100, 100, 100, 100))
    agent = _agent(service, tmp_path / "box", answers=lambda: False)
    service.fleet.rollouts.start("1.1", who="sue")
    agent.run_once()
    assert box.current == "1.1"
    later = now() + timedelta(seconds=601)
    monkeypatch.setattr("provisioning.agent.releases.now", lambda: later)
    agent.run_once()
    assert box.current == "1.0"
    service.fleet.rollouts.advance()
    ((rollout, offered, bad),) = service.fleet.rollouts.all()
    assert (rollout.state, offered, bad) == ("halted", 1, 1)
    with service.fleet.store.read() as session:
        assert session.get_one(RolloutBox, (rollout.id, SERIAL)).outcome == "returned"
    assert stamp() < stamp(later)


def test_a_release_is_not_confirmed_by_roles_that_are_still_of_the_one_before(
    service: Service, releases: tuple[Releases, Membership], tmp_path: Path
) -> None:
    """A door that answers may be the old receiver's; each role has to answer as the new release."""
    box, _ = releases
    asked: list[str] = []
    agent = _agent(service, tmp_path / "box", restart=asked.append)
    agent.run_once()
    number = _offer(service)
    agent.run_once()
    assert asked == ["receiver", "web", "courier"]
    there = Box(load(tmp_path / "box", command_line={}))
    for role, release in (("receiver", "1.0"), ("receiver", "1.1"), ("web", "1.1"), ("courier", "1.1")):
        assert 54 <= agent.run_once() <= 66, "no reason to call more often"
        assert box.on_trial
        start_anew(there, role, release)
    agent.run_once()
    assert not box.on_trial
    assert _outcome(service, number) == ("done", "")


def test_a_halt_takes_the_offer_back_from_boxes_that_wait_for_their_evening(
    service: Service, releases: tuple[Releases, Membership], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release that was found bad at noon is not switched to at night; a mended one is."""
    box, _ = releases
    monkeypatch.setattr("provisioning.fleet.rollouts.RINGS", (100, 100, 100, 100))
    agent = _agent(service, tmp_path / "box", quiet_hours=lambda: False)
    service.fleet.rollouts.start("1.1", who="sue")
    agent.run_once()
    assert (box.folder / "1.1").exists()
    service.fleet.rollouts.halt("1.1", who="sue")
    agent._box = replace(agent._box, quiet_hours=lambda: True)
    agent.run_once()
    assert box.current == "1.0"
    service.fleet.repository.add("1.2", _archive(tmp_path, "1.2"), service.offline)
    service.fleet.rollouts.start("1.2", who="sue")
    agent.run_once()
    assert box.current == "1.2"


@pytest.mark.parametrize("release", ["0.9", "1.0", "1.9", "1.10"])
def test_a_release_that_is_not_newer_is_refused_and_counts_for_nothing(
    service: Service,
    releases: tuple[Releases, Membership],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    release: str,
) -> None:
    """Older than or the same as what runs, by number and not by letter: never switched to, never said to be done."""
    box, _ = releases
    monkeypatch.setattr("provisioning.fleet.rollouts.RINGS", (100, 100, 100, 100))
    service.fleet.repository.add(release, _archive(tmp_path, release), service.offline)
    agent = _agent(service, tmp_path / "box", release="1.10")
    service.fleet.rollouts.start(release, who="sue", soak_s=0)
    agent.run_once()
    agent.run_once()
    assert box.current == "1.0"
    assert not (box.folder / "pending").exists()
    if release != "1.10":  # a box that runs it already is not offered it
        assert _outcome(service, 1) == ("refused", "not-newer")
    for _ in range(4):
        service.fleet.rollouts.advance()
    ((rollout, offered, bad),) = service.fleet.rollouts.all()
    assert (rollout.state, offered, bad) == ("done", int(release == "1.10"), 0)


def test_a_release_older_than_the_one_to_run_next_is_refused(
    service: Service, releases: tuple[Releases, Membership], tmp_path: Path
) -> None:
    """Until the agent itself starts anew it is of the release before."""
    box, _ = releases
    (box.folder / "1.2").mkdir()
    box.switch("1.2", 1)
    box.settle(healthy=True)
    agent = _agent(service, tmp_path / "box", release="1.0")
    agent.run_once()
    number = _offer(service, "1.1")
    agent.run_once()
    assert box.current == "1.2"
    assert _outcome(service, number) == ("refused", "not-newer")


@pytest.mark.parametrize("release", ["../1.1", "image", ""])
def test_a_release_whose_name_is_no_number_is_refused(
    service: Service, releases: tuple[Releases, Membership], tmp_path: Path, release: str
) -> None:
    """Whatever the service signs for it; the keys of releases do not sign one either."""
    agent = _agent(service, tmp_path / "box")
    agent.run_once()
    number = _offer(service, release)
    agent.run_once()
    assert _outcome(service, number) == ("refused", "release-refused")
    with pytest.raises(BadInput):
        service.fleet.repository.add(release, _archive(tmp_path, "1.3"), service.offline)


def test_a_line_that_breaks_in_the_middle_of_a_release_is_tried_again(
    service: Service, releases: tuple[Releases, Membership], tmp_path: Path
) -> None:
    """A clinic with a bad line says nothing against the release."""
    box, _ = releases
    agent = _agent(service, tmp_path / "box")
    agent.run_once()
    number = _offer(service)
    for part in ("/v1/releases/targets", "/v1/releases/metadata"):
        service.broken = part
        agent.run_once()
        assert _outcome(service, number) == (None, "")
        assert not (box.folder / "1.1").exists()
    service.broken = ""
    agent.run_once()
    assert box.current == "1.1"


def test_a_box_that_is_pinned_to_what_it_runs_is_told_nothing(
    service: Service, releases: tuple[Releases, Membership], tmp_path: Path
) -> None:
    """To another release it goes, and later rollouts pass it by."""
    box, _ = releases
    agent = _agent(service, tmp_path / "box", release="1.0")
    agent.run_once()
    service.fleet.rollouts.pin(SERIAL, "1.0", who="sue")
    assert service.row().versions == {}
    service.fleet.rollouts.pin(SERIAL, "1.1", who="sue")
    agent.run_once()
    assert box.current == "1.1"
