"""What the agent is given of the box: figures and a few acts, nothing through which it could see a patient."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from appliance.settings import Settings

FoundCheck = tuple[str, str, Mapping[str, object]]
"""Key, state and figures of one check of the status page."""


@dataclass(frozen=True)
class Surroundings:
    """Built in `appliance.wiring.agent`."""

    data: Path
    release: str
    settings: Callable[[], Settings]
    """The effective settings at this moment; raises BadSetting."""
    checks: Callable[[], Iterable[FoundCheck]]
    probe: Callable[[], Iterable[FoundCheck]]
    """Every line to a reader, tried at this moment; figures `code` and `milliseconds`."""
    audit_head: Callable[[], tuple[int, str]]
    """Number and hash of the last event of the box's trail."""
    event_counts: Callable[[], Mapping[str, int]]
    """How often each kind of event happened in the last seven days."""
    record: Callable[[str, str], None]
    """Write an event of a kind, about a subject, into the box's trail."""
    restart: Callable[[str], None]
    """Let a role end when it is idle; it is started again."""
    started: Callable[[str], str | None]
    """The release of a role that answers since it was last asked to start again; None while that is still to come."""
    answers: Callable[[], bool]
    """Whether the X-ray unit's door answers as the settings say."""
    busy: Callable[[], bool]
    """Whether an association is open at this moment."""
    quiet_hours: Callable[[], bool]
    """Whether the clinic is closed."""
    echo_unit: Callable[[int], None]
    resend: Callable[[str], int]
    """Send a study again by its alias; how many of its pictures are on the way. Raises NotFound, BadInput."""
    rehearse: Callable[[], None]
    """A phantom from the simulated X-ray unit to each reader and back; returns at its end, raises BuckyError."""
    drained: Callable[[], bool]
    """Whether everything that was released has been delivered."""
    erase: Callable[[], None]
    """Destroy the keys of the data and the data."""
