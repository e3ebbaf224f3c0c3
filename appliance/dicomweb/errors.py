"""The errors of a DICOMweb exchange; those of every far side are in appliance.peer_errors."""

from appliance.peer_errors import (
    BadAnswer,
    BrokenOff,
    FileUnreadable,
    InstanceRefused,
    NotGiven,
    NotStored,
    ServiceFull,
    ServiceTrouble,
    Stalled,
    TokenRefused,
    Unreachable,
    Untrusted,
    WrongAddress,
)

__all__ = [
    "BadAnswer",
    "BrokenOff",
    "FileUnreadable",
    "InstanceRefused",
    "NotGiven",
    "NotStored",
    "ServiceFull",
    "ServiceTrouble",
    "Stalled",
    "TokenRefused",
    "Unreachable",
    "Untrusted",
    "WrongAddress",
]
