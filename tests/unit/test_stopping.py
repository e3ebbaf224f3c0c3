"""A process is told to stop whichever of its threads the kernel hands the signal to."""

import signal
import subprocess
import sys

import pytest

_WAITS = """
import signal
from appliance.stopping import stop_event
stop = stop_event()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])  # of the main thread alone
print("waiting", flush=True)
stop.wait()
print("stopped", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_another_thread_gets_ends_the_wait_of_the_main_one(number: signal.Signals) -> None:
    """The main thread waits for a lock, which nothing but the event wakes."""
    process = subprocess.Popen([sys.executable, "-c", _WAITS], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert (said, process.returncode) == ("stopped\n", 0)
