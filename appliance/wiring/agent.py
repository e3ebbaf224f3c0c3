"""The vendor link: what the agent may see and do on this box."""

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from appliance import __version__
from appliance.clock import moment, now, stamp
from appliance.errors import BadInput, BuckyError, NotFound
from appliance.settings import Settings, load
from appliance.wiring.box import Box

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.agent.desired import Desired
    from provisioning.agent.door import Door
    from provisioning.agent.loop import Agent
    from provisioning.agent.membership import Membership
    from provisioning.agent.memory import Memory
    from provisioning.agent.surroundings import FoundCheck, Surroundings

_CLOSED_FROM, _CLOSED_UNTIL = 20, 6  # local hours
ERASE_S = 90.0


class NotErased(BuckyError):
    """The end of the box is put off: nothing was destroyed, and the vendor is not told that it was."""

    code = "not-erased"
    message = "The keys of the disk could not be destroyed."
    hint = "The box tries again by itself. If it goes on, destroy the card."


def membership_of(settings: Settings) -> "Membership":
    """The files of the vendor link."""
    from provisioning.agent.membership import Membership

    return Membership(settings.data / "vendor")


def belongs_to_vendor(settings: Settings) -> bool:
    """Whether there is a vendor to talk to: the box was made for one."""
    return (settings.data / "vendor" / "trust.json").exists()


def build_memory(box: Box) -> "Memory":
    """What the agent remembers."""
    from provisioning.agent.memory import Memory

    return Memory(box.database)


def build_desired(box: Box) -> "Desired":
    """The vendor's part of the settings."""
    from provisioning.agent.desired import Desired

    return Desired(build_surroundings(box), build_memory(box))


def build_door(box: Box) -> "Door":
    """The vendor link as people use it."""
    from provisioning.agent.door import Door

    return Door(
        membership=membership_of(box.settings),
        memory=build_memory(box),
        desired=build_desired(box),
        url=lambda: present_settings(box).vendor_url,
    )


def build_agent(box: Box, surroundings: "Surroundings | None" = None) -> "Agent":
    """The agent; `surroundings` are those of the box unless others are given."""
    from provisioning.agent.desired import Desired
    from provisioning.agent.images import Images
    from provisioning.agent.loop import Agent
    from provisioning.agent.releases import Releases

    surroundings = surroundings or build_surroundings(box)
    memory, membership = build_memory(box), membership_of(box.settings)
    return Agent(
        box=surroundings,
        memory=memory,
        membership=membership,
        desired=Desired(surroundings, memory),
        releases=Releases(box.settings.data / "releases", membership.trust.root.encode()),
        images=Images(box.settings.data / "updates"),
    )


def build_surroundings(box: Box) -> "Surroundings":
    """The figures and acts that the agent is given."""
    from appliance.audit.trail import THE_BOX
    from appliance.courier import uplink  # noqa: F401 - so that its errors are among those whose codes may go
    from appliance.restart import ask, started
    from appliance.wiring.health import build_health
    from provisioning.agent.surroundings import Surroundings

    health = build_health(box, lambda: receiver_port(box), None)

    def checks() -> Iterator[tuple[str, str, Mapping[str, object]]]:
        for finding in health.findings():
            yield finding.key, finding.state, finding.figures
        yield from _units(box)
        yield from _turned_away(box)

    def audit_head() -> tuple[int, str]:
        head = box.trail.head()
        return head.number, head.hash

    return Surroundings(
        data=box.settings.data,
        release=__version__,
        settings=lambda: present_settings(box),
        checks=checks,
        probe=lambda: _probe(box),
        audit_head=audit_head,
        event_counts=lambda: _event_counts(box),
        record=lambda kind, subject: _nothing(box.trail.record(kind, THE_BOX, subject=subject)),
        restart=lambda role: ask(box.database, role),
        started=lambda role: started(box.database, role),
        answers=lambda: receiver_port(box) is not None,
        busy=lambda: busy(*_doors(box)),
        quiet_hours=lambda: _is_closed(box),
        echo_unit=lambda row: _echo(box, row),
        resend=lambda alias: _resend(box, alias),
        rehearse=lambda: _nothing(box.rehearsals.run(by="support")),
        drained=lambda: not any(box.queue.waiting_count(destination.id) for destination in box.destinations.all()),
        erase=lambda: _erase(box),
    )


def present_settings(box: Box) -> Settings:
    """The settings as a role that starts now would have them."""
    given = {k: getattr(box.settings, k) for k, source in box.settings.sources.items() if source == "command line"}
    return load(box.settings.data, command_line=given)


