"""The lock of Debian's packages, and a root made of exactly these.

python -m firmware.image.debian lock     resolve packages.txt anew
python -m firmware.image.debian root     print where the root lies as a tar, made if need be (10 to 15 minutes)
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from firmware.image.apt import ARCHITECTURE, SUITE, Apt, Package
from firmware.image.words import Refused, need, run, sha256

HERE = Path(__file__).parent
LOCK = HERE / "debian.lock"
BUILDER = "amd64"
CACHE = Path(os.environ.get("BUCKY_FIRMWARE_CACHE", HERE.parent / ".cache"))
_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_LEFT_OUT = [  # never read on a box; copyright files stay
    "/usr/share/man/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/doc/*",
    "/usr/share/bash-completion/*",
    "/usr/share/lintian/*",
    "/etc/init.d/*",
]
_KEPT = "/usr/share/doc/*/copyright"


def wanted(text: str) -> dict[str, list[str]]:
    """The names in packages.txt by their use."""
    found: dict[str, list[str]] = {"root": [], "unpack": [], "build": []}
    for line in text.splitlines():
        if words := line.split("#")[0].split():
            found["root" if len(words) == 1 else words[0]].append(words[-1])
    return found


def read(lock: Path = LOCK) -> list[Package]:
    """The packages of a lock file."""
    lines = [line.split() for line in lock.read_text().splitlines() if line and not line.startswith("#")]
    return [Package(words[0], words[1], words[2], words[3], (*words, "root")[4]) for words in lines]


def written(packages: Iterable[Package]) -> str:
    """A lock file: one package a line, by name."""
    lines = (
        f"{' '.join(package[:4])}{'' if package.use == 'root' else f' {package.use}'}\n" for package in sorted(packages)
    )
    return f"# Debian {SUITE} {ARCHITECTURE}: name, version, architecture, SHA-256\n" + "".join(lines)


def resolved(cache: Path, text: str) -> list[Package]:
    """The packages that packages.txt means today."""
    names, box, builder = wanted(text), Apt(cache / "apt"), Apt(cache / "apt", BUILDER)
    for apt in (box, builder):
        apt.update()
    return [
        *(Package(*package, use="root") for package in box.resolve(names["root"])),
        *(Package(*box.one(name), use="unpack") for name in names["unpack"]),
        *(Package(*builder.one(name), use="build") for name in names["build"]),
    ]


def debs(packages: list[Package], cache: Path = CACHE) -> Path:
    """A folder with every package of the lock, each checked; raises Refused where one differs."""
    folder = cache / "debs"
    folder.mkdir(parents=True, exist_ok=True)
    missing = [package for package in packages if not (folder / package.file).exists()]
    for architecture, of_it in ((ARCHITECTURE, (ARCHITECTURE, "all")), (BUILDER, (BUILDER,))):
        if to_fetch := [package for package in missing if package.architecture in of_it]:
            apt = Apt(cache / "apt", architecture)
            apt.update()
            apt.fetch(to_fetch, folder)
    for package in packages:
        if sha256(folder / package.file) != package.sha256:
            (folder / package.file).unlink()
            raise Refused(f"{package.file} is not what the lock names; it was removed")
    return folder


def root_tar(cache: Path = CACHE) -> Path:
    """The root of Debian as a tar: from the cache if the lock and this recipe made it before."""
    need("mmdebstrap", "dpkg-deb", "apt-get")
    packages = [package for package in read() if package.use == "root"]
    recipe = hashlib.sha256(repr((packages, _LEFT_OUT)).encode()).hexdigest()[:16]
    made = cache / f"root-{recipe}.tar"
    if made.exists():
        return made
    _can_run_foreign_programs()
    folder = debs(packages, cache)
    repository = _repository(packages, folder, cache)
    partial = made.with_suffix(".partial.tar")
    options = [f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT]
    run(
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=custom",
        f"--architectures={ARCHITECTURE}",
        f"--include={','.join(sorted(package.name for package in packages))}",
        *options,
        f"--dpkgopt=path-include={_KEPT}",
        "",
        partial,
        f"deb [trusted=yes] copy:{repository} ./",
    )
    partial.rename(made)
    return made


def _repository(packages: list[Package], folder: Path, cache: Path) -> Path:
    """A flat repository of these packages and no other."""
    repository = cache / "repository"
    repository.mkdir(exist_ok=True)
    for old in repository.iterdir():
        old.unlink()
    with (repository / "Packages").open("w") as index:
        for package in packages:
            (repository / package.file).hardlink_to(folder / package.file)
            control = run("dpkg-deb", "-f", folder / package.file).strip()
            size = (folder / package.file).stat().st_size
            index.write(f"{control}\nFilename: ./{package.file}\nSize: {size}\nSHA256: {package.sha256}\n\n")
    return repository


def _can_run_foreign_programs() -> None:
    """Raise Refused unless maintainer scripts of the other architecture run here."""
    if run("dpkg", "--print-architecture").strip() == ARCHITECTURE or any(_BINFMT.glob("qemu-aarch64*")):
        return
    raise Refused(
        "The host cannot run arm64 programs: apt-get install qemu-user-static, then"
        f" mount -t binfmt_misc binfmt_misc {_BINFMT} and register /usr/lib/binfmt.d/qemu-aarch64.conf"
    )


def main() -> int:
    """One step of the build."""
    try:
        if sys.argv[1:] == ["lock"]:
            LOCK.write_text(written(resolved(CACHE, (HERE / "packages.txt").read_text())))
        elif sys.argv[1:] == ["root"]:
            print(root_tar())
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(error.stderr.decode(errors="replace")[-4000:], file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
