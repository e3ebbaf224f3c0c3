"""How the receiver is reached: what the X-ray unit has typed in, kept so that a restored box needs no change there."""

import json
from typing import Any

from appliance.archive.database import Database

LISTENS = "listens"
"""The setting that holds it, as JSON by the names of the box's settings."""


def remember_how_to_reach(database: Database, facts: dict[str, str | int]) -> None:
    """Keep it; written only when it changed."""
    text = json.dumps(facts, sort_keys=True)
    if database.setting(LISTENS) != text:
        database.set_setting(LISTENS, text)


def how_to_reach(database: Database) -> dict[str, Any]:
    """What was kept; empty before the receiver's first start."""
    found: dict[str, Any] = json.loads(database.setting(LISTENS) or "{}")
    return found
