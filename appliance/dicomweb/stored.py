"""What a STOW-RS answer says of an instance (PS3.18 I.2), and values of DICOM JSON."""

from collections.abc import Mapping
from typing import Any

from appliance.peer_errors import InstanceRefused, NotStored, ServiceFull, ServiceTrouble

_FAILED = "00081198"  # Failed SOP Sequence
_STORED = "00081199"  # Referenced SOP Sequence
_REASON = "00081197"  # Failure Reason
_REFERENCED_UID = "00081155"  # Referenced SOP Instance UID
_OUT_OF_RESOURCES = 0xA700  # PS3.4 B.2.3
_REFUSING_STATUSES = (400, 409, 413, 415, 422)


def value_of(item: Mapping[str, Any], tag: str) -> str | None:
    """The first value of an element as text; None if there is none."""
    try:
        return str(item[tag]["Value"][0])
    except (KeyError, IndexError, TypeError):
        return None


def check_stored(document: Any, sop_instance_uid: str, status: int) -> None:
    """Success is the UID in the Referenced SOP Sequence, and nothing else (FIELD 4: a 200 may have stored nothing)."""
    items = document if isinstance(document, dict) else {}
    for item in _sequence(items, _FAILED):
        if value_of(item, _REFERENCED_UID) in (sop_instance_uid, None):
            _raise_failure(value_of(item, _REASON))
    if status < 300 and any(value_of(item, _REFERENCED_UID) == sop_instance_uid for item in _sequence(items, _STORED)):
        return
    if status == 507:
        raise ServiceFull
    if status in _REFUSING_STATUSES:
        raise InstanceRefused(reason=f"HTTP {status}")
    if status >= 300:
        raise ServiceTrouble(status=status)
    raise NotStored


def _sequence(document: Mapping[str, Any], tag: str) -> list[Mapping[str, Any]]:
    value = document.get(tag)
    items = value.get("Value") if isinstance(value, dict) else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _raise_failure(reason: str | None) -> None:
    number = int(reason) if reason is not None and reason.isdigit() else 0
    if number & 0xFF00 == _OUT_OF_RESOURCES:
        raise ServiceFull
    raise InstanceRefused(reason=f"0x{number:04X}")
