"""What the bar and the page of settings offer: one line an entry, shown to those whose role may open it."""

from dataclasses import dataclass

from flask import Blueprint, render_template
from flask_login import current_user

from appliance.accounts.roles import Role, includes
from webui.roles import needs
from webui.services import Services

BOX, READER = "box", "reader"
BOTH = (BOX, READER)


@dataclass(frozen=True)
class Entry:
    """One page: its endpoint, its name, its least role, where it is, and for settings what it is for."""

    endpoint: str
    name: str
    role: Role
    kinds: tuple[str, ...] = BOTH
    meaning: str = ""


BAR = (
    Entry("clinic.exams", "Today", "viewer", (BOX,)),
    Entry("clinic.studies", "Studies", "viewer", (BOX,)),
    Entry("clinic.find", "Find", "viewer", (BOX,)),
    Entry("clinic.case_list", "Cases", "viewer", (BOX,)),
    Entry("reader.cases", "Cases", "viewer", (READER,)),
    Entry("status.status", "Status", "viewer"),
    Entry("menu.settings", "Settings", "viewer"),
)
SETTINGS = (
    Entry("clinic.first_steps", "First steps", "administrator", (BOX,), "What is set up and what is still open."),
    Entry("clinic.units", "X-ray units", "viewer", (BOX,), "What sends pictures here, and how to connect it."),
    Entry("clinic.readers", "Readers", "administrator", (BOX,), "Where studies are sent to be read."),
    Entry("clinic.rehearsal", "Morning rehearsal", "viewer", (BOX,), "A test picture there and back, each day."),
    Entry("clinic.removed", "Removed", "technician", (BOX,), "Deleted and corrected studies, to have them back."),
    Entry("clinic.safety", "Safe keeping", "administrator", (BOX,), "Backups, recovery key, room on the disk, damage."),
    Entry("status.network", "Network", "viewer", BOTH, "Why can’t other PCs find this box?"),
    Entry("clinic.case_rules", "Case rules", "doctor", (BOX,), "What a request must tell before it is sent."),
    Entry("clinic.price_lists", "Prices", "administrator", (BOX,), "What each reader charges."),
    Entry("clinic.statement", "Statement", "doctor", (BOX,), "The cases of a month and what they cost."),
    Entry("clinic.notices", "Notices", "administrator", (BOX,), "Who is told by e-mail that a report has come."),
    Entry("reader.report_templates", "Templates", "doctor", (BOX, READER), "What reports begin with; text blocks."),
    Entry("reader.clinics", "Clinics", "administrator", (READER,), "Who sends here; how long a reading may take."),
    Entry("reader.senders", "DICOM senders", "administrator", (READER,), "Who sends by AE title, without a token."),
    Entry("reader.month_figures", "Figures", "administrator", (READER,), "Reports by clinic; how long they took."),
    Entry("people.everybody", "People", "administrator", BOTH, "Accounts, roles, PCs of the clinic, the idle lock."),
    Entry("people.me", "My log-in", "viewer", BOTH, "Your password, PIN and authenticator."),
    Entry("shared.tokens", "Programs", "administrator", BOTH, "Tokens for boxes and other software."),
    Entry("support.support", "Support", "administrator", (BOX,), "Let the vendor’s support help, and see what it did."),
    Entry("trail.events", "Audit", "administrator", BOTH, "Who looked at, sent or changed what."),
)


def shown(entries: tuple[Entry, ...], kind: str) -> list[Entry]:
    """The entries for this kind of service and the person who is logged in."""
    return [entry for entry in entries if kind in entry.kinds and includes(current_user.role, entry.role)]


def create(services: Services) -> Blueprint:
    """The blueprint `menu`."""
    pages = Blueprint("menu", __name__)

    @pages.get("/settings")
    @needs("viewer")
    def settings() -> str:
        """Everything that is set up once and rarely changed."""
        return render_template("shared/settings.html", entries=shown(SETTINGS, services.facts.kind))

    @pages.app_context_processor
    def bar() -> dict[str, object]:
        """For every template."""
        return {"bar": lambda: shown(BAR, services.facts.kind), "in_settings": {e.endpoint for e in SETTINGS}}

    return pages
