"""X-ray units and other senders: pairing, the card to type in, connection test, what was refused."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from appliance.archive.catalogue import Instance
from appliance.archive.senders import Sender
from appliance.errors import BadInput, BuckyError
from appliance.exams.clocks import in_words
from appliance.validators import valid_port
from webui.actor import actor
from webui.roles import needs
from webui.services import Services
from webui.shared import page_address

_SHOWN_PEERS = 3
"""More questions at once than this help nobody; the rest is on the page of units."""


def unknown(services: Services) -> list[tuple[Sender, list[Instance]]]:
    """Senders that wait for a person's word, those with pictures first, with what they sent."""
    waiting = sorted((s for s in services.senders.all() if s.state == "unknown"), key=lambda s: -s.waiting_instances)
    return [(sender, services.catalogue.quarantined(sender.id)) for sender in waiting[:_SHOWN_PEERS]]


def known(services: Services) -> list[Sender]:
    """The units that a new one may turn out to be."""
    return [s for s in services.senders.all() if s.state == "accepted"][:_SHOWN_PEERS]


def add(pages: Blueprint, services: Services) -> None:
    """The views of the units."""

    @pages.get("/units")
    @needs("viewer")
    def units() -> str:
        """X-ray units and other senders, and the card to type into a unit."""
        return _shown(services)

    @pages.post("/units/<int:sender_id>/accept")
    @needs("technician")
    def accept(sender_id: int) -> Response:
        """Take this unit's pictures."""
        services.senders.accept(sender_id)
        _note(services, sender_id, "accepted")
        return _back()

    @pages.post("/units/<int:sender_id>/block")
    @needs("technician")
    def block(sender_id: int) -> Response:
        """Refuse this unit's pictures."""
        services.senders.block(sender_id)
        _note(services, sender_id, "blocked")
        return _back()

    @pages.post("/units/<int:sender_id>/is/<int:unit_id>")
    @needs("technician")
    def moved(sender_id: int, unit_id: int) -> Response:
        """This is the known unit; its title or address has changed."""
        services.senders.moved(sender_id, unit_id)
        _note(services, unit_id, "moved")
        return _back()

    @pages.post("/units/<int:sender_id>/test")
    @needs("technician")
    def test(sender_id: int) -> str | tuple[str, int]:
        """C-ECHO to the unit where it listens."""
        sender = services.senders.get(sender_id)
        try:
            services.test_connection(sender, _port(request.form.get("port", "")))
        except BuckyError as error:
            return _shown(services, error=error), 502
        return _shown(services, tested=sender)


def _shown(services: Services, tested: Sender | None = None, error: BuckyError | None = None) -> str:
    return render_template(
        "clinic/units.html",
        senders=services.senders.all(),
        unknown=unknown(services),
        known=known(services),
        refusals=services.refusals.latest(),
        dicom_port=services.facts.dicom_port(),
        page_address=page_address(services.facts),
        clock=in_words,
        tested=tested,
        error=error,
    )


def _note(services: Services, sender_id: int, change: str) -> None:
    sender = services.senders.get(sender_id)
    subject = f"unit {sender.name} at {sender.address}"
    services.trail.record("network-set", actor(), subject=subject, change=change)


def _back() -> Response:
    return redirect(url_for("clinic.units" if request.form.get("back") == "units" else "clinic.studies"))


def _port(text: str) -> int | None:
    try:
        return valid_port(text) if text.strip() else None
    except ValueError as error:
        raise BadInput(field="Port", reason=f"allowed: {error}") from None
