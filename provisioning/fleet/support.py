"""What clinics released for support to look at."""

import zlib

import msgspec
from sqlalchemy import select

from appliance.clock import stamp
from appliance.errors import BadInput
from provisioning.fleet import audit
from provisioning.fleet.store import Store
from provisioning.fleet.tables import Diagnostics
from provisioning.protocol.diagnostics import Report

MAX_BYTES = 4 * 2**20


def take_diagnostics(store: Store, serial: str, content: bytes) -> None:
    """Keep a report; raises BadInput for anything that is not exactly of the agreed form."""
    unpacked(content)
    with store.write() as session:
        session.add(Diagnostics(serial=serial, came_at=stamp(), content=content))
        audit.record(session, "box", "diagnostics-came", serial, size_bytes=str(len(content)))


def unpacked(content: bytes) -> Report:
    """The report in gzip; at most 4 MB, so that a small body does not become a huge one. Raises BadInput."""
    try:
        plain = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(content, MAX_BYTES)
        return msgspec.json.decode(plain, type=Report)
    except (zlib.error, msgspec.DecodeError, msgspec.ValidationError):
        raise BadInput(field="Diagnostics", reason="another form was agreed") from None


def reports(store: Store, serial: str) -> list[tuple[str, Report]]:
    """What came from a box, newest first, with the time."""
    query = select(Diagnostics).where(Diagnostics.serial == serial).order_by(Diagnostics.id.desc()).limit(20)
    with store.read() as session:
        return [(found.came_at, unpacked(found.content)) for found in session.scalars(query)]
