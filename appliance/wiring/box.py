"""The box: every service over one data folder, each built when it is first asked for."""

from dataclasses import dataclass

from appliance.settings import Settings
from appliance.wiring.accounts import AccountParts
from appliance.wiring.safety import SafetyParts


@dataclass
class Box(AccountParts, SafetyParts):
    """The services over one data folder; further builders take it and make a role of it."""

    settings: Settings
