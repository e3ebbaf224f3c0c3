"""Any role killed at any moment of the loop from exposure to report: nothing is lost, and the loop ends well."""

import random
import re
import threading
import time
from collections.abc import Callable

import requests

from appliance.errors import BuckyError
from appliance.phantom.unit import send
from tests.box import HOST, PASSWORD, Box
from tests.pictures import small_study
from tests.waiting import wait_for

KILLS = 20


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


def test_killing_any_role_twenty_times_loses_nothing(make_box: Callable[..., Box]) -> None:
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
            time.sleep(rng.uniform(0.05, 0.6))
            role = ("receiver", "web", "courier")[number % 3]
            wait_for(lambda role=role: role in box.roles(), 30, f"{role} to run")
            box.kill(role)
            killed.append(role)

    killer = threading.Thread(target=kill)
    killer.start()
    for study in studies:
        _send_until_acknowledged(box, study, time.monotonic() + 60)
        time.sleep(0.3)
    killer.join()
    assert len(killed) == KILLS
    for study in studies:
        box.wait_verified(str(study[0].StudyInstanceUID), 90)
    _sign_first_case(reader)

    def reports() -> int:
        return sum(row["reports"] for row in box.facts("study", "list"))

    assert wait_for(lambda: reports() == 2 and reports(), 60, "the report and its PDF at the box")
    assert sum(row["images"] for row in box.facts("study", "list")) == KILLS


def _sign_first_case(reader: Box) -> None:
    """What the reader's page does, without a browser."""
    session = requests.Session()

    def csrf(path: str) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', session.get(reader.url + path, timeout=10).text)
        assert found
        return found.group(1)

    login = {"csrf_token": csrf("/login"), "name": "rita", "password": PASSWORD}
    assert session.post(f"{reader.url}/login", data=login, timeout=10).ok
    report = {"csrf_token": csrf("/cases/1"), "findings": "Normal.", "impression": "Normal.", "author": "Rita Reader"}
    assert session.post(f"{reader.url}/cases/1/sign", data=report, timeout=30).ok
