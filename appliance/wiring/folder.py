"""The data folder."""

import os
import threading
from pathlib import Path

from appliance.errors import FolderNotWritable
from appliance.files import for_roles, sync_folder


def prepare_folder(folder: Path) -> None:
    """Make the data folder, for this user only; raises FolderNotWritable."""
    try:
        if not folder.exists():
            folder.mkdir(parents=True, exist_ok=True, mode=for_roles(0o700))
            sync_folder(folder.resolve().parent)  # a power cut would take the folder with all that was synced in it
        probe = folder / f".probe-{os.getpid()}-{threading.get_ident()}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise FolderNotWritable(path=folder, reason=(error.strerror or "unknown reason").lower()) from error
