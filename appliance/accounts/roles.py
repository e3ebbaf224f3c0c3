"""Roles, from least to most."""

from typing import Literal

Role = Literal["viewer", "technician", "doctor", "administrator"]
ROLES: tuple[Role, ...] = ("viewer", "technician", "doctor", "administrator")


def includes(role: Role, needed: Role) -> bool:
    """Whether `role` may do what `needed` may do."""
    return ROLES.index(role) >= ROLES.index(needed)


def valid_role(value: str) -> Role:
    """A role by its name."""
    for role in ROLES:
        if value == role:
            return role
    raise ValueError(f"one of {', '.join(ROLES)}")
