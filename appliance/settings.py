"""Settings: defaults, then the file settings.toml in the data folder, then BUCKY_* variables, then the command line.

What the vendor set stands before settings.toml for the keys that the clinic may override, and behind it for its own.

A value that is not allowed stops the start; nothing is silently reset (STYLE, rule 2).
"""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal

from appliance.errors import BadSetting
from appliance.validators import valid_ae_title, valid_http_url, valid_port


def _valid_address(value: object) -> str:
    try:
        return str(ip_address(str(value)))
    except ValueError:
        raise ValueError("an IP address, e.g. 0.0.0.0 for all interfaces or 127.0.0.1 for this machine") from None


def _valid_flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if str(value).lower() not in words:
        raise ValueError("true or false")
    return words[str(value).lower()]


def _valid_megabytes(value: object) -> int:
    try:
        number = int(str(value))
    except ValueError:
        number = -1
    if not 0 <= number <= 10_000_000:
        raise ValueError("a number of megabytes")
    return number


def _valid_count(value: object) -> int:
    try:
        return _valid_megabytes(value)
    except ValueError:
        raise ValueError("a number from 0 to 10000000") from None


def _valid_origins(value: object) -> tuple[str, ...]:
    """Origins of web pages, a list or separated by commas."""
    parts = value if isinstance(value, list | tuple) else str(value).split(",")
    origins = tuple(str(part).strip().rstrip("/") for part in parts if str(part).strip())
    if not all(re.fullmatch(r"https?://[A-Za-z0-9.\-\[\]:]+", origin) for origin in origins):
        raise ValueError("web origins like https://viewer.example:8443, with commas between")
    return origins


def _valid_hosts(value: object) -> tuple[str, ...]:
    """Full DNS names, a list or separated by commas."""
    parts = value if isinstance(value, list | tuple) else str(value).split(",")
    names = tuple(str(part).strip().lower().rstrip(".") for part in parts if str(part).strip())
    if not all(re.fullmatch(r"(?=.{4,253}$)([a-z0-9-]{1,63}\.)+[a-z][a-z0-9-]{1,62}", name) for name in names):
        raise ValueError("full names like reader.example, with commas between")
    return names


def _valid_seconds(value: object) -> float:
    try:
        number = float(str(value))
    except ValueError:
        number = -1.0
    if not 0.1 <= number <= 3600:
        raise ValueError("a number of seconds from 0.1 to 3600")
    return number


def _valid_days(value: object) -> int:
    try:
        number = int(str(value))
    except ValueError:
        number = 0
    if not 1 <= number <= 365:
        raise ValueError("a number of days from 1 to 365")
    return number


def _valid_service(value: object) -> str:
    text = str(value).strip().rstrip("/")
    if text and not re.fullmatch(r"https://[A-Za-z0-9.\-\[\]:]+", text):
        raise ValueError("an address like https://fleet.example, or nothing")
    return text


def _text(check: Callable[[str], Any]) -> Callable[[object], Any]:
    return lambda value: check(str(value))


def _valid_archive(value: object) -> str:
    return valid_http_url(str(value)) if str(value) else ""


Owner = Literal["clinic", "vendor", "vendor-default"]


@dataclass(frozen=True)
class Key:
    """One setting: its default, its check, what it means and who has the say."""

    default: Any
    check: Callable[[object], Any]
    meaning: str
    owner: Owner = "clinic"
    """'vendor' alone, 'clinic' alone, or the vendor until settings.toml of the clinic says otherwise."""


VENDOR_FILE = "vendor.toml"
"""What the vendor set, in the data folder; written by the agent."""

