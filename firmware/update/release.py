"""Make what updates the product alone, without its image: the packages of a wheel, as `bucky-fleet release` signs them.

`python -m firmware.update.release WHEEL FOLDER` writes FOLDER/bucky-VERSION.tar.gz, the same bytes for the same wheel.
A release that needs other libraries than the image has goes out as a bundle (firmware.update.bundle).
"""

import gzip
import io
import sys
import tarfile
import zipfile
from pathlib import Path


def make(wheel: Path, folder: Path) -> Path:
    """Write the release of a wheel."""
    version = wheel.name.split("-")[1]
    target = folder / f"bucky-{version}.tar.gz"
    with (
        zipfile.ZipFile(wheel) as packed,
        target.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as archive,
    ):
        for name in sorted(packed.namelist()):
            if ".dist-info/" in name or name.endswith("/"):
                continue
            content = packed.read(name)
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return target


if __name__ == "__main__":
    print(make(Path(sys.argv[1]), Path(sys.argv[2])))
