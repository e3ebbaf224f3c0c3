"""Receiver, web and courier killed in front of every system call that matters, found by stepping, not by chance."""

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.uid import generate_uid

from appliance.settings import load
from appliance.wiring import Box as Services
from tests.box import PASSWORD
from tests.conftest import SENTINEL
from tests.fault.counts import FULL, report
from tests.fault.ledger import Ledger, look
from tests.fault.role import Role
from tests.fault.steps import Steps
from tests.peers import Mode, Peer
from tests.pictures import small_study
from tests.waiting import wait_for

FEW = 5
pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Services]:
    """The data folder of a box that is set up and has accepted its unit; no role may name a patient in its log."""
    box = Services(load(tmp_path / "data", command_line={}, environ={}))
    box.first_run.set_up(clinic="Paw", kind="vet", name="Ann", password=PASSWORD)
    box.senders.accept_title("PHANTOM-DX", "127.0.0.1")
    yield box
    for log in tmp_path.glob("*.log"):
        assert SENTINEL.lower() not in log.read_text().lower(), "a log names a patient"


def _chosen(total: int) -> list[int]:
    """Every step, or a few of them, the first and last among them."""
    if FULL or total <= FEW:
        return list(range(1, total + 1))
    return sorted({1, total, *random.Random(total).sample(range(2, total), FEW - 2)})


def _step_through(role: Role, steps: Steps, act: Callable[[], None], settle: Callable[[], None]) -> tuple[int, str]:
    """Kill the role in front of each step of `act`, start it again, and `settle`; returns trials and the steps."""
    role.start()
    act()  # once without counting, so that nothing happens for the first time
    steps.arm(0)
    act()
    calls = steps.disarm()
    assert len(calls) > 10, calls
    numbers = _chosen(len(calls))
    for number in numbers:
        steps.arm(number)
        act()
        steps.disarm()
        role.kill()
        role.start()
        try:
            settle()
        except AssertionError as error:
            error.add_note(f"after a kill in front of step {number} of {calls}")
            raise
    role.kill()
    return len(numbers), calls


def test_the_receiver_killed_at_every_step_of_an_intake(clinic: Services, tmp_path: Path) -> None:
    """What was answered is there once; what was not comes again and is there once."""
    steps, ledger = Steps(tmp_path / "steps"), Ledger()
    role = Role("receiver", clinic.settings.data, steps.environ)
    unsent: list[Dataset] = []

    def act() -> None:
        unsent[:] = small_study("cervical-spine", 0.05)
        if ledger.send(unsent, role.port):
            unsent.clear()

    def settle() -> None:
        assert not unsent or ledger.send(unsent, role.port)

    trials, calls = _step_through(role, steps, act, settle)
    assert {"w", "f", "r", "s"} <= set(calls), calls
    assert len(ledger.acknowledged) == len(ledger.sent)
    report("receiver, every step", trials, ledger.losses(clinic.settings.data), steps=len(calls))


def _stow(url: str, token: str, ds: Dataset) -> bool:
    """One instance by STOW-RS; whether the service said that it is stored."""
    buffer = DicomBytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    body = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + buffer.getvalue() + b"\r\n--x--\r\n"
    headers = {
        "Content-Type": 'multipart/related; type="application/dicom"; boundary=x',
        "Accept": "application/dicom+json",
        "Authorization": f"Bearer {token}",
    }
    try:
        answer = requests.post(f"{url}/dicom-web/studies", data=body, headers=headers, timeout=60)
    except requests.RequestException:
        return False
    return answer.status_code == 200 and "00081199" in answer.json()


def test_the_web_role_killed_at_every_step_of_an_intake(clinic: Services, tmp_path: Path) -> None:
    """The same for STOW-RS."""
    steps, ledger = Steps(tmp_path / "steps"), Ledger()
    token = clinic.tokens.create("program", "technician")
    role = Role("web", clinic.settings.data, steps.environ)
    unsent: list[Dataset] = []

    def store(ds: Dataset) -> bool:
        uid = ledger.write_down(ds)
        if not _stow(f"http://127.0.0.1:{role.port}", token, ds):
            return False
        ledger.acknowledged.add(uid)
        return True

    def act() -> None:
        unsent[:] = small_study("cervical-spine", 0.05)
        if store(unsent[0]):
            unsent.clear()

    def settle() -> None:
        assert not unsent or store(unsent[0])

    trials, calls = _step_through(role, steps, act, settle)
    assert {"w", "f", "r", "s"} <= set(calls), calls
    assert len(ledger.acknowledged) == len(ledger.sent)
    report("web, every step", trials, ledger.losses(clinic.settings.data), steps=len(calls))


def test_the_courier_killed_at_every_step_of_a_delivery_and_a_result(
    clinic: Services, tmp_path: Path, make_peer: Callable[[Mode], Peer]
) -> None:
    """Each picture ends confirmed at the reader, and the reader's report is in the study once."""
    peer = make_peer("healthy")
    target = clinic.destinations.add("Reader", peer.url)
    steps, losses = Steps(tmp_path / "steps"), list[str]()
    role = Role("courier", clinic.settings.data, steps.environ)
    receiver = Role("receiver", clinic.settings.data).start()
    ledger = Ledger()
    studies: list[int] = []

    def done() -> bool:
        line = clinic.catalogue.line(clinic.catalogue.study(studies[-1]))
        progress = clinic.queue.progress(studies[-1])
        if progress and progress[0].complete and not line.reports:
            clinic.queue.retry_study(studies[-1])  # look for the report now
        return bool(progress and progress[0].complete and line.reports and line.images[0].preview_state == "ready")

    def act() -> None:
        (ds,) = small_study("cervical-spine", 0.05)
        assert ledger.send([ds], receiver.port)
        study = clinic.catalogue.study_by_uid(str(ds.StudyInstanceUID))
        report_ds = _report_for(ds)
        ledger.write_down(report_ds)
        buffer = DicomBytesIO()
        report_ds.save_as(buffer, enforce_file_format=True)
        studies.append(study.id)
        clinic.queue.request(study.id, target.id, 2, "ann", str(generate_uid()))
        wait_for(lambda: role.is_dead or str(ds.SOPInstanceUID) in peer.stored, 60, "the picture at the reader")
        peer.keep(report_ds, buffer.getvalue())
        wait_for(lambda: role.is_dead or done(), 60, "the report")

    def settle() -> None:
        wait_for(done, 300, "the delivery and the report after the kill")

    trials, calls = _step_through(role, steps, act, settle)
    receiver.kill()
    for study_id in studies:
        line = clinic.catalogue.line(clinic.catalogue.study(study_id))
        if len(line.reports) != 1 or line.images[0].sop_instance_uid not in peer.stored:
            losses.append(f"study {study_id}")
    rows = look(clinic.settings.data)["rows"]
    losses += [f"{uid} is there {len(kept)} times" for uid, kept in rows.items() if len(kept) != 1]
    report("courier, every step", trials, losses + ledger.losses(clinic.settings.data), steps=len(calls))


def _report_for(ds: Dataset) -> Dataset:
    """A small structured report in the same study, as a reader would store it."""
    made = Dataset()
    made.file_meta = ds.file_meta.__class__()
    made.file_meta.TransferSyntaxUID = ds.file_meta.TransferSyntaxUID
    made.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
    made.SOPInstanceUID = generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = ds.StudyInstanceUID, generate_uid()
    made.Modality, made.PatientID, made.PatientName = "SR", ds.PatientID, ds.PatientName
    return made
