"""`reset`: what the button of the device calls; pictures, people and settings go, and a new setup code is made."""

import argparse
import os
import sys
from pathlib import Path

from appliance.commands.output import Args, show
from appliance.errors import BuckyError
from appliance.settings import Settings
from appliance.wiring import Box

_WARNING = "This removes every picture, person and setting of this box for good. Give --yes if you mean it."


class StillRunning(BuckyError):
    """Roles are at work on the folder."""

    code = "still-running"
    message = "The box is running (process {pid})."
    hint = "Stop it first; then reset it."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `bucky reset` takes."""
    parser.add_argument("--yes", action="store_true", help="remove everything of the clinic for good")


def reset(args: Args, settings: Settings) -> int:
    """Wipe and arm again; raises StillRunning."""
    from appliance.archive import wipe

    if not args.yes:
        print(_WARNING, file=sys.stderr)
        return 2
    if pid := _user_of(settings.data / "bucky.sqlite"):
        raise StillRunning(pid=pid)
    if settings.data.exists():
        wipe.begin(settings.data)
        wipe.finish(settings.data)
    code = Box(settings).first_run.setup_code()
    show(args, {"setup_code": code}, [f"setup code: {code}"])
    return 0


def _user_of(database: Path) -> int | None:
    """A process that has the database open, None if there is none."""
    import psutil

    wanted = str(database.resolve())
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            if any(file.path == wanted for file in process.open_files()):
                return int(process.pid)
        except (psutil.Error, OSError):
            continue
    return None
