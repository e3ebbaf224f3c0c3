"""Settings: defaults, then the file settings.toml in the data folder, then BUCKY_* variables, then the command line.

A value that is not allowed stops the start; nothing is silently reset (STYLE, rule 2).
"""

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from appliance.errors import BadSetting
from appliance.validators import valid_ae_title, valid_port


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


def _text(check: Callable[[str], Any]) -> Callable[[object], Any]:
    return lambda value: check(str(value))


@dataclass(frozen=True)
class Key:
    """One setting: its default, its check and what it means."""

    default: Any
    check: Callable[[object], Any]
    meaning: str


KEYS: Mapping[str, Key] = {
    "host": Key("0.0.0.0", _valid_address, "address to listen on"),  # noqa: S104 - the X-ray unit must reach the box
    "http_port": Key(8080, _text(valid_port), "port of the page; 0 takes a free one"),
    "dicom_port": Key(11112, _text(valid_port), "port of the DICOM services; 0 takes a free one"),
    "dicom_tls_port": Key(2762, _text(valid_port), "port of the DICOM services over TLS; 0 takes a free one"),
    "dicom_tls": Key(True, _valid_flag, "whether DICOM is also served over TLS"),
    "ae_title": Key("BUCKY", _text(valid_ae_title), "AE title of the box"),
    "mdns": Key(True, _valid_flag, "whether the box makes itself known on the network"),
    "quarantine_max_instances": Key(200, _valid_count, "pictures kept of a device before somebody accepts it"),
    "quarantine_max_mb": Key(500, _valid_megabytes, "megabytes kept of a device before somebody accepts it"),
    "disk_reserve_mb": Key(512, _valid_megabytes, "free space that receiving never uses"),
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
    disk_reserve_mb: int
    sources: Mapping[str, str]


def load(data: Path, *, command_line: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Settings:
    """The effective settings; raises BadSetting with the key, the value and what is allowed."""
    values = {key: spec.default for key, spec in KEYS.items()}
    sources = dict.fromkeys(KEYS, "default")
    layers = (
        ("settings.toml", _from_file(data / "settings.toml")),
        ("environment", {key: environ[f"BUCKY_{key.upper()}"] for key in KEYS if f"BUCKY_{key.upper()}" in environ}),
        ("command line", {key: value for key, value in command_line.items() if value is not None}),
    )
    for source, layer in layers:
        for key, value in layer.items():
            values[key] = _checked(key, value)
            sources[key] = source
    return Settings(data=data, sources=sources, **values)


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise BadSetting(key=path.name, value="the file", allowed=f'lines like host = "127.0.0.1" ({error})') from None


def _checked(key: str, value: object) -> Any:
    if key not in KEYS:
        raise BadSetting(key=key, value=value, allowed=f"the settings are {', '.join(KEYS)}")
    try:
        return KEYS[key].check(value)
    except ValueError as error:
        raise BadSetting(key=key, value=value, allowed=error) from None
