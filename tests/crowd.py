"""Rows of many boxes with certificates, and their heartbeats straight into the service's application, without TLS.

Real agents over TLS are those of `provisioning.simulator`; this is for what needs ten thousand boxes at once.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import msgspec
from cryptography.hazmat.primitives import serialization
from sqlalchemy import insert

from appliance.certificates import new_key
from appliance.clock import stamp
from provisioning.fleet.authority import fingerprint_of, key_fingerprint_of
from provisioning.fleet.caller import CERTIFICATE_HEADER, VERIFY_HEADER
from provisioning.fleet.service import Fleet
from provisioning.fleet.tables import Box, Certificate
from provisioning.protocol.messages import Check, Heartbeat, HeartbeatReply, Outcome

_KEYS = 8
"""Keys are shared among these boxes: making ten thousand would measure the making of keys."""


@dataclass
class Simulated:
    """One box: what it sends, and what it was told."""

    serial: str
    headers: dict[str, str]
    release: str = "1.0"
    told: HeartbeatReply | None = None


def make_boxes(fleet: Fleet, count: int) -> list[Simulated]:
    """Enter boxes with certificates, as if they had enrolled long ago."""
    keys = [new_key().public_key() for _ in range(_KEYS)]
    made, boxes, certificates = [], [], []
    for number in range(count):
        serial, key = f"SIM-{number:06d}", keys[number % _KEYS]
        certificate = fleet.authority.issue(serial, key, timedelta(days=30))
        pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
        identity = f"{number:064x}"
        boxes.append(
            {"serial": serial, "identity": identity, "state": "enrolled", "registered_at": stamp(), "versions": {}}
        )
        certificates.append(
            {
                "fingerprint": fingerprint_of(certificate),
                "serial": serial,
                "key_fingerprint": key_fingerprint_of(key),  # unique within a serial
                "pem": pem,
                "issued_at": stamp(),
                "ends_at": stamp(certificate.not_valid_after_utc),
            }
        )
        made.append(Simulated(serial, {CERTIFICATE_HEADER: quote(pem), VERIFY_HEADER: "SUCCESS"}))
    with fleet.store.write() as session:
        session.execute(insert(Box), boxes)
        session.execute(insert(Certificate), certificates)
    return made


def heartbeat_of(box: Simulated, number: int) -> bytes:
    """A heartbeat of ordinary size."""
    checks = [Check(key, "good", {"number": number}) for key in ("door", "units", "reader-1", "archive", "clock")]
    return msgspec.json.encode(
        Heartbeat(box.release, 3600, 10**11, 51.5, checks, 0, number, f"{number:064x}", None, {})
    )


def beat(client: Any, box: Simulated, number: int) -> None:
    """One heartbeat; the answer is kept in the box."""
    answer = _post(client, box, "heartbeat", heartbeat_of(box, number))
    box.told = msgspec.json.decode(answer.data, type=HeartbeatReply)


def tell_release(client: Any, box: Simulated, *, done: bool, reason: str = "") -> None:
    """What became of the release that the box was told of."""
    assert box.told is not None
    answer = _post(client, box, "outcome/release", msgspec.json.encode(Outcome(box.told.release_version, done, reason)))
    assert answer.status_code == 200


def _post(client: Any, box: Simulated, path: str, body: bytes) -> Any:
    origin = {"REMOTE_ADDR": "127.0.0.1", **box.headers}
    return client.post(f"/v1/{path}", data=body, environ_overrides=origin)
