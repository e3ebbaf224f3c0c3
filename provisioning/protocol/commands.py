"""The fixed list of what support may ask of a box. There is no shell, no tunnel, and no free text."""

from typing import Literal

from msgspec import Struct

Role = Literal["receiver", "web", "courier"]


class _Command(Struct, frozen=True, forbid_unknown_fields=True, tag_field="name"):
    """Base of the commands; `name` tells which."""


class EchoModality(_Command, frozen=True, tag="echo-modality"):
    """C-ECHO to an X-ray unit that the clinic accepted, by its row on the box, never by name or address."""

    row: int


class NetworkCheck(_Command, frozen=True, tag="network-check"):
    """Which parts of the box answer, and what waits on each line."""


class RestartRole(_Command, frozen=True, tag="restart-role"):
    """End one process; it is started again at once."""

    role: Role


class CollectDiagnostics(_Command, frozen=True, tag="collect-diagnostics"):
    """Lay the allow-listed figures ready; they go when a person of the clinic has seen and released them."""


class ResendStudy(_Command, frozen=True, tag="resend-study"):
    """Send a study again, named by the alias that the clinic read out; the alias says nothing of the patient."""

    alias: str


class RotateCertificate(_Command, frozen=True, tag="rotate-certificate"):
    """A certificate for a fresh key, now."""


class Rehearse(_Command, frozen=True, tag="rehearse"):
    """A phantom from the simulated X-ray unit to each reader and back; then every check of the status page."""


Command = EchoModality | NetworkCheck | RestartRole | CollectDiagnostics | ResendStudy | RotateCertificate | Rehearse
BY_NAME: dict[str, type[_Command]] = {
    "echo-modality": EchoModality,
    "network-check": NetworkCheck,
    "restart-role": RestartRole,
    "collect-diagnostics": CollectDiagnostics,
    "resend-study": ResendStudy,
    "rotate-certificate": RotateCertificate,
    "rehearse": Rehearse,
}
WORDS = {
    "echo-modality": "Test the connection to an X-ray unit",
    "network-check": "Check the network of the box",
    "restart-role": "Restart a part of the box",
    "collect-diagnostics": "Collect figures for support",
    "resend-study": "Send a study again",
    "rotate-certificate": "Renew the box's certificate",
    "rehearse": "Run the rehearsal",
}
