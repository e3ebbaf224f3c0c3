"""The list of what is in the image."""

import json
from pathlib import Path

import pytest

from firmware.image import debian, sbom, wheels
from firmware.image.words import Refused

_DEP5 = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nLicense: Expat\n"
_INSTALLED = (("msgspec", "0.19", "License-Expression: BSD-3-Clause"), ("bucky", "0.1.0", "License: MIT"))


def _root(folder: Path) -> Path:
    packages = folder / wheels.PREFIX / "lib/python3.13/site-packages"
    for name, version, licence in _INSTALLED:
        (packages / f"{name}-{version}.dist-info").mkdir(parents=True)
        (packages / f"{name}-{version}.dist-info/METADATA").write_text(
            f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{licence}\n\nWords\n"
        )
    for package in debian.read():
        (folder / "usr/share/doc" / package.name).mkdir(parents=True, exist_ok=True)
        (folder / "usr/share/doc" / package.name / "copyright").write_text("Words of another form.\n")
    (folder / "usr/share/doc/nginx/copyright").write_text(_DEP5)
    return folder


def test_every_package_is_listed_with_its_licence_and_digest(tmp_path: Path) -> None:
    """What Debian's lock and the installed distributions name, once each, in the image itself as well."""
    root = _root(tmp_path / "root")
    sbom.write(root, tmp_path / "sbom.json")
    document = json.loads((tmp_path / "sbom.json").read_text())
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    by_name = {component["name"]: component for component in document["components"]}
    assert set(by_name) == {package.name for package in debian.read() if package.use != "build"} | {"msgspec", "bucky"}
    assert by_name["nginx"]["licenses"] == [{"license": {"name": "Expat"}}]
    assert by_name["systemd"]["licenses"] == [{"license": {"name": "see /usr/share/doc/systemd/copyright"}}]
    assert by_name["msgspec"]["licenses"] == [{"license": {"id": "BSD-3-Clause"}}]
    locked = {package.name: package.sha256 for package in debian.read()}
    assert by_name["nginx"]["hashes"] == [{"alg": "SHA-256", "content": locked["nginx"]}]
    assert (root / sbom.IN_ROOT).read_text() == (tmp_path / "sbom.json").read_text()


def test_a_package_whose_licence_is_not_in_the_image_is_refused(tmp_path: Path) -> None:
    """What is given on without its licence must not be given on."""
    root = _root(tmp_path / "root")
    (root / "usr/share/doc/busybox-static/copyright").unlink()
    with pytest.raises(Refused, match="busybox-static"):
        sbom.write(root, tmp_path / "sbom.json")


def test_the_list_is_the_same_on_repeat(tmp_path: Path) -> None:
    """No time and no random number in it."""
    for name in ("one", "two"):
        sbom.write(_root(tmp_path / f"root-{name}"), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
