"""Debian's packages for another architecture, by the host's apt and mirrors, apart from the host's state."""

import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from firmware.image.words import MissingTool, Refused, run

ARCHITECTURE = "arm64"
SUITE = "trixie"
COMPONENTS = "main non-free-firmware"  # the second for the start program of the board alone
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_HOST_SOURCES = Path("/etc/apt")
_PRINTED = re.compile(r"^'(?P<uri>[^']+)' (?P<file>\S+) (?P<size>\d+) SHA256:(?P<sha256>[0-9a-f]{64})$")


class Package(NamedTuple):
    """One line of the lock."""

    name: str
    version: str
    architecture: str
    sha256: str
    use: str
    """`root`: installed in it; `unpack`: only its files are taken; `build`: runs on the machine that builds."""

    @property
    def file(self) -> str:
        """The name under which apt keeps it."""
        return f"{self.name}_{self.version.replace(':', '%3a')}_{self.architecture}.deb"


class Apt:
    """An apt of its own in `folder`, as if on an empty machine of the other architecture."""

    def __init__(self, folder: Path, architecture: str = ARCHITECTURE, sources: Path = _HOST_SOURCES) -> None:
        self._folder = folder = folder / architecture
        for name in ("lists/partial", "cache/archives/partial"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "status").touch()
        (folder / "sources.list").write_text("".join(f"{line}\n" for line in mirrors(sources, architecture)))
        self._settings = [
            f"Dir::Etc::sourcelist={folder}/sources.list",
            "Dir::Etc::sourceparts=/dev/null",
            "Dir::Etc::preferencesparts=/dev/null",
            f"Dir::State::lists={folder}/lists",
            f"Dir::State::status={folder}/status",
            f"Dir::Cache={folder}/cache",
            f"APT::Architecture={architecture}",
            f"APT::Architectures={architecture}",
            "APT::Install-Recommends=0",
            "Acquire::ForceHash=SHA256",
            "APT::Sandbox::User=root",
        ]

    @property
    def archives(self) -> Path:
        """Where downloaded packages lie."""
        return self._folder / "cache" / "archives"

    def update(self) -> None:
        """Fetch the mirrors' signed indices."""
        self._run("apt-get", "update", "-qq")

    def resolve(self, names: Iterable[str]) -> Iterator[tuple[str, str, str, str]]:
        """What an installation of `names` on an empty machine brings: name, version, architecture, SHA-256."""
        printed = self._run("apt-get", "install", "-qq", "--reinstall", "--print-uris", "?essential", *names)
        for line in printed.splitlines():
            if found := _PRINTED.match(line):
                name, version, rest = found["file"].split("_", 2)
                yield name, version.replace("%3a", ":"), rest.removesuffix(".deb"), found["sha256"]

    def one(self, name: str) -> tuple[str, str, str, str]:
        """The newest of one package without what it depends on; a kernel's meta package stands for the kernel."""
        below = rf"Depends: ({name.removesuffix(ARCHITECTURE)}\d\S+)"
        if name.endswith(f"-{ARCHITECTURE}") and (found := re.search(below, self._run("apt-cache", "depends", name))):
            name = found[1]
        shown = self._run("apt-cache", "show", "--no-all-versions", name)
        fields = dict(line.split(": ", 1) for line in shown.splitlines() if re.match(r"[A-Z][\w-]*: ", line))
        return name, fields["Version"], fields["Architecture"], fields["SHA256"]

    def fetch(self, packages: Iterable[Package], into: Path) -> None:
        """Download what is missing; raises Refused for one that the mirrors no longer have."""
        wanted = [f"{package.name}={package.version}" for package in packages]
        try:
            self._run("apt-get", "download", "-qq", *wanted, cwd=into)
        except subprocess.CalledProcessError as error:
            raise Refused(f"The mirrors do not have what the lock names; make image-lock: {error.stderr}") from error

    def _run(self, program: str, *arguments: str, cwd: Path | None = None) -> str:
        settings = [word for setting in self._settings for word in ("-o", setting)]
        return run(program, *settings, *arguments, cwd=cwd)


def mirrors(sources: Path, architecture: str = ARCHITECTURE) -> list[str]:
    """Lines of sources for the image's suite at the addresses where the host gets its own Debian from."""
    if not KEYRING.exists():
        raise MissingTool("debian-archive-keyring")
    host = _codename()
    options = f"[arch={architecture} signed-by={KEYRING}]"
    lines = {
        f"deb {options} {uri} {SUITE}{suite.removeprefix(host)} {COMPONENTS}"
        for uri, suite in _host_suites(sources)
        if re.fullmatch(rf"{host}(-updates|-security)?", suite)
    }
    if not lines:
        raise Refused(f"No Debian mirror among the sources of apt in {sources}")
    return sorted(lines)


def _codename() -> str:
    found = re.search(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(), re.MULTILINE)
    return found[1] if found else SUITE


def _host_suites(sources: Path) -> Iterator[tuple[str, str]]:
    for path in [*sources.glob("*.list"), *sources.glob("sources.list.d/*.list")]:
        for found in re.finditer(r"^deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)", path.read_text(), re.MULTILINE):
            yield found[1].rstrip("/"), found[2]
    for path in sources.glob("sources.list.d/*.sources"):
        for stanza in re.split(r"\n\s*\n", path.read_text()):
            fields = dict(re.findall(r"^(URIs|Suites):\s*(.+)$", stanza, re.MULTILINE))
            for uri in fields.get("URIs", "").split():
                for suite in fields.get("Suites", "").split():
                    yield uri.rstrip("/"), suite
