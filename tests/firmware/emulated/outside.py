"""The box as its clinic's network sees it, and what it says it keeps."""

import json
import subprocess
import time
from collections.abc import Callable, Sequence

import requests
import urllib3
from pydicom.dataset import Dataset

from appliance.phantom.dataset import phantom_study
from appliance.phantom.unit import UnitError, send
from tests.firmware.emulated.board import BOOT_S, HOST, Board
from tests.waiting import wait_for

UNIT, UNIT_ADDRESS = "PHANTOM-DX", "10.0.2.2"  # where what comes by a forwarded port comes from
_UIDS = """/opt/bucky/venv/bin/python -c "
import sqlite3
index = sqlite3.connect('file:/var/lib/bucky/bucky.sqlite?mode=ro', uri=True)
print(*(row[0] for row in index.execute('SELECT sop_instance_uid FROM instance')))" """


def echoes(board: Board) -> bool:
    """Whether the receiver answers a C-ECHO."""
    command = ["echoscu", "-to", "20", "-ta", "20", "-td", "20", "-aec", "BUCKY", HOST, str(board.ports["dicom"])]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def page(board: Board) -> bool:
    """Whether the page says over TLS that it is well."""
    urllib3.disable_warnings()
    try:
        return requests.get(f"https://{HOST}:{board.ports['page']}/healthz", verify=False, timeout=30).ok  # noqa: S501 - the device's own authority
    except requests.RequestException:
        return False


def wait_until_healthy(board: Board) -> None:
    """The receiver answers, then the page; prints how long each took."""
    began = time.monotonic()
    try:
        wait_for(lambda: echoes(board), BOOT_S, "an answer to C-ECHO")
        echoed = time.monotonic() - began
        wait_for(lambda: page(board), BOOT_S, "the page over TLS")
    except AssertionError:
        print(f"the console's last words:\n{board.said()[-3000:]}")
        raise
    print(f"\nslot {board.slot}: C-ECHO after {echoed:.0f} s, page over TLS after {time.monotonic() - began:.0f} s")


def accept_the_unit(board: Board) -> None:
    """What a person of the clinic does once, so that pictures of the phantom unit are no strangers'."""
    board.run(f"bucky modality accept {UNIT} --address {UNIT_ADDRESS}")


def phantoms(count: int, scale: float) -> list[Dataset]:
    """So many radiographs, each a SOP instance of its own; `scale` 1.0 is 15 MB."""
    made: list[Dataset] = []
    while len(made) < count:
        made += phantom_study(scale=scale)
    return made[:count]


def store(board: Board, pictures: Sequence[Dataset], heard: Callable[[int], None] = lambda _: None) -> list[str]:
    """Send to the box as a unit does; the SOP Instance UIDs of those that it acknowledged before the link broke."""
    acknowledged: list[str] = []

    def hear(done: int, _: int) -> None:
        acknowledged.append(str(pictures[done - 1].SOPInstanceUID))
        heard(done)

    try:
        statuses = send(pictures, HOST, board.ports["dicom"], calling_ae=UNIT, progress=hear)
    except UnitError:
        return acknowledged
    assert statuses == [0] * len(pictures)
    return acknowledged


def kept(board: Board) -> set[str]:
    """SOP Instance UIDs in the box, after it read every picture back and found all as received."""
    found = json.loads(board.run("bucky check --json"))
    assert (found["damaged"], found["missing"]) == (0, 0), found
    return set(board.run(_UIDS).split())
