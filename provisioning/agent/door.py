"""What a person at the box does about the vendor, on the page and on the command line."""

from collections.abc import Callable
from dataclasses import dataclass

from provisioning.agent.desired import Desired
from provisioning.agent.membership import Membership
from provisioning.agent.memory import Memory
from provisioning.agent.vouchers import activate

_CLINIC = "clinic"


@dataclass(frozen=True)
class Belonging:
    """To whom the box belongs; stamps, None for what was not yet."""

    serial: str
    service: str
    certificate_until: str | None
    """A date."""
    heard_at: str | None
    clinic: str | None
    """The name that the box was claimed for on this page or by a file."""
    claimed: bool
    """Whether it belongs to a clinic, as far as is known here."""


class Door:
    """The vendor link as people use it."""

    def __init__(self, *, membership: Membership, memory: Memory, desired: Desired, url: Callable[[], str]) -> None:
        self._membership = membership
        self._memory = memory
        self._desired = desired
        self._url = url

    def belonging(self) -> Belonging | None:
        """None for a box without a trust file, which calls nobody."""
        if not self._membership.trusted:
            return None
        certificate = self._membership.certificate()
        return Belonging(
            serial=self._membership.trust.serial,
            service=self._url() or self._membership.trust.url,
            certificate_until=certificate.not_valid_after_utc.date().isoformat() if certificate else None,
            heard_at=self._memory.get("heard_at"),
            clinic=self._memory.get(_CLINIC),
            claimed=self._memory.claimed or self._memory.get(_CLINIC) is not None,
        )

    def claim(self, code: str, clinic: str) -> None:
        """Bind the box to the clinic by the code of its label; raises WrongCode, LinkDown, NotKnown."""
        self._memory.bind(self._membership.trust.serial)
        self._membership.claim(self._url(), code, clinic)
        self._memory.set(_CLINIC, clinic)

    def activate(self, voucher: bytes) -> str:
        """Follow the file of a USB stick, without a line; returns the clinic's name. Raises DocumentRefused."""
        return activate(voucher, membership=self._membership, memory=self._memory, desired=self._desired)
