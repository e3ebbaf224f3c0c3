"""The product and what it needs, as a virtual environment for the box's Python, put together without running it.

python -m firmware.image.wheels lock     the wheels of requirements.lock that fit the box
"""

import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from firmware.image.bytecode import compile_sources
from firmware.image.debian import CACHE, HERE
from firmware.image.words import Refused, run, sha256

LOCK = HERE / "wheels.lock"
CHECKOUT = HERE.parent.parent
PYTHON = "3.13"
PREFIX = Path("opt/bucky/venv")
PACKAGES = PREFIX / "lib" / f"python{PYTHON}" / "site-packages"
PRODUCT = ("appliance", "webui", "provisioning")
_PLATFORMS = ("manylinux_2_17_aarch64", "manylinux2014_aarch64", "manylinux_2_28_aarch64")
_FITS = [
    *("--python-version", PYTHON, "--implementation", "cp", "--only-binary=:all:", "--no-deps", "--require-hashes"),
    *(word for abi in (f"cp{PYTHON.replace('.', '')}", "abi3", "none") for word in ("--abi", abi)),
    *(word for platform in _PLATFORMS for word in ("--platform", platform)),
]
_COMMANDS = {"bucky": "appliance.cli", "bucky-fleet": "provisioning.fleet.cli"}


def read(lock: Path = LOCK) -> dict[str, tuple[str, str]]:
    """Name in its normal form: version and SHA-256 of the one wheel that fits."""
    found = re.findall(r"^(\S+)==(\S+) --hash=sha256:([0-9a-f]{64})$", lock.read_text(), re.MULTILINE)
    return {name: (version, digest) for name, version, digest in found}


def lock() -> str:
    """The lock file's text: what the product needs, in the versions of requirements.lock, one wheel each."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "wanted.txt"
        wanted.write_text(_needed(CHECKOUT / "requirements.lock"))
        run(*_pip("download", "--quiet", *_FITS, "-r", wanted, "-d", folder))
        lines = []
        for wheel in Path(folder).glob("*.whl"):
            name, version = wheel.name.split("-")[:2]
            lines.append(f"{normal(name)}=={version} --hash=sha256:{sha256(wheel)}\n")
    return f"# Python {PYTHON}, Linux, aarch64: the wheel that fits\n" + "".join(sorted(lines))


def normal(name: str) -> str:
    """A distribution's name as PEP 503 writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def environment(root: Path, cache: Path = CACHE) -> None:
    """Make the virtual environment below a root."""
    venv = root / PREFIX
    _third_parties(root, cache)
    _unpack(product(cache), root / PACKAGES)
    compile_sources(root, *(PACKAGES / name for name in PRODUCT), cache=cache)
    (venv / "bin").mkdir()
    (venv / "bin" / "python").symlink_to("/usr/bin/python3")
    (venv / "bin" / "python3").symlink_to("python")
    (venv / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    for command, module in _COMMANDS.items():
        script = venv / "bin" / command
        script.write_text(f"#!/{PREFIX}/bin/python\nimport sys\nfrom {module} import main\nsys.exit(main())\n")
        script.chmod(0o755)


def fetched(cache: Path = CACHE) -> list[Path]:
    """The wheels of the lock, downloaded where they are missing, each checked by pip."""
    folder = cache / "wheels" / sha256(LOCK)[:16]
    if not folder.exists():
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        run(*_pip("download", "--quiet", *_FITS, "-r", LOCK, "-d", partial))
        partial.rename(folder)
    return sorted(folder.glob("*.whl"))


def product(cache: Path = CACHE) -> Path:
    """The wheel of the product as it lies in the checkout, with its page built."""
    if not (CHECKOUT / "webui/static/viewer/light-table.js").exists():
        raise Refused("The page is not built: make setup")
    folder = cache / "product"
    shutil.rmtree(folder, ignore_errors=True)
    source = folder / "source"
    for name in PRODUCT:
        shutil.copytree(CHECKOUT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, source / name)
    run(*_pip("wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, source))
    return next(folder.glob("bucky-*.whl"))


def _third_parties(root: Path, cache: Path) -> None:
    """The wheels of the lock below the root, compiled; kept in the cache, since compiling takes a minute."""
    kept = cache / f"packages-{sha256(LOCK)[:16]}"
    if not kept.exists():
        (root / PACKAGES).mkdir(parents=True)
        for wheel in fetched(cache):
            _unpack(wheel, root / PACKAGES)
        compile_sources(root, PACKAGES, cache=cache)
        partial = kept.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        (root / PACKAGES).rename(partial)
        partial.rename(kept)
    shutil.copytree(kept, root / PACKAGES, symlinks=True)


def _needed(requirements: Path) -> str:
    """Of requirements.lock what the box needs, with all hashes: pip then takes a file that the lock knows or none."""
    return run(
        Path(sys.executable).with_name("uv"),
        *("pip", "compile", "--quiet", "--python-version", PYTHON, "--python-platform", "aarch64-manylinux_2_28"),
        *("--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-header", "--no-annotate"),
        *("--constraint", requirements, CHECKOUT / "pyproject.toml"),
    )


def _pip(*words: str | Path) -> list[str | Path]:
    return [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *words]


def _unpack(wheel: Path, packages: Path) -> None:
    """A wheel's files where its installation would bring them, but for scripts and headers, which a box needs not."""
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            parts = Path(member.filename).parts
            if member.is_dir() or ".." in parts:
                continue
            if parts[0].endswith(".data"):
                if parts[1] not in ("purelib", "platlib"):
                    continue
                parts = parts[2:]
            path = packages.joinpath(*parts)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.read(member))


def main() -> int:
    """Write the lock."""
    if sys.argv[1:] != ["lock"]:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        LOCK.write_text(lock())
    except subprocess.CalledProcessError as error:
        print(error.stderr.decode(errors="replace")[-4000:], file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
