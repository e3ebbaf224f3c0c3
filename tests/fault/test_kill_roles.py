"""Any role killed at any moment of the loop from exposure to report: nothing is lost, and the loop ends well."""

import random
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from pydicom.dataset import Dataset

from appliance.dicomweb.client import DicomWebClient
from appliance.errors import BuckyError
from appliance.phantom.unit import send, write
from appliance.reading.report import Report
from appliance.reading.report_pdf import encapsulated_pdf, report_pdf
from appliance.reading.report_sr import report_sr
from tests.box import HOST, Box
from tests.fault.counts import report, trials
from tests.fault.ledger import look
from tests.pictures import small_study
from tests.waiting import wait_for

KILLS = trials(10, 200)


def _send_until_acknowledged(box: Box, datasets: list, deadline: float) -> None:
    """What an X-ray unit does: send again until success was answered."""
    waiting = list(datasets)
    while waiting:
        assert time.monotonic() < deadline, "the receiver did not come back"
        try:
            statuses = send(waiting, HOST, box.dicom_port)
        except (BuckyError, RuntimeError, OSError, ValueError):
            time.sleep(0.2)
            continue
        statuses += [0x0110] * (len(waiting) - len(statuses))
        waiting = [ds for ds, status in zip(waiting, statuses, strict=True) if status != 0]


def _answers(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=5).close()
    except OSError:
        return False
    return True


def test_killing_any_role_at_random_loses_nothing(make_box: Callable[..., Box], tmp_path: Path) -> None:
    """Receiver, web and courier are killed in turn at random moments while studies come in and go out."""
    box, reader = make_box().set_up(), make_box("reader", "reader").set_up("rita").start()
    token = reader.bucky("token", "create", "clinic", "--role", "technician")
    box.deliver_to("Reader", reader.dicomweb, token=token)
    box.start()
    box.accept("PHANTOM-DX")
    studies = [small_study("cervical-spine", 0.05) for _ in range(KILLS)]
    rng = random.Random(7)
    killed = []

    def kill() -> None:
        for number in range(KILLS):
            role = ("receiver", "web", "courier")[number % 3]
            if role == "receiver" and number % 2:  # at its start and at work in turn, else nothing ever comes in
                wait_for(lambda: _answers(box.dicom_port), 120, "the receiver to answer")
            time.sleep(rng.uniform(0.05, 0.6))
            wait_for(lambda role=role: role in box.roles(), 30, f"{role} to run")
            box.kill(role)
            killed.append(role)

    killer = threading.Thread(target=kill)
    killer.start()
    for study in studies:
        _send_until_acknowledged(box, study, time.monotonic() + 300)
        time.sleep(0.3)
    killer.join()
    assert len(killed) == KILLS
    for study in studies:
        box.wait_verified(str(study[0].StudyInstanceUID), 90)
    _report(reader, token, studies[0], tmp_path / "reports")
    box.bucky("study", "send", str(studies[0][0].StudyInstanceUID), "Reader")

    def rows() -> int:
        return len(look(box.data)["rows"])

    assert wait_for(lambda: rows() == KILLS + 2, 60, "the report and its PDF at the box")
    box.stop()
    kept = look(box.data)
    losses = [uid for uid, found in kept["rows"].items() if len(found) != 1 or found[0] == "no file"]
    losses += [str(ds.SOPInstanceUID) for (ds,) in studies if str(ds.SOPInstanceUID) not in kept["rows"]]
    report("receiver, web and courier killed at random under load", KILLS, losses)


def _report(reader: Box, token: str, study: list[Dataset], folder: Path) -> None:
    """A report and its PDF, as a reader's system stores them."""
    said = Report("Normal.", "Normal.", "None.", "Rita Reader", "Rita", datetime.now(UTC))
    sr = report_sr(said, study)
    client = DicomWebClient(reader.dicomweb, token=token)
    for made in (sr, encapsulated_pdf(report_pdf(said, study), study, source=sr)):
        (path,) = write([made], folder / made.Modality)
        client.store(path, str(made.SOPInstanceUID))
