"""What devices and programs do, into the audit trail."""

import sqlite3
from typing import TYPE_CHECKING, Literal

from appliance.logs import Log

if TYPE_CHECKING:
    from appliance.audit.trail import Trail


def record_peer(
    trail: "Trail",
    log: Log,
    kind: str,
    *,
    name: str,
    actor_kind: Literal["program", "device"],
    address: str,
    failed: bool,
    **detail: str | None,
) -> None:
    """One event by a peer; a full disk must shut nobody out, so it goes to the log alone."""
    from appliance.audit.events import SERIOUS_FAILURE, SUCCESS
    from appliance.audit.trail import Actor

    actor = Actor(name[:64] or "no name given", actor_kind, address)
    try:
        trail.record(kind, actor, outcome=SERIOUS_FAILURE if failed else SUCCESS, **detail)
    except sqlite3.OperationalError as error:  # an edge
        log.event("audit-failed", code=type(error).__name__)
