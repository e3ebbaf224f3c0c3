"""The last associations that were refused or failed, and in plain words why and what cures it."""

import threading
import time
from dataclasses import dataclass

from appliance.archive.database import Database
from appliance.clock import stamp

KEEP = 100
_AT_MOST_EVERY_S = 5.0

# code -> what happened, what to do
REASONS: dict[str, tuple[str, str]] = {
    "room-full": (
        "Too many connections at once from this address.",
        "Close connection tests or other programs on that unit; the unit tries again by itself.",
    ),
    "not-dicom": (
        "Something connected but did not speak DICOM.",
        "Check the port at that unit: this port is for DICOM only. A port scanner does no harm.",
    ),
    "tls-failed": (
        "The encrypted connection could not be made.",
        "Check that the unit uses DICOM TLS on this port, TLS 1.2 or newer, and trusts the box's certificate.",
    ),
    "certificate-needed": (
        "This unit must show its certificate, and did not.",
        "Send to the DICOM TLS port with the unit's certificate, or remove the certificate under X-ray units.",
    ),
    "blocked": ("This unit was blocked on the page.", "Accept it under X-ray units if it is yours."),
    "nothing-in-common": (
        "The unit offered nothing that the box can take.",
        "Switch off deflated transfer at the unit, or ask its maker to send uncompressed or JPEG pictures.",
    ),
    "broken-off": (
        "The connection ended in the middle of a picture.",
        "Check cable and network between the unit and the box, then send the study again; nothing comes in twice.",
    ),
    "quarantine-full": (
        "This unit has sent as much as is kept before somebody accepts it.",
        "Accept or block it under X-ray units, then send again.",
    ),
    "disk-full": (
        "The disk of the box is full.",
        "Free space on the box; the unit keeps the pictures and sends them again.",
    ),
    "not-usable": (
        "The unit sent something that is not a usable DICOM object.",
        "Send it again; if this stays, export it from the unit as a DICOM file and call support.",
    ),
    "not-paired": (
        "A unit that is not accepted asked for the list of exams, or for pictures.",
        "Accept it under X-ray units if it is yours.",
    ),
}


@dataclass(frozen=True)
class Refusal:
    """One peer and reason; `number` times, the last one at `last_at`."""

    name: str
    address: str
    code: str
    detail: str
    number: int
    last_at: str

    @property
    def message(self) -> str:
        """What happened."""
        return REASONS[self.code][0]

    @property
    def cure(self) -> str:
        """What to do."""
        return REASONS[self.code][1]


class Refusals:
    """Remembers them within limits: a flood of refused connections must not become a flood of writes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._noted: dict[tuple[str, str, str], float] = {}

    def note(self, name: str, address: str, code: str, detail: str = "") -> None:
        """Remember one, at most every few seconds for the same peer and reason; `code` is one of REASONS."""
        key = (name, address, code)
        with self._lock:
            now = time.monotonic()
            if now - self._noted.get(key, -_AT_MOST_EVERY_S) < _AT_MOST_EVERY_S:
                return
            self._noted = {k: at for k, at in self._noted.items() if now - at < _AT_MOST_EVERY_S}
            if len(self._noted) >= KEEP:
                return
            self._noted[key] = now
        with self._database.write() as db:
            db.conn.execute(
                "INSERT INTO refusal (name, address, code, detail, last_at) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (name, address, code) DO UPDATE SET number = number + 1, detail = excluded.detail,"
                " last_at = excluded.last_at",
                [name, address, code, detail[:200], stamp()],
            )
            db.conn.execute(
                "DELETE FROM refusal WHERE id NOT IN (SELECT id FROM refusal ORDER BY last_at DESC LIMIT ?)", [KEEP]
            )

    def latest(self, *, limit: int = 5) -> list[Refusal]:
        """The newest ones."""
        sql = "SELECT name, address, code, detail, number, last_at FROM refusal ORDER BY last_at DESC LIMIT ?"
        return [Refusal(**row) for row in self._database.read.query(sql, [limit])]
