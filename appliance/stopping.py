"""SIGTERM and SIGINT as an event that other threads can wait for."""

import os
import signal
import threading


def stop_event() -> threading.Event:
    """Set by the first of both signals; to be called in the main thread, once.

    The byte goes through a pipe to a thread of its own (signal.set_wakeup_fd): Python runs handlers in the main thread
    alone, and one that waits for a lock is not woken when the kernel hands the signal to another thread.
    """
    stop = threading.Event()
    heard, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)

    def hear() -> None:
        os.read(heard, 1)
        stop.set()

    threading.Thread(target=hear, name="signals", daemon=True).start()
    return stop
