"""The lock files of the image: complete for the box's processor, and exact."""

import re
import tomllib
from pathlib import Path

from firmware.image import debian, wheels

CHECKOUT = Path(__file__).parents[2]
REQUIREMENTS = CHECKOUT / "requirements.lock"


def _requirements() -> dict[str, tuple[str, set[str]]]:
    """Name: version and all hashes of requirements.lock."""
    found = {}
    for block in re.split(r"\n(?=\S)", REQUIREMENTS.read_text()):
        if head := re.match(r"([\w.-]+)(?:\[[^]]*\])?==(\S+)", block):
            found[wheels.normal(head[1])] = (head[2], set(re.findall(r"sha256:([0-9a-f]{64})", block)))
    return found


def _needed_by_the_box() -> set[str]:
    """What requirements.lock says the product's own dependencies bring, by its `via` comments, development apart."""
    via: dict[str, set[str]] = {}
    for block in re.split(r"\n(?=\S)", REQUIREMENTS.read_text()):
        if head := re.match(r"([\w.-]+)(?:\[[^]]*\])?==", block):
            comment = block.split("# via", 1)[1]
            users = re.findall(r"^[ #]*([\w.-]+)", comment, re.MULTILINE)
            via[wheels.normal(head[1])] = {wheels.normal(user) for user in users}
    direct = {wheels.normal(re.split(r"[\[>=]", line)[0]) for line in _dependencies()}
    needed: set[str] = set()
    grown = {name for name in via if name in direct}
    while grown:
        needed |= grown
        grown = {name for name, users in via.items() if users & needed} - needed
    return needed


def _dependencies() -> list[str]:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    return list(project["dependencies"])


def test_every_dependency_of_the_product_has_a_wheel_for_the_box() -> None:
    """Whatever the product needs, directly or not, is locked as requirements.lock has it, by a hash it knows."""
    locked, known = wheels.read(), _requirements()
    other_systems = {"colorama", "cffi-backports", "typing-extensions", "importlib-metadata"}
    missing = _needed_by_the_box() - set(locked) - other_systems
    assert not missing, f"make image-lock: no wheel for {sorted(missing)}"
    for name, (version, digest) in locked.items():
        assert known[name][0] == version, f"make image-lock: {name} is {known[name][0]} in requirements.lock"
        assert digest in known[name][1], f"{name}: a wheel that requirements.lock does not know"


def test_the_lock_of_debian_is_exact_and_sorted() -> None:
    """One line per package with version, architecture and digest, and no address of a mirror."""
    packages = debian.read()
    assert packages == sorted(packages)
    for use in ("root", "unpack", "build"):
        of_it = [package for package in packages if package.use == use]
        assert len({package.name for package in of_it}) == len(of_it)
    for package in packages:
        assert package.architecture in (("amd64",) if package.use == "build" else ("arm64", "all"))
        assert re.fullmatch(r"[0-9a-f]{64}", package.sha256)
    assert debian.written(packages) == debian.LOCK.read_text()
    assert "://" not in debian.LOCK.read_text() + wheels.LOCK.read_text()


def test_what_packages_txt_names_is_locked() -> None:
    """Nobody adds a name and forgets the lock; a kernel's meta package is locked as its kernel."""
    wanted = debian.wanted((debian.HERE / "packages.txt").read_text())
    for use, names in wanted.items():
        locked = [package.name for package in debian.read() if package.use == use]
        for name in names:
            kernel = name.removesuffix("arm64")
            assert any(found == name or found.startswith(kernel) for found in locked), name