KEYS: Mapping[str, Key] = {
    "host": Key("0.0.0.0", _valid_address, "address to listen on"),  # noqa: S104 - the X-ray unit must reach the box
    "http_port": Key(8080, _text(valid_port), "port of the page; 0 takes a free one"),
    "dicom_port": Key(11112, _text(valid_port), "port of the DICOM services; 0 takes a free one", "vendor-default"),
    "dicom_tls_port": Key(2762, _text(valid_port), "port of the DICOM services over TLS; 0 takes a free one"),
    "dicom_tls": Key(True, _valid_flag, "whether DICOM is also served over TLS", "vendor-default"),
    "ae_title": Key("BUCKY", _text(valid_ae_title), "AE title of the box", "vendor-default"),
    "mdns": Key(True, _valid_flag, "whether the box makes itself known on the network", "vendor-default"),
    "quarantine_max_instances": Key(
        200, _valid_count, "pictures kept of a device before somebody accepts it", "vendor-default"
    ),
    "quarantine_max_mb": Key(
        500, _valid_megabytes, "megabytes kept of a device before somebody accepts it", "vendor-default"
    ),
    "dicomweb_origins": Key((), _valid_origins, "web pages of other origins that may use DICOMweb, none by default"),
    "trusted_hosts": Key((), _valid_hosts, "names beside .local at which the page answers", "vendor-default"),
    "behind_proxy": Key(False, _valid_flag, "whether a web server with TLS on this machine stands before the page"),
    "archive_url": Key("", _valid_archive, "DICOMweb archive in which a reader service keeps its pictures"),
    "exam_days": Key(2, _valid_days, "days after which an exam that nobody made leaves the list", "vendor-default"),
    "disk_reserve_mb": Key(512, _valid_megabytes, "free space that receiving never uses", "vendor"),
    "copies_max_mb": Key(
        4096, _valid_megabytes, "megabytes of pictures kept ready for viewing beside the originals", "vendor"
    ),
    "stall_timeout_s": Key(
        15.0, _valid_seconds, "seconds without progress after which a line counts as dead", "vendor"
    ),
    "vendor_url": Key("", _valid_service, "where the vendor's service is, if not where the box was made for", "vendor"),
    "answer_timeout_s": Key(
        60.0, _valid_seconds, "seconds that a destination may take to answer what it was sent", "vendor"
    ),
}


@dataclass(frozen=True)
class Settings:
    """The effective settings; `sources` tells where each came from."""

    data: Path
    host: str
    http_port: int
    dicom_port: int
    dicom_tls_port: int
    dicom_tls: bool
    ae_title: str
    mdns: bool
    quarantine_max_instances: int
    quarantine_max_mb: int
    dicomweb_origins: tuple[str, ...]
    trusted_hosts: tuple[str, ...]
    behind_proxy: bool
    archive_url: str
    exam_days: int
    disk_reserve_mb: int
    copies_max_mb: int
    stall_timeout_s: float
    answer_timeout_s: float
    vendor_url: str
    sources: Mapping[str, str]


def load(data: Path, *, command_line: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Settings:
    """The effective settings; raises BadSetting with the key, the value and what is allowed."""
    values = {key: spec.default for key, spec in KEYS.items()}
    sources = dict.fromkeys(KEYS, "default")
    vendor = _from_file(data / VENDOR_FILE)
    layers = (
        ("vendor", _owned(vendor, "vendor-default")),
        ("settings.toml", _from_file(data / "settings.toml")),
        ("vendor", _owned(vendor, "vendor")),
        ("environment", {key: environ[f"BUCKY_{key.upper()}"] for key in KEYS if f"BUCKY_{key.upper()}" in environ}),
        ("command line", {key: value for key, value in command_line.items() if value is not None}),
    )
    for source, layer in layers:
        for key, value in layer.items():
            values[key] = checked(key, value)
            sources[key] = source
    return Settings(data=data, sources=sources, **values)


def _owned(layer: Mapping[str, Any], owner: Owner) -> dict[str, Any]:
    """The keys of a layer that belong to an owner; what the vendor may not set counts for nothing."""
    return {key: value for key, value in layer.items() if key in KEYS and KEYS[key].owner == owner}


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise BadSetting(key=path.name, value="the file", allowed=f'lines like host = "127.0.0.1" ({error})') from None


def checked(key: str, value: object) -> Any:
    """A value as its key keeps it; raises BadSetting."""
    if key not in KEYS:
        raise BadSetting(key=key, value=value, allowed=f"the settings are {', '.join(KEYS)}")
    try:
        return KEYS[key].check(value)
    except ValueError as error:
        raise BadSetting(key=key, value=value, allowed=error) from None
