"""UIDs made from what is known, the same every time."""

import hashlib

from pydicom.uid import UID


def derived_uid(kind: str, origin: str) -> str:
    """A UID (PS3.5 B.2) for something that has none of its own, or an invalid one."""
    digest = hashlib.sha256(f"bucky {kind} {origin}".encode()).digest()
    return str(UID(f"2.25.{int.from_bytes(digest[:16], 'big')}"))


def replaced_uid(invalid: str) -> str:
    """What a unit's invalid UID becomes under its rules, in every object that names it."""
    return derived_uid("replaced", invalid)
