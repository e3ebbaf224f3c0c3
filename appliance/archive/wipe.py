"""The physical reset: everything of the clinic goes, the box keeps only what makes it this box for its vendor."""

import shutil
from pathlib import Path

from appliance.files import sync_folder

KEPT = "vendor"
_NOT_OURS = ("lost+found", "chrony")  # of the file system and of the clock, where the folder is a partition of its own
MARK = "reset.pending"


def begin(data: Path) -> None:
    """Note on the disk that everything must go, first of all: a power cut after this cannot leave half of it."""
    (data / MARK).touch()
    sync_folder(data)


def is_pending(data: Path) -> bool:
    """Whether a reset was begun and not ended."""
    return (data / MARK).exists()


def finish(data: Path) -> None:
    """Remove all but the vendor's part, at last the note itself."""
    for path in data.iterdir():
        if path.name in (KEPT, MARK, *_NOT_OURS):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    sync_folder(data)
    (data / MARK).unlink(missing_ok=True)
    sync_folder(data)
