"""What the pages are given: the services of the box, built in one place (appliance.wiring) and handed over."""

from collections.abc import Callable
from dataclasses import dataclass

from appliance.accounts.people import Accounts
from appliance.accounts.tokens import Tokens
from appliance.archive.catalogue import Catalogue
from appliance.archive.database import ChangeWatch
from appliance.archive.refusals import Refusals
from appliance.archive.senders import Sender, Senders
from appliance.courier.destinations import Destination, Destinations
from appliance.courier.previews import PreviewShelf
from appliance.courier.queue import Queue
from appliance.courier.requests import Requests
from appliance.exams.completeness import Completion
from appliance.exams.views import Protocols
from appliance.exams.worklist import Worklist
from appliance.logs import Log
from appliance.reading.cases import Cases
from appliance.reading.desk import Desk


@dataclass
class BoxFacts:
    """What a person needs to know to reach the box; `page_address` and `beacon_trouble` change while it runs."""

    kind: str
    """'box' at a clinic, 'reader' at a reading service."""
    ae_title: str
    addresses: Callable[[], list[str]]
    """The IP addresses at which the box is reached."""
    dicom_port: Callable[[], int | None]
    """The port on which the receiver listens, None while it does not."""
    http_port: int
    secret_key: bytes
    host_name: str | None = None
    """The mDNS name won, e.g. 'bucky.local'."""
    beacon_conflict: str | None = None
    """Why the name is not the usual one."""
    beacon_trouble: str | None = None
    """Why the box cannot make itself known, in words for staff."""


@dataclass(frozen=True)
class Services:
    """Handed to `webui.app.create_app`."""

    facts: BoxFacts
    catalogue: Catalogue
    senders: Senders
    refusals: Refusals
    worklist: Worklist
    protocols: Protocols
    completion: Completion
    test_connection: Callable[[Sender, int | None], None]
    """C-ECHO to a unit where it listens; raises BuckyError with what is wrong."""
    accounts: Accounts
    tokens: Tokens
    destinations: Destinations
    queue: Queue
    requests: Requests
    cases: Cases
    desk: Desk
    shelf: PreviewShelf
    watch: ChangeWatch
    setting: Callable[[str], str | None]
    """Values kept in the database: 'clinic_name', 'practice_kind'."""
    log: Log
    probe: Callable[[Destination], None]
    """Tries to reach a destination; raises PeerError with what is wrong."""
