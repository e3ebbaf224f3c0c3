"""The table of acceptance in provisioning/README.md: every item names tests, and every test that it names exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
ROW = re.compile(r"^\| ([^|]+) \| (`tests/[^|]+) \|$", re.MULTILINE)
ITEMS = (
    *("impostor", "replay", "reused label", "cloned serial", "spoofed proxy headers", "foreign authority", "expired"),
    *("lost renewal reply", "revoked", "unplugged for 90 days", "backup on other hardware"),
    *("settings for another serial", "lower version", "unknown key", "bad signature", "settings that cut the network"),
    *("old update metadata", "expired update metadata", "tampered update metadata", "under-signed update metadata"),
    *("update that fails its check", "ring stop", "command without consent", "command after expiry"),
    *("command replayed", "audit truncated"),
)


def _table() -> dict[str, list[str]]:
    text = (ROOT / "provisioning" / "README.md").read_text()
    return {item.strip(): re.findall(r"`([^`]+)`", tests) for item, tests in ROW.findall(text)}


@pytest.mark.parametrize("item", ITEMS)
def test_every_item_is_shown_by_tests_that_exist(item: str) -> None:
    """By file and name."""
    named = _table()[item]
    assert named
    for one in named:
        file, _, name = one.partition("::")
        assert re.search(rf"^def {name}\(", (ROOT / file).read_text(), re.MULTILINE), one
