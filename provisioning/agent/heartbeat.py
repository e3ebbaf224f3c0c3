"""How the box is, for the vendor: figures of the list and nothing else."""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

from appliance.clock import now, stamp
from appliance.settings import KEYS, Settings
from provisioning.agent.surroundings import Surroundings
from provisioning.protocol import figures
from provisioning.protocol.diagnostics import LogLine, Report
from provisioning.protocol.messages import Figure, Heartbeat

_SENSORS = Path("/sys/class/thermal")


def heartbeat(
    box: Surroundings,
    *,
    settings_version: int,
    consent_until: str | None,
    failures: Mapping[str, int],
    answer_ms: int | None = None,
) -> Heartbeat:
    """The heartbeat of this moment."""
    number, digest = box.audit_head()
    return Heartbeat(
        release=box.release,
        uptime_s=uptime_s(),
        free_bytes=shutil.disk_usage(box.data).free,
        temperature_c=temperature_c(),
        checks=figures.checks(box.checks()),
        settings_version=settings_version,
        audit_number=number,
        audit_hash=digest,
        consent_until=consent_until,
        failures=dict(failures),
        answer_ms=answer_ms,
    )


def report(box: Surroundings) -> Report:
    """The diagnostics of this moment."""
    return Report(
        made_at=stamp(),
        release=box.release,
        python=".".join(map(str, sys.version_info[:3])),
        uptime_s=uptime_s(),
        free_bytes=shutil.disk_usage(box.data).free,
        memory_free_bytes=int(psutil.virtual_memory().available),
        load=round(psutil.getloadavg()[0], 2),
        temperature_c=temperature_c(),
        checks=figures.checks(box.checks()),
        settings=settings_figures(box.settings()),
        events=[LogLine(kind, count) for kind, count in sorted(box.event_counts().items())],
    )


def settings_figures(settings: Settings) -> dict[str, Figure]:
    """Numbers and yes or no of all settings, and texts only of what the vendor may set."""
    shown: dict[str, Figure] = {}
    for key, spec in KEYS.items():
        value = getattr(settings, key)
        from_vendor = spec.owner != "clinic" and settings.sources[key] in ("vendor", "default")
        if isinstance(value, bool | int | float) or (isinstance(value, str) and from_vendor):
            shown[key] = value
    return shown


def uptime_s() -> int:
    """Seconds since the machine was switched on."""
    return max(0, int(now().timestamp() - psutil.boot_time()))


def temperature_c() -> float | None:
    """The hottest sensor of the machine, None without any."""
    found = []
    for sensor in _SENSORS.glob("thermal_zone*/temp"):
        try:
            found.append(int(sensor.read_text()) / 1000)
        except (OSError, ValueError):
            continue
    return max(found, default=None)