def _is_closed(box: Box) -> bool:
    """Whether it is night at the clinic, by the time zone that it has at this moment; without one, by the machine's."""
    zone = box.database.setting("time_zone")
    return not _CLOSED_UNTIL <= now().astimezone(ZoneInfo(zone) if zone else None).hour < _CLOSED_FROM


def receiver_port(box: Box) -> int | None:
    """The port on which the X-ray unit's door answers, None while it does not."""
    import socket

    settings = present_settings(box)
    port = settings.dicom_port or int(os.environ.get("BUCKY_RECEIVER_PORT", 0))
    host = "127.0.0.1" if settings.host == "0.0.0.0" else settings.host  # noqa: S104 - compared, not bound
    try:
        with socket.create_connection((host, port), timeout=1):
            return port
    except OSError:
        return None


def busy(*ports: int | None) -> bool:
    """Whether anybody is connected to one of these ports of this machine at this moment."""
    import psutil

    connections = psutil.net_connections(kind="tcp")
    return any(c.status == psutil.CONN_ESTABLISHED and c.laddr and c.laddr.port in ports for c in connections)


def _doors(box: Box) -> list[int]:
    """The ports at which X-ray units come in, plain and with TLS, as the receiver opened them."""
    from appliance.archive.reach import how_to_reach  # not earlier: it would load numpy into the receiver

    return [port for key, port in how_to_reach(box.database).items() if key.endswith("_port")]


def study_alias(study_id: int) -> str:
    """What a person reads out to support instead of a patient's name."""
    return f"S-{study_id}"


def _units(box: Box) -> "Iterator[FoundCheck]":
    """Each accepted unit by its row, which support names when it asks for a connection test."""
    for unit in box.senders.all():
        if unit.state == "accepted":
            quiet_hours = (now() - moment(unit.last_seen_at)).total_seconds() / 3600
            figures = {"hours_quiet": round(quiet_hours, 1), "listens": int(unit.listen_port is not None)}
            yield f"unit-{unit.id}", "good", figures


def _turned_away(box: Box) -> "Iterator[FoundCheck]":
    """Why devices were turned away in the last day, and how often."""
    numbers: Counter[str] = Counter()
    for refusal in box.refusals.latest(limit=100):
        if moment(refusal.last_at) > now() - timedelta(days=1):
            numbers[refusal.code] += refusal.number
    for place, (code, number) in enumerate(sorted(numbers.items()), 1):
        yield f"turned-away-{place}", "busy", {"code": code, "number": number}


def _probe(box: Box) -> "Iterator[FoundCheck]":
    from appliance.wiring.lines import client_for

    for destination in box.destinations.all():
        began, code = time.monotonic(), None
        try:
            client_for(box, destination, limit_bytes_s=None).probe()
        except BuckyError as error:
            code = error.code
        took_ms = round(1000 * (time.monotonic() - began))
        yield f"reader-{destination.id}", "bad" if code else "good", {"code": code, "milliseconds": took_ms}


def _event_counts(box: Box) -> dict[str, int]:
    rows = box.database.read.conn.execute(
        "SELECT kind, count(*) FROM audit_event WHERE at >= ? GROUP BY kind", [stamp(now() - timedelta(days=7))]
    )
    return {str(kind): int(number) for kind, number in rows}


def _echo(box: Box, row: int) -> None:
    from appliance.dimse.echo import echo

    sender = box.senders.get(row)
    if sender.state != "accepted" or sender.listen_port is None:
        raise NotFound(what="unit's port")
    echo(
        calling_ae=present_settings(box).ae_title,
        called_ae=sender.name,
        address=sender.address,
        port=sender.listen_port,
    )


def _resend(box: Box, alias: str) -> int:
    letter, _, number = alias.strip().upper().partition("-")
    if letter != "S" or not number.isdecimal():
        raise BadInput(field="Alias", reason="S- and a number")
    study = box.catalogue.study(int(number))
    box.queue.retry_study(study.id)
    return sum(progress.total - progress.verified for progress in box.queue.progress(study.id))


def _erase(box: Box) -> None:
    """Everything but the keys of the link, which the agent forgets last; on the device the disk's keys go first."""
    from appliance.archive import wipe

    if (updates := box.settings.data / "updates").is_dir():
        _erase_disk_keys(updates / "erase")
    wipe.begin(box.settings.data)
    wipe.finish(box.settings.data)


def _erase_disk_keys(asked: "Path", patience_s: float = ERASE_S) -> None:
    """Ask the device for it by a file, which is gone when it is done (firmware/system, `erase`); raises NotErased."""
    asked.touch()
    deadline = time.monotonic() + patience_s
    while asked.exists():
        if time.monotonic() > deadline:
            raise NotErased
        time.sleep(0.2)


def _nothing(_: object) -> None:
    return None
