"""What every step of the build shares: running tools, and saying what is missing."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

TOOLS = {  # program: Debian package
    "mmdebstrap": "mmdebstrap",
    "mksquashfs": "squashfs-tools",
    "mcopy": "mtools",
    "readelf": "binutils",
    "mkfs.vfat": "dosfstools",
    "sfdisk": "fdisk",
    "depmod": "kmod",
    "cpio": "cpio",
    "zstd": "zstd",
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
    "systemd-sysusers": "systemd",
}
MIB = 1 << 20
EPOCH = 1_767_225_600  # 2026-01-01: the time of every file in the image, so that it is the same whenever it is built
NOTHING: Mapping[str, str] = {}
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Refused(Exception):
    """The build cannot go on, with the reason in one sentence."""


class MissingTool(Refused):
    """A Debian package that the host lacks."""

    def __init__(self, *packages: str) -> None:
        super().__init__(f"The host lacks: apt-get install {' '.join(packages)}")


def need(*programs: str) -> None:
    """Raise MissingTool with the packages of all programs that are not there."""
    missing = sorted({TOOLS[program] for program in programs if not shutil.which(program, path=SYSTEM_PATH)})
    if missing:
        raise MissingTool(*missing)


def run(
    *command: str | Path, cwd: Path | None = None, stdin: bytes | None = None, environment: Mapping[str, str] = NOTHING
) -> str:
    """What a tool prints, in plain words and with a fixed time; raises CalledProcessError."""
    plain = {
        **os.environ,
        "PATH": SYSTEM_PATH,
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "SOURCE_DATE_EPOCH": str(EPOCH),
        "DEBIAN_FRONTEND": "noninteractive",
        **environment,
    }
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, input=stdin, env=plain, check=True, capture_output=True)
    return done.stdout.decode(errors="replace")


def sha256(path: Path) -> str:
    """The digest of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
