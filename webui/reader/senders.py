"""Who sends by DICOM, without a credential: pictures land in the service's own archive once a person accepts."""

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from appliance.archive.senders import Sender
from webui.actor import actor
from webui.roles import needs
from webui.services import Services


def by_dicom(services: Services) -> list[Sender]:
    """Application entities that spoke to this service, those that wait for a person first."""
    found = [sender for sender in services.senders.all() if sender.kind == "dimse"]
    return sorted(found, key=lambda sender: (sender.state != "unknown", sender.name))


def waiting(services: Services) -> int:
    """Senders whose pictures are kept apart until somebody decides."""
    return sum(1 for sender in by_dicom(services) if sender.state == "unknown" and sender.waiting_instances)


def add(pages: Blueprint, services: Services) -> None:
    """The page of the senders."""

    def decided(sender_id: int, change: str) -> Response:
        sender = services.senders.get(sender_id)
        subject = f"unit {sender.name} at {sender.address}"
        services.trail.record("network-set", actor(), subject=subject, change=change)
        return redirect(url_for("reader.senders"))

    @pages.get("/senders")
    @needs("administrator")
    def senders() -> str:
        """Who sends by DICOM."""
        return render_template(
            "reader/senders.html", senders=by_dicom(services), dicom_port=services.facts.dicom_port()
        )

    @pages.post("/senders/<int:sender_id>/accept")
    @needs("administrator")
    def accept_sender(sender_id: int) -> Response:
        """List what it sent and take what it will send."""
        services.senders.accept(sender_id)
        return decided(sender_id, "accepted")

    @pages.post("/senders/<int:sender_id>/block")
    @needs("administrator")
    def block_sender(sender_id: int) -> Response:
        """Refuse it."""
        services.senders.block(sender_id)
        return decided(sender_id, "blocked")
