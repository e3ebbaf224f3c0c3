"""No patient's name leaves a box by its logs or by the vendor link, wherever on the box the name was put in."""

import gzip
from collections.abc import Callable
from pathlib import Path

import requests

from appliance.phantom.unit import send
from provisioning.fleet.support import reports
from provisioning.protocol.commands import CollectDiagnostics, EchoModality, NetworkCheck, ResendStudy
from tests.box import HOST, Box
from tests.conftest import SENTINEL
from tests.fleet import SERIAL, Service
from tests.interop.fleet.canaries import fill, log_in, walk
from tests.pictures import small_study
from tests.waiting import wait_for

CANARY = SENTINEL.lower().encode()


def _put_in_pictures(box: Box, folder: Path) -> None:
    """Over the network and as files: filled, filled with what breaks, cut short, and no DICOM at all."""
    box.accept("DX1")
    whole, broken = (fill(small_study("cervical-spine")[0], broken=flag) for flag in (False, True))
    for ds in (whole, broken):
        send([ds], HOST, box.dicom_port, calling_ae="DX1")
    files = folder / SENTINEL
    files.mkdir()
    for name, ds in (("whole", whole), ("broken", broken)):
        ds.save_as(files / f"{SENTINEL}-{name}.dcm", enforce_file_format=True)
    content = (files / f"{SENTINEL}-whole.dcm").read_bytes()
    (files / f"{SENTINEL}-short.dcm").write_bytes(content[: len(content) // 3])
    (files / f"{SENTINEL}.txt").write_text(SENTINEL)
    box.bucky("import", str(files), expect=None)


def _put_in_programs(box: Box) -> None:
    """Queries, addresses and bodies with the canary, most of them wrong."""
    token = box.bucky("token", "create", SENTINEL, "--role", "administrator")
    asked = requests.Session()
    asked.headers["Authorization"] = f"Bearer {token}"
    for path in ("studies?PatientName=", "studies/", "instances?00100010=", "workitems/", "studies?StudyDate="):
        asked.get(f"{box.dicomweb}/{path}{SENTINEL}", timeout=60)
    kind = f"multipart/related; type=application/dicom; boundary={SENTINEL}"
    body = f"--{SENTINEL}\r\nContent-Type: application/dicom\r\n\r\n{SENTINEL}\r\n--{SENTINEL}--"
    asked.post(f"{box.dicomweb}/studies", data=body, headers={"Content-Type": kind}, timeout=60)
    asked.post(f"{box.dicomweb}/workitems", json=[{"00100010": {"vr": SENTINEL}}], timeout=60)
    asked.get(f"{box.url}/{SENTINEL}", timeout=60)


def test_no_canary_gets_into_logs_heartbeats_or_diagnostics(
    service: Service, tmp_path: Path, make_box: Callable[..., Box]
) -> None:
    """The whole of what the service heard and keeps is searched, and the box's log."""
    box = make_box().set_up().start()
    service.fleet.registry.register(SERIAL, box.bucky("vendor", "identity"), who="factory")
    box.deliver_to(SENTINEL, f"http://{HOST}:9/{SENTINEL}")
    _put_in_pictures(box, tmp_path)
    _put_in_programs(box)
    statuses = dict(walk(log_in(box.url), box.url))
    assert len(statuses) > 20, statuses
    assert 500 not in statuses.values(), [path for path, status in statuses.items() if status == 500]
    service.hand_trust(box.data / "vendor")
    wait_for(lambda: service.row().seen_at, 120, "the first heartbeat")
    box.bucky("vendor", "consent", "1")
    commands = (CollectDiagnostics(), NetworkCheck(), EchoModality(1), ResendStudy("S-1"))
    numbers = [service.fleet.documents.send_command(SERIAL, command, who="sue") for command in commands]
    wait_for(lambda: all(service.document("command", n).outcome for n in numbers), 120, "answers to the commands")
    assert service.document("command", numbers[0]).outcome == "done"
    _release_report(box)
    wait_for(lambda: reports(service.fleet.store, SERIAL), 120, "diagnostics")
    box.stop()
    service.stop()
    assert SENTINEL in (box.data / "bucky.sqlite").read_bytes().decode("latin-1"), "the canary is on the box"
    for heard in service.heard:
        packed = heard.find(b"\x1f\x8b")
        plain = heard if packed < 0 else heard[:packed] + gzip.decompress(heard[packed:])
        assert CANARY not in plain.lower()
    assert any(b"/v1/diagnostics" in heard for heard in service.heard)
    for file in service.folder.glob("fleet.sqlite*"):
        assert CANARY not in file.read_bytes().lower()
    assert CANARY not in box.log.read_bytes().lower()
    assert b'"event"' in box.log.read_bytes()


def _release_report(box: Box) -> None:
    """As the clinic does it on its page, having seen the exact bytes."""
    person = log_in(box.url)
    shown = person.get(f"{box.url}/support/report/1", timeout=60)
    assert "Send it to support" in shown.text, shown.text[-1500:]
    assert CANARY not in shown.content.lower().split(b"<pre>")[1].split(b"</pre>")[0]
    token = shown.text.split('name="csrf_token" value="')[1].split('"')[0]
    data = {"csrf_token": token, "decision": "release"}
    person.post(f"{box.url}/support/report/1", data=data, timeout=60).raise_for_status()
