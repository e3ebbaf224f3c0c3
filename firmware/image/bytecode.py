"""Sources compiled for the box's Python by the same Python for the machine that builds: nothing is emulated.

The root is never written, so a box could not keep what it compiles; each start would compile everything anew.
"""

import shutil
from pathlib import Path

from firmware.image.debian import BUILDER, CACHE, debs, read
from firmware.image.words import Refused, run

_LOADER = "usr/lib64/ld-linux-x86-64.so.2"
_LIBRARIES = "usr/lib/x86_64-linux-gnu"


def compile_sources(root: Path, *folders: Path, cache: Path = CACHE) -> None:
    """Compile what lies in `folders` below a root, marked as never to be checked against the source again."""
    tree = _python(cache)
    run(
        *(tree / _LOADER, "--library-path", tree / _LIBRARIES, tree / "usr/bin/python3.13", "-m", "compileall", "-q"),
        *("-s", root, "-p", "/", "--invalidation-mode", "unchecked-hash"),
        *(root / folder for folder in folders),
        environment={"PYTHONHOME": str(tree / "usr"), "PYTHONHASHSEED": "0"},
    )


def _python(cache: Path) -> Path:
    """The tree of that Python, unpacked once."""
    if run("dpkg", "--print-architecture").strip() != BUILDER:
        raise Refused(f"The lock has the Python that compiles for {BUILDER} alone")
    packages = [package for package in read() if package.use == "build"]
    version = next(package.version for package in packages if package.name == "python3.13-minimal")
    tree = cache / f"python-{version}"
    if not tree.exists():
        partial = tree.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        for package in packages:
            run("dpkg-deb", "-x", debs(packages, cache) / package.file, partial)
        partial.rename(tree)
    return tree
