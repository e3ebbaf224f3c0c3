"""Settings of the vendor: checked, staged, applied, and confirmed within two minutes or taken back by the box itself.

What was there before is kept in the database before anything changes. Whenever the box is switched off in between, the
next start finds the trial and ends it one way or the other.
"""

import json
import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from appliance.clock import moment, now, stamp
from appliance.errors import BadSetting
from appliance.settings import KEYS, VENDOR_FILE, checked
from provisioning.agent.memory import Memory
from provisioning.agent.surroundings import Surroundings
from provisioning.protocol.documents import SettingsDocument, Value
from provisioning.protocol.identity import keep

CONFIRM_S = 120.0
_TRIAL = "settings_trial"
ROLES = ("receiver", "web", "courier")


class Desired:
    """The vendor's part of the settings, in the file vendor.toml."""

    def __init__(self, box: Surroundings, memory: Memory, *, confirm_s: float = CONFIRM_S) -> None:
        self._box = box
        self._memory = memory
        self._confirm_s = confirm_s
        self._turn = threading.Lock()
        self._reached = False
        self._file = box.data / VENDOR_FILE

    @property
    def on_trial(self) -> bool:
        """Whether settings wait for their confirmation."""
        return self._memory.get(_TRIAL) is not None

    def apply(self, document: SettingsDocument) -> None:
        """Begin the trial of verified settings; what may not be set is refused as a whole."""
        if not self._memory.begin("settings", document.version, "settings"):
            return
        if reason := refusal(document.values):
            self._memory.finish("settings", document.version, done=False, reason=reason)
            return
        before = self._file.read_text() if self._file.exists() else None
        until = stamp(now() + timedelta(seconds=self._confirm_s))
        self._memory.set(_TRIAL, json.dumps({"version": document.version, "before": before, "until": until}))
        self._put(as_toml(document.values))

    def take(self, document: SettingsDocument) -> None:
        """Use settings at once and for good: a person stands at the box, and the line may be years away."""
        self._put(as_toml(document.values))

    def settle(self, reached: bool) -> None:
        """Confirm what is on trial if vendor and X-ray unit's door answer with it; take it back when time is over."""
        with self._turn:
            self._reached = reached
            noted = self._memory.get(_TRIAL)
            if noted and reached and self._box.started("receiver") and self._box.answers():
                self._end(json.loads(noted)["version"], done=True, reason="")
            elif noted:
                self._end_if_over(json.loads(noted))

    def keep_time(self) -> None:
        """Take back what is over, from a thread of its own: a call to the vendor may hang for longer than is left."""
        with self._turn:
            if noted := self._memory.get(_TRIAL):
                self._end_if_over(json.loads(noted))

    def _end_if_over(self, trial: dict[str, Any]) -> None:
        left_s = (moment(trial["until"]) - now()).total_seconds()
        if not 0 < left_s <= self._confirm_s:  # over, or the clock was set back
            self._put(trial["before"])
            self._end(trial["version"], done=False, reason="no-door" if self._reached else "no-vendor")

    def _end(self, version: int, *, done: bool, reason: str) -> None:
        self._memory.finish("settings", version, done=done, reason=reason)
        self._memory.set(_TRIAL, None)
        self._box.record("network-set", f"vendor settings {version} {'confirmed' if done else 'taken back'}")
        self._box.restart("agent")  # it calls readers and units by the title it started with

    def _put(self, text: str | None) -> None:
        """Write the file, or remove it, and let the roles start anew with it."""
        if text is None:
            self._file.unlink(missing_ok=True)
        else:
            keep(self._file, text.encode())
        for role in ROLES:
            self._box.restart(role)


def refusal(values: Mapping[str, Value]) -> str:
    """Why values may not be set: 'not-the-vendors' or 'not-allowed'; empty if they may."""
    for key, value in values.items():
        if key not in KEYS or KEYS[key].owner == "clinic":
            return "not-the-vendors"
        try:
            checked(key, value)
        except BadSetting:
            return "not-allowed"
    return ""


def as_toml(values: Mapping[str, Any]) -> str:
    """The values as TOML; JSON's strings, numbers, booleans and lists are TOML's."""
    head = "# Set by the vendor. Change your own settings in settings.toml.\n"
    return head + "".join(f"{key} = {json.dumps(value)}\n" for key, value in sorted(values.items()))
