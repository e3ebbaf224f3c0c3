"""How fast a paired unit stores while others sit on the doorstep: undisturbed and with idle connections, in turns.

The attackers come from other loopback addresses and return whenever they are closed.
"""

import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from appliance.phantom.dataset import phantom_study
from appliance.phantom.unit import send
from tests.box import HOST, Box

PICTURES = 20
IDLE_EACH = 50  # plain ones, and as many with TLS
ROUNDS = 3
LEAST_RATIO = 0.5


def rate(box: Box, first: int) -> float:
    """Pictures a second, each on an association of its own as small units send; every one must be stored."""
    (ds,) = phantom_study("cervical-spine", scale=0.4)
    began = time.monotonic()
    for number in range(PICTURES):
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"2.25.{first + number}"
        if send([ds], HOST, box.dicom_port) != [0]:
            raise SystemExit("a picture of the paired unit was not stored")
    return PICTURES / (time.monotonic() - began)


@contextlib.contextmanager
def besieging(box: Box) -> Iterator[None]:
    """Idle connections at both ports, held by another process."""
    ports = [str(IDLE_EACH), str(box.dicom_port), str(box.tls_port)]
    command = [sys.executable, "-m", "tests.fault.siege", *ports]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as siege:
        assert siege.stdin and siege.stdout
        assert siege.stdout.readline() == "besieged\n"
        yield
        siege.stdin.close()


def measure(folder: Path) -> float:
    """Print both rates and their ratio, which is returned; undisturbed and besieged rounds take turns."""
    box = Box(folder / "siege").set_up().start()
    quiet, besieged = [], []
    try:
        box.accept("PHANTOM-DX")
        rate(box, 1)  # the first one warms up
        for number in range(ROUNDS):
            quiet.append(rate(box, 10_000 + 1000 * number))
            with besieging(box):
                besieged.append(rate(box, 20_000 + 1000 * number))
    finally:
        box.stop()
    ratio = statistics.median(besieged) / statistics.median(quiet)
    print(
        f"paired unit, {PICTURES} pictures: {statistics.median(quiet):.1f}/s undisturbed,"
        f" {statistics.median(besieged):.1f}/s with {IDLE_EACH} idle plain and {IDLE_EACH} idle TLS connections,"
        f" ratio {ratio:.2f} (at least {LEAST_RATIO})"
    )
    return ratio
