"""What devices do stands in the audit trail under their title and address: stored, searched, fetched, refused."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import requests

from appliance.audit.trail import Entry
from appliance.phantom.unit import send
from appliance.settings import load
from appliance.wiring import Box as Services
from tests.box import HOST, Box
from tests.orthanc import need
from tests.pictures import small_study
from tests.waiting import wait_for


def _events(box: Box, *kinds: str) -> list[Entry]:
    trail = Services(load(box.data, command_line={}, environ={})).trail
    return [entry for entry in trail.after(0, limit=500) if entry.kind in kinds]


def test_store_query_retrieve_and_refusal_name_the_peer(make_box: Callable[..., Box], tmp_path: Path) -> None:
    """Each with the study where one is named, the outcome, and the address; the trail stays whole."""
    need("findscu", "getscu")
    box = make_box().set_up().start()
    box.accept("DX1")
    study = small_study()
    uid = str(study[0].StudyInstanceUID)
    assert send(study, HOST, box.dicom_port, calling_ae="DX1") == [0, 0, 0]
    (received,) = wait_for(lambda: _events(box, "received"), 20, "the event of what came")
    assert (received.actor.name, received.actor.kind, received.actor.address) == ("DX1", "device", HOST)
    assert received.detail["study_instance_uid"] == uid
    assert received.detail["subject"] == "3 objects by C-STORE"
    common = ["-aec", "BUCKY", "-S", "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={uid}"]
    where = [HOST, str(box.dicom_port)]
    subprocess.run(["findscu", "-aet", "DX1", *common, *where], check=True, capture_output=True, timeout=60)
    subprocess.run(
        ["getscu", "-aet", "DX1", "-od", str(tmp_path), *common, *where], check=True, capture_output=True, timeout=60
    )
    subprocess.run(["findscu", "-aet", "STRANGER", *common, *where], check=False, capture_output=True, timeout=60)
    found, got, strange = wait_for(lambda: len(e := _events(box, "queried", "retrieved")) == 3 and e, 20, "3 events")
    assert (found.kind, found.actor.name, found.outcome) == ("queried", "DX1", 0)
    assert (got.kind, got.actor.name, got.detail["study_instance_uid"]) == ("retrieved", "DX1", uid)
    assert got.detail["subject"] == "3 objects by C-GET"
    assert (strange.kind, strange.actor.name, strange.outcome) == ("queried", "STRANGER", 8)
    box.bucky("modality", "block", "DX1")
    refused = subprocess.run(["findscu", "-aet", "DX1", *common, *where], check=False, capture_output=True, timeout=60)
    assert refused.returncode != 0
    (blocked,) = wait_for(lambda: _events(box, "node-refused"), 20, "the event of the refusal")
    assert (blocked.actor.name, blocked.detail["reason"]) == ("DX1", "sender-blocked")
    services = Services(load(box.data, command_line={}, environ={}))
    assert services.trail.trouble() is None
    assert not re.search(r"\bREX\b", box.log.read_text(), re.IGNORECASE)


def test_programs_are_named_once_for_a_study(make_box: Callable[..., Box]) -> None:
    """A viewer's many requests are one event; a stranger's token is none; the refused one is a failure."""
    box = make_box().set_up().start()
    box.accept("DX1")
    study = small_study()
    uid = str(study[0].StudyInstanceUID)
    assert send(study, HOST, box.dicom_port, calling_ae="DX1") == [0, 0, 0]
    token = box.bucky("token", "create", "viewer program", "--role", "viewer")
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/dicom+json"}
    for path in ("studies", "studies", f"studies/{uid}/metadata", f"studies/{uid}/series", f"studies/{uid}/metadata"):
        assert requests.get(f"{box.dicomweb}/{path}", headers=headers, timeout=20).status_code == 200
    assert requests.post(f"{box.dicomweb}/studies", data=b"x", headers=headers, timeout=20).status_code == 403
    assert requests.get(f"{box.dicomweb}/studies", headers={"Authorization": "Bearer x"}, timeout=20).status_code == 401
    events = [e for e in _events(box, "queried", "retrieved", "received") if e.actor.kind == "program"]
    assert [(e.kind, e.actor.name, e.detail.get("study_instance_uid")) for e in events] == [
        ("queried", "viewer program", None),
        ("retrieved", "viewer program", uid),
    ]
