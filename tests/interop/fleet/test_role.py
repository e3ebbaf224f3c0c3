"""The agent as a process of a real box: it joins when the box belongs to a vendor, and mends a wrong AE title."""

import contextlib
from collections.abc import Callable
from typing import get_args

import requests
from pynetdicom import AE

from appliance.archive.database import Database
from appliance.restart import ask, started
from provisioning.agent.membership import Membership
from provisioning.fleet.documents import load_signer
from provisioning.fleet.health import lines
from provisioning.fleet.tables import Document
from provisioning.protocol.commands import Command, Rehearse, RestartRole, Role
from tests.box import HOST, Box
from tests.conftest import SENTINEL
from tests.fleet import SERIAL, Service
from tests.waiting import wait_for


def _answers(box: Box) -> bool:
    with contextlib.suppress(requests.ConnectionError):
        return requests.get(f"{box.url}/healthz", timeout=5).ok
    return False


def _pid(box: Box, role: str) -> int | None:
    process = box.roles().get(role)
    return process.pid if process else None


def _title(box: Box) -> str:
    return next(str(row["value"]) for row in box.facts("settings") if row["key"] == "ae_title")


def test_a_box_joins_its_vendor_and_is_given_another_ae_title(service: Service, make_box: Callable[..., Box]) -> None:
    """The receiver starts anew with the title, on the same port, and the settings are confirmed."""
    box = make_box().set_up().start()
    assert set(box.roles()) == {"receiver", "web", "courier"}
    identity = box.bucky("vendor", "identity")
    assert identity == Membership(box.data / "vendor").identity.fingerprint
    service.fleet.registry.register(SERIAL, identity, who="factory")
    service.hand_trust(box.data / "vendor")
    number = service.fleet.documents.set_settings(SERIAL, {"ae_title": "RAYROOM"}, who="sue")
    receiver = _pid(box, "receiver")

    def confirmed() -> bool:
        with service.fleet.store.read() as session:
            return session.get_one(Document, (SERIAL, "settings", number)).outcome == "done"

    wait_for(confirmed, 240, "confirmed settings")
    assert _title(box) == "RAYROOM"
    wait_for(lambda: _pid(box, "receiver") not in (None, receiver), 120, "a new receiver")
    (line,) = lines(service.fleet.store)
    assert not line.away


def test_support_restarts_each_role_of_a_real_box(service: Service, make_box: Callable[..., Box]) -> None:
    """A new process answers in its place; the others go on."""
    box = make_box().set_up().start()
    service.register(box.data / "vendor")
    wait_for(lambda: service.row().seen_at, 120, "the first heartbeat")
    box.bucky("vendor", "consent", "1")
    before = _pids(box)
    for role in get_args(Role):
        _restart(service, box, role)
    assert {name for name, pid in _pids(box).items() if pid != before[name]} == set(get_args(Role))


def test_a_receiver_starts_anew_when_the_last_association_is_over(make_box: Callable[..., Box]) -> None:
    """Whoever asks: the X-ray unit ends what it began; another role starts anew meanwhile."""
    box = make_box().set_up().start()
    box.accept("DX1")
    database, before = Database(box.data / "bucky.sqlite"), _pids(box)
    unit = AE("DX1")
    unit.add_requested_context("1.2.840.10008.1.1")
    association = unit.associate(HOST, box.dicom_port)
    assert association.is_established
    for role in ("receiver", "web"):
        ask(database, role)

    def echoed_until_the_page_is_anew() -> bool:
        assert association.send_c_echo().Status == 0
        return _pid(box, "web") not in (None, before["web"])

    wait_for(echoed_until_the_page_is_anew, 120, "a new process of the page")
    assert _pid(box, "receiver") == before["receiver"]
    assert started(database, "receiver") is None
    association.release()
    wait_for(lambda: started(database, "receiver"), 120, "a new receiver")
    assert _pid(box, "receiver") != before["receiver"]


def test_a_retired_box_is_wiped_while_its_roles_run(service: Service, make_box: Callable[..., Box]) -> None:
    """The clinic's data go, the vendor is told, and each role begins anew on a box that nobody has set up."""
    box = make_box().set_up().start()
    service.register(box.data / "vendor")
    wait_for(lambda: service.row().seen_at, 120, "the first heartbeat")
    (box.data / "blobs").mkdir(exist_ok=True)
    (box.data / "blobs" / "picture").write_bytes(SENTINEL.encode())
    before = _pids(box)
    service.fleet.documents.order_wipe(SERIAL, load_signer(service.offline / "wipe-key.pem"), who="owner")
    wait_for(lambda: service.row().state == "retired", 240, "the report of the end")
    assert not (box.data / "blobs" / "picture").exists()
    assert not (box.data / "vendor" / "client.pem").exists()
    for role in ("receiver", "web", "courier"):
        wait_for(lambda role=role: _pid(box, role) not in (None, before[role]), 120, f"a new {role}")
    wait_for(lambda: _answers(box), 120, "the page")
    assert "/setup" in requests.get(box.url, timeout=60).url


def test_support_has_the_whole_way_rehearsed_with_consent(service: Service, make_box: Callable[..., Box]) -> None:
    """A phantom goes to the reader and back; the answer tells how each check is then, and no name of a reader."""
    reader, box = make_box("reader", "reader").set_up("rita").start(), make_box().set_up()
    box.deliver_to(SENTINEL, reader.dicomweb, token=reader.bucky("token", "create", "clinic", "--role", "technician"))
    box.start()
    service.register(box.data / "vendor")
    wait_for(lambda: service.row().seen_at, 120, "the first heartbeat")
    assert _asked(service, Rehearse()).reason == "no-consent"
    box.bucky("vendor", "consent", "1")
    good = _asked(service, Rehearse())
    assert (good.outcome, (good.figures or {})["rehearsal"]) == ("done", "good")
    box.deliver_to(f"{SENTINEL} two", f"http://{HOST}:9/dicom-web")
    bad = _asked(service, Rehearse())
    assert (bad.outcome, (bad.figures or {})["rehearsal"]) == ("done", "bad")
    assert SENTINEL not in str((good.figures, bad.figures))


def _asked(service: Service, command: Command) -> Document:
    """The command's end."""
    number = service.fleet.documents.send_command(SERIAL, command, who="sue")
    wait_for(lambda: service.document("command", number).outcome, 300, "the answer")
    return service.document("command", number)


def _restart(service: Service, box: Box, role: Role) -> None:
    before = _pids(box)
    number = service.fleet.documents.send_command(SERIAL, RestartRole(role), who="sue")
    wait_for(lambda: service.document("command", number).outcome == "done", 120, "the answer")
    wait_for(lambda: _pid(box, role) not in (None, before[role]), 120, "a new process")
    wait_for(lambda: _answers(box), 60, "the page")
    others = {name: pid for name, pid in _pids(box).items() if name != role}
    assert others == {name: pid for name, pid in before.items() if name != role}


def _pids(box: Box) -> dict[str, int]:
    return {name: process.pid for name, process in box.roles().items()}
