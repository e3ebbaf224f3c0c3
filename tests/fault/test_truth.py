"""Truth: whatever one message between box and destination suffers, nothing is green that is not there, nothing is
lost, and nothing is there twice. `BUCKY_TRUTH_TRIALS` sets how many trials each kind of destination gets.
"""

import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests
from pydicom import dcmread
from pydicom.filebase import DicomBytesIO

from appliance.archive.blobs import Provenance
from appliance.archive.part10 import take_dataset
from appliance.clock import stamp
from appliance.courier import uplink as uplink_module
from appliance.courier.delivery import ConfirmWorker, DeliveryWorker
from appliance.courier.destinations import Destination
from appliance.courier.uplink import Uplink
from appliance.settings import load
from appliance.wiring import Box
from tests.box import Box as Running
from tests.fault.middle import FAULTS, Middle, lie_about
from tests.orthanc import Orthanc
from tests.pictures import small_study

TRIALS = int(os.environ.get("BUCKY_TRUTH_TRIALS", "12"))
MESSAGES = {"reader": 8, "stow": 10, "dimse": 14}  # a delivery is over after about as many
DEADLINE_S = 60.0
SETTINGS = {"stall_timeout_s": "1", "answer_timeout_s": "1"}


@dataclass
class Tally:
    """What a campaign found."""

    trials: int = 0
    faults: int = 0
    false_greens: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    doubles: list[str] = field(default_factory=list)


@dataclass
class Far:
    """A destination, its address through the middle, and what it really holds: the pixels of each stored instance."""

    middle: Middle
    messages: int
    add: Callable[[Box, int], Destination]
    pixels: Callable[[str], list[bytes]]


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of seconds would only make the campaign long."""
    monkeypatch.setattr(uplink_module, "FIRST_RETRY_S", 0.05)
    monkeypatch.setattr(uplink_module, "LONGEST_RETRY_S", 0.4)


@pytest.fixture
def reader(tmp_path: Path, make_box: Callable[..., Running]) -> Iterator[Far]:
    """Our own reader, with resumable uploads and signed receipts."""
    running = make_box("reader", "reader").set_up("rita").start()
    token = running.bucky("token", "create", "clinic", "--role", "technician")
    middle = Middle(running.http_port, http=True, delay_s=1.5)

    def pixels(uid: str) -> list[bytes]:
        """Every row of every archive of the reader, conflicts too, which no query shows."""
        found = []
        for path in running.data.rglob("bucky.sqlite"):
            with contextlib.closing(sqlite3.connect(path)) as db:
                rows = db.execute("SELECT dataset_sha256 FROM instance WHERE sop_instance_uid = ?", [uid]).fetchall()
            found += [dcmread(path.parent / "instances" / d[:2] / f"{d}.dcm").PixelData for (d,) in rows]
        return found

    yield Far(middle, MESSAGES["reader"], lambda box, port: _dicomweb(box, port, token), pixels)
    middle.close()


def _dicomweb(box: Box, port: int, token: str | None = None) -> Destination:
    return box.destinations.add("Far", f"http://127.0.0.1:{port}/dicom-web", token=token, auto=True)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Orthanc]:
    """An Orthanc that replaces what is sent again, as one must that ever received a changed picture."""
    found = Orthanc(tmp_path / "orthanc")
    found.configure(OverwriteInstances=True, DicomAlwaysAllowFind=True, DicomAlwaysAllowGet=True)
    with found:
        yield found


def _held(archive: Orthanc, uid: str) -> list[bytes]:
    found = requests.post(f"{archive.url}/tools/lookup", data=uid, timeout=30).json()
    return [
        dcmread(DicomBytesIO(requests.get(f"{archive.url}/instances/{f['ID']}/file", timeout=30).content)).PixelData
        for f in found
    ]


@pytest.fixture
def stow(archive: Orthanc) -> Iterator[Far]:
    """Orthanc by STOW-RS."""
    middle = Middle(archive.http_port, http=True, delay_s=1.5)
    yield Far(middle, MESSAGES["stow"], _dicomweb, lambda uid: _held(archive, uid))
    middle.close()


@pytest.fixture
def dimse(archive: Orthanc) -> Iterator[Far]:
    """Orthanc by C-STORE, C-FIND and C-GET."""
    middle = Middle(archive.dicom_port, http=False, delay_s=1.5)

    def add(box: Box, port: int) -> Destination:
        return box.destinations.add("Far", f"ORTHANC@127.0.0.1:{port}", protocol="dimse", auto=True)

    yield Far(middle, MESSAGES["dimse"], add, lambda uid: _held(archive, uid))
    middle.close()


def _workers(box: Box, destination_id: int) -> list[DeliveryWorker | ConfirmWorker]:
    uplink = Uplink(box.queue, box.copies, box.destinations)
    common = {"destinations": box.destinations, "queue": box.queue, "uplink": uplink, "client_for": box.client_for}
    return [
        DeliveryWorker(destination_id, requests=box.requests, copies=box.copies, **common),
        ConfirmWorker(destination_id, evidence=box.evidence, **common),
    ]


@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", ["reader", "stow", "dimse"])
def test_no_message_can_make_a_lie_or_a_loss(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """One fault a trial, at each message in turn."""
    far: Far = request.getfixturevalue(kind)
    box = Box(load(tmp_path / "box", command_line=SETTINGS, environ={}))
    destination = far.add(box, far.middle.port)
    tally = Tally()
    for trial in range(TRIALS):
        _one_trial(box, destination, far, trial, tally)
    print(
        f"\n{kind}: {tally.trials} trials, {tally.faults} faults; false greens {len(tally.false_greens)},"
        f" losses {len(tally.losses)}, doubles {len(tally.doubles)}"
    )
    assert (tally.false_greens, tally.losses, tally.doubles) == ([], [], [])
    assert tally.faults > TRIALS // 2


def _one_trial(box: Box, destination: Destination, far: Far, trial: int, tally: Tally) -> None:
    fault, message = FAULTS[trial % len(FAULTS)], 1 + (trial // len(FAULTS)) % far.messages
    name = f"trial {trial}: {fault} at message {message}"
    (ds,) = small_study("cervical-spine", 0.1)
    uid, wanted = str(ds.SOPInstanceUID), hashlib.sha256(ds.PixelData).hexdigest()
    lie_about(uid)
    before = far.middle.done
    far.middle.arm(fault, message, trial)
    receipt = take_dataset(box.intake, ds, Provenance("local", "test", "", stamp()))
    study_id = box.catalogue.instance(receipt.instance_id).study_id
    box.queue.route_new()
    workers = _workers(box, destination.id)
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline and not box.queue.progress(study_id)[0].complete:
        rests = [worker.run_once() or 0.0 for worker in workers]
        time.sleep(min(0.02, *rests))
    held = [hashlib.sha256(pixels).hexdigest() for pixels in far.pixels(uid)]
    tally.trials += 1
    tally.faults += far.middle.done - before
    if box.queue.progress(study_id)[0].complete and wanted not in held:
        tally.false_greens.append(name)
    if not box.queue.progress(study_id)[0].complete:
        tally.losses.append(f"{name}: {box.destinations.get(destination.id).trouble}")
    if len(held) > 1:
        tally.doubles.append(name)
