"""What makes files and their names survive a power cut."""

import os
from pathlib import Path


def for_roles(mode: int) -> int:
    """A mode like 0o600; with the same for the group where the roles have users of their own, and a group of theirs.

    The device's units say so by BUCKY_ROLES_APART, which is no setting: it tells how the process was started.
    """
    return mode | (mode & 0o700) >> 3 if os.environ.get("BUCKY_ROLES_APART") else mode


def sync_folder(folder: Path) -> None:
    """fsync a directory, so that a rename in it survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """fsync a file that is written and closed."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a small file so that it is there whole or not at all, after a power cut too; `mode` as in `for_roles`."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)  # O_EXCL: a leftover's mode, or a link that somebody laid, must not count
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, for_roles(mode)), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync_folder(path.parent)
