"""Write the image onto a device, read it back, and leave the station's address in it.

`python -m firmware.factory.flash IMAGE DEVICE --station http://10.0.0.1:8400/TOKEN`
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from firmware.image.disk import places
from firmware.image.words import Refused, need

_CHUNK = 4 * 2**20


def flash(image: Path, device: Path, station: str) -> str:
    """The SHA-256 of what the device now holds; raises Refused for one in use, too small or broken."""
    need("mcopy")
    size = image.stat().st_size
    _refuse_unfit(device, size)
    digest = hashlib.sha256()
    with image.open("rb") as source, device.open("r+b") as target:
        while part := source.read(_CHUNK):
            digest.update(part)
            target.write(part)
        target.flush()
        os.fsync(target.fileno())
        os.posix_fadvise(target.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if _read_back(device, size) != digest.hexdigest():
        raise Refused(f"{device} does not hold what was written: change it")
    _leave_note(device, station)
    return digest.hexdigest()


def _refuse_unfit(device: Path, size: int) -> None:
    mounts = [line.split()[0] for line in Path("/proc/self/mounts").read_text().splitlines()]
    if any(name.startswith(str(device.resolve())) for name in mounts):
        raise Refused(f"{device} is in use")
    with device.open("rb") as file:
        room = file.seek(0, os.SEEK_END)
    if room < size:
        raise Refused(f"{device} has {room >> 20} MiB, the image needs {size >> 20}")


def _read_back(device: Path, size: int) -> str:
    digest, left = hashlib.sha256(), size
    with device.open("rb") as file:
        while left:
            part = file.read(min(_CHUNK, left))
            digest.update(part)
            left -= len(part)
    return digest.hexdigest()


def _leave_note(device: Path, station: str) -> None:
    """factory.json on the partition cfg, which the first boot reads."""
    with tempfile.TemporaryDirectory() as folder:
        note = Path(folder) / "factory.json"
        note.write_text(json.dumps({"station": station}))
        subprocess.run(["mcopy", "-o", "-i", f"{device}@@{places()['cfg'][0]}", note, "::factory.json"], check=True)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Write the image onto a device and read it back.")
    parser.add_argument("image", type=Path)
    parser.add_argument("device", type=Path)
    parser.add_argument("--station", required=True, metavar="URL", help="what firmware.factory.station prints")
    args = parser.parse_args()
    try:
        print(flash(args.image, args.device, args.station))
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
