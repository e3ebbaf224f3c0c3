"""What goes over the link, field by field. A field that is not named here cannot be sent: this is the allow-list."""

from typing import Any

from msgspec import Struct

from provisioning.protocol.documents import Keys
from provisioning.protocol.identity import Proof

HEARTBEAT_S = 60.0
SUPPORT_POLL_S = 5.0
CERTIFICATE_DAYS = 30
Figure = bool | int | float | str | None


class _Message(Struct, frozen=True, forbid_unknown_fields=True):
    """Base: an unknown field is refused, not ignored."""


class Check(_Message, frozen=True):
    """One check of the status page, without its words: key, state and figures that are on the list."""

    key: str
    state: str
    figures: dict[str, Figure]


class Heartbeat(_Message, frozen=True):
    """How a box is. Numbers and codes only."""

    release: str
    uptime_s: int
    free_bytes: int
    temperature_c: float | None
    checks: list[Check]
    settings_version: int
    audit_number: int
    audit_hash: str
    consent_until: str | None
    failures: dict[str, int]
    """Failure codes of the agent since its start, with their counts."""
    answer_ms: int | None = None
    """How long the service took to answer the heartbeat before, in milliseconds."""


class HeartbeatReply(_Message, frozen=True):
    """What is new for a box; nothing in it is followed by itself, each document is fetched and checked."""

    settings_version: int = 0
    command_version: int = 0
    release_version: int = 0
    wipe_version: int = 0
    claimed: bool = False
    """Whether the box belongs to a clinic, so that its page asks for the label's code no more."""


class EnrolRequest(_Message, frozen=True):
    """The proof of an enrolment."""

    proof: Proof


class Challenge(_Message, frozen=True):
    """A number used once."""

    nonce: str


class RenewRequest(_Message, frozen=True):
    """A request (PKCS #10, PEM) for a fresh key."""

    csr: str


class Issued(_Message, frozen=True):
    """A certificate, PEM."""

    certificate: str


class ClaimRequest(_Message, frozen=True):
    """The setup code from the label, and the clinic it was typed in at."""

    code: str
    clinic: str


class Outcome(_Message, frozen=True):
    """What became of a document; `reason` is a code, `figures` are those of the command's own list."""

    version: int
    done: bool
    reason: str = ""
    figures: dict[str, Figure] = {}


class Trust(_Message, frozen=True):
    """What a box is given at manufacture: where the vendor is, and whom to believe."""

    serial: str
    url: str
    authority: str
    """Certificate of the vendor's authority, PEM."""
    keys: dict[str, dict[str, Any]]
    root: str
    """The first TUF root metadata, JSON; empty where releases do not come by this link."""

    def document_keys(self) -> Keys:
        """Whom to believe for each kind of document."""
        return Keys.from_facts(self.keys)
