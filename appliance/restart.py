"""One role asks another to start anew: a stamp in the database, noticed within seconds.

systemd or the supervisor starts the role again. A role ends when it is idle, so that no association is cut; at once
when the box was wiped, and begins on what is then a new one.
"""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable

from appliance import __version__
from appliance.archive.database import Database
from appliance.clock import stamp

LOOK_S = 2.0
PATIENCE_S = 600.0
"""A unit that never closes its association must not keep the box from its settings for good."""


def ask(database: Database, role: str) -> None:
    """Let a role start anew."""
    database.set_setting(f"started_{role}", None)
    database.set_setting(f"restart_{role}", stamp())


def started(database: Database, role: str) -> str | None:
    """The release of a role that answers since it was last asked to start anew; None while that is still to come."""
    return database.setting(f"started_{role}")


def follow(database: Database, role: str, stop: threading.Event, *, busy: Callable[[], bool] = lambda: False) -> None:
    """Note that this role answers, and end it by its event `stop` when it is asked to and no longer busy.

    Watches in a thread of its own.
    """
    before, box_id = database.setting(f"restart_{role}"), database.setting("box_id")
    with contextlib.suppress(sqlite3.OperationalError):  # a full disk keeps no role from its work
        database.set_setting(f"started_{role}", __version__)

    def watch() -> None:
        while not stop.wait(LOOK_S):
            if _is_destroyed(database, box_id):
                stop.set()
            elif database.setting(f"restart_{role}") != before:
                deadline = time.monotonic() + PATIENCE_S
                while busy() and time.monotonic() < deadline and not stop.wait(LOOK_S):
                    pass
                stop.set()

    threading.Thread(target=watch, name="restart", daemon=True).start()


def _is_destroyed(database: Database, box_id: str | None) -> bool:
    """Whether everything under this role was wiped, and perhaps another box begun there."""
    try:
        return box_id is not None and database.setting("box_id") != box_id
    except FileNotFoundError:
        return True
