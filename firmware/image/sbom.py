"""The software bill of materials: every package of Debian and of Python in the image, as CycloneDX 1.6."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from email.parser import HeaderParser
from pathlib import Path
from uuid import UUID

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, License
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from firmware.image import wheels
from firmware.image.apt import Package
from firmware.image.debian import read
from firmware.image.disk import named_uuid
from firmware.image.words import EPOCH, Refused

IN_ROOT = Path("usr/share/bucky/sbom.json")
_LICENCES = LicenseFactory()
_TROVE = re.compile(r"^License ::(?: OSI Approved ::)? (.+)$")


def write(root: Path, path: Path) -> None:
    """Write the list for a root beside the image and into the root; raises Refused where a licence is missing."""
    text = listed([*_debian(root, read()), *_python(root)])
    path.write_text(text)
    inside = root / IN_ROOT
    inside.parent.mkdir(parents=True, exist_ok=True)
    inside.write_text(text)


def listed(components: Iterable[Component]) -> str:
    """Components as a document that is the same for the same components."""
    bom = Bom(components=components, serial_number=UUID(named_uuid("sbom")))
    bom.metadata.timestamp = datetime.fromtimestamp(EPOCH, UTC)
    bom.metadata.component = Component(name="bucky", type=ComponentType.FIRMWARE, bom_ref="bucky")
    bom.register_dependency(bom.metadata.component, bom.components)
    return JsonV1Dot6(bom).output_as_string(indent=1) + "\n"


def debian_licences(copyright_text: str) -> list[str]:
    """The short names in a machine-readable copyright file (DEP 5); none in one of another form."""
    if not copyright_text.startswith("Format:"):
        return []
    return sorted(set(re.findall(r"^License:[ \t]*(\S.*?)[ \t]*$", copyright_text, re.MULTILINE)))


def python_licences(metadata: str) -> list[str]:
    """The licence that a distribution's metadata names: an expression, else classifiers, else a short free text."""
    fields = HeaderParser().parsestr(metadata)
    if expression := fields.get("License-Expression"):
        return [expression]
    if named := [found[1] for line in fields.get_all("Classifier", []) if (found := _TROVE.match(line))]:
        return sorted(named)
    free = (fields.get("License") or "").strip()
    return [free] if free and "\n" not in free and len(free) < 100 else []


def _debian(root: Path, packages: Iterable[Package]) -> Iterator[Component]:
    for package in packages:
        if package.use == "build":
            continue
        text = root / "usr/share/doc" / package.name / "copyright"
        if not text.is_file():
            raise Refused(f"The root has no licence of {package.name}: {text.relative_to(root)} is missing")
        names = debian_licences(text.read_text(errors="replace")) or [f"see /{text.relative_to(root)}"]
        url = PackageURL("deb", "debian", package.name, package.version, {"arch": package.architecture})
        licences = [DisjunctiveLicense(name=name) for name in names]
        yield _component(package.name, package.version, url, licences, package.sha256)


def _python(root: Path) -> Iterator[Component]:
    locked = wheels.read()
    for path in sorted((root / wheels.PREFIX).glob("lib/python*/site-packages/*.dist-info/METADATA")):
        text = path.read_text(errors="replace")
        fields = HeaderParser().parsestr(text)
        name, version = wheels.normal(fields["Name"]), fields["Version"]
        names = python_licences(text) or [f"see {file}" for file in fields.get_all("License-File", [])]
        licences: list[License] = [_LICENCES.make_from_string(name) for name in names]
        if len(licences) > 1:  # an expression stands alone (CycloneDX 1.6, licenses)
            licences = [DisjunctiveLicense(name=name) for name in names]
        _version, sha256 = locked.get(name, ("", ""))
        yield _component(name, version, PackageURL("pypi", None, name, version), licences, sha256)


def _component(name: str, version: str, url: PackageURL, licences: Iterable[License], sha256: str) -> Component:
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        purl=url,
        bom_ref=url.to_string(),
        licenses=licences,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256)] if sha256 else [],
    )
