"""What the pages are given: the services of the box, built in one place (appliance.wiring) and handed over."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from appliance.accounts.first_run import FirstRun
from appliance.accounts.invitations import Invitations
from appliance.accounts.people import Accounts
from appliance.accounts.shared_pcs import SharedPcs
from appliance.accounts.tokens import Tokens
from appliance.archive.backup import Backup
from appliance.archive.catalogue import Catalogue
from appliance.archive.check import Checker
from appliance.archive.copies import Copies
from appliance.archive.correction import Corrections
from appliance.archive.damage import Damages
from appliance.archive.finder import Finder
from appliance.archive.notices import Notices as SafetyNotices
from appliance.archive.refusals import Refusals
from appliance.archive.repairs import Repairs
from appliance.archive.retention import Recalls, Retention
from appliance.archive.senders import Sender, Senders
from appliance.archive.set_aside import SetAside
from appliance.archive.space import Space
from appliance.archive.vault import RecoveryKeys
from appliance.audit.syslog import Export
from appliance.audit.trail import Trail
from appliance.courier.crew import Watch
from appliance.courier.destinations import Destination, Destinations
from appliance.courier.evidence import Evidence
from appliance.courier.exports import Exports
from appliance.courier.links import Links
from appliance.courier.queue import Queue
from appliance.courier.rehearsals import Rehearsals
from appliance.courier.requests import Requests
from appliance.courier.shelf import PreviewShelf
from appliance.dicomweb.pairing import Paired
from appliance.discovery.neighbours import Neighbours
from appliance.exams.completeness import Completion
from appliance.exams.views import Protocols
from appliance.exams.worklist import Worklist
from appliance.health.finding import Health
from appliance.logs import Log
from appliance.reading.casebook import Casebook
from appliance.reading.cases import Cases
from appliance.reading.desk import Desk
from appliance.reading.documents import Documents
from appliance.reading.drafts import Drafts
from appliance.reading.gate import CaseGate
from appliance.reading.hanging import Hangings
from appliance.reading.notices import Notices
from appliance.reading.prices import Prices
from appliance.reading.shares import Shares
from appliance.reading.study_marks import StudyMarks
from appliance.reading.templates import Templates
from appliance.reading.workitems import Workitems
from provisioning.agent.door import Door
from provisioning.agent.memory import Memory


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
    trusted_hosts: tuple[str, ...] = ()
    """Names beside .local at which the page answers; any other name may be DNS rebinding."""
    secure_only: bool = False
    """Whether a web server with TLS stands in front; plain http then shows one page and no log-in."""
    authority: Path | None = None
    """The certificate that PCs are asked to trust."""
    host_name: str | None = None
    """The mDNS name won, e.g. 'bucky.local'."""
    beacon_conflict: str | None = None
    """Why the name is not the usual one."""
    beacon_trouble: str | None = None
    """Why the box cannot make itself known, in words for staff."""
    visitors: dict[str, float] = field(default_factory=dict)
    """Addresses other than this machine's that opened a page, with the time (seconds since 1970) of the last one."""


@dataclass(frozen=True)
class Keeping:
    """What keeps pictures safe."""

    notices: SafetyNotices
    damages: Damages
    checker: Checker
    space: Callable[[], Space]
    backup: Backup
    recovery_keys: RecoveryKeys
    retention: Retention
    recalls: Recalls


@dataclass(frozen=True)
class Services:
    """Handed to `webui.app.create_app`."""

    facts: BoxFacts
    health: Health
    keeping: Keeping
    neighbours: Callable[[], Neighbours]
    """Listens on the network for some seconds; raises BeaconUnavailable."""
    catalogue: Catalogue
    finder: Finder
    removals: SetAside
    corrections: Corrections
    senders: Senders
    repairs: Repairs
    copies: Copies
    exam_days: int
    """Days after which an exam that nobody made leaves the list."""
    refusals: Refusals
    worklist: Worklist
    protocols: Protocols
    completion: Completion
    test_connection: Callable[[Sender, int | None], None]
    """C-ECHO to a unit where it listens; raises BuckyError with what is wrong."""
    pin_certificate: Callable[[int, str | None], None]
    """Believe a unit over TLS with this certificate (PEM) only; raises BadInput for what is none."""
    accounts: Accounts
    first_run: FirstRun
    shared_pcs: SharedPcs
    trail: Trail
    vendor: Door
    """To whom the box belongs, and what a person at it does about that."""
    support: Memory
    """What the vendor's support may do and did."""
    audit_export: Export
    tokens: Tokens
    invitations: Invitations
    pair: Callable[[str, str], Paired]
    """Address of a reading service and a pairing code for its token; raises BadInput, PeerError."""
    destinations: Destinations
    queue: Queue
    evidence: Evidence
    rehearsals: Rehearsals
    links: Links
    shares: Shares | None
    """At a reader service: what owners may look at."""
    requests: Requests
    casebook: Casebook
    gate: CaseGate
    prices: Prices
    documents: Documents
    drafts: Drafts
    templates: Templates
    mail_notices: Notices
    workitems: Workitems
    cases: Cases
    desk: Desk
    study_marks: StudyMarks
    shelf: PreviewShelf
    exports: Exports
    watch: Watch
    hangings: Hangings
    setting: Callable[[str], str | None]
    """Values kept in the database: 'clinic_name', 'practice_kind'."""
    set_setting: Callable[[str, str | None], None]
    log: Log
    probe: Callable[[Destination], None]
    """Tries to reach a destination; raises PeerError with what is wrong."""
