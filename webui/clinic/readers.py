"""Readers and archives to send to: what there is, how it goes there, and adding another."""

import re

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.wrappers import Response

from appliance.courier.access import Access
from appliance.courier.destinations import Destination
from appliance.errors import BadInput, BuckyError
from appliance.reading.receipts import fingerprint
from webui.actor import actor
from webui.errors import status_of
from webui.roles import needs
from webui.services import Services

_FIELDS = (
    "user",
    "password",
    "token_url",
    "client_id",
    "client_secret",
    "scope",
    "certificate_pem",
    "key_pem",
    "ca_pem",
)


def add(pages: Blueprint, services: Services) -> None:
    """The page of readers and what can be done there."""
    _add_new(pages, services)
    _add_changes(pages, services)


def _shown(services: Services, *, tested: Destination | None = None, error: BuckyError | None = None) -> str:
    rows = [(d, services.queue.waiting_count(d.id)) for d in services.destinations.all()]
    facts = {"rows": rows, "tested": tested, "error": error, "fingerprint": fingerprint}
    return render_template("clinic/readers.html", **facts)


def _add_new(pages: Blueprint, services: Services) -> None:
    @pages.get("/readers")
    @needs("administrator")
    def readers() -> str:
        """Readers and archives."""
        return _shown(services)

    @pages.post("/readers")
    @needs("administrator")
    def add_destination() -> Response | tuple[str, int]:
        """A new reader."""
        try:
            added = _added(services, request.form)
        except BuckyError as error:
            return _shown(services, error=error), 400
        services.trail.record("network-set", actor(), subject=f"reader {added.name}", change="added")
        return redirect(url_for("clinic.readers"))

    @pages.post("/readers/pair")
    @needs("administrator")
    def pair_destination() -> Response | tuple[str, int]:
        """A new reader by pairing code; a phantom goes there and back at once."""
        try:
            paired = services.pair(request.form.get("address", ""), request.form.get("code", ""))
            name = _free_name(services, paired.service)
            added = services.destinations.add(name, paired.url, token=paired.token, auto="auto" in request.form)
        except BuckyError as error:
            return _shown(services, error=error), status_of(error)
        services.trail.record("network-set", actor(), subject=f"reader {added.name}", change="paired")
        services.rehearsals.ask(actor().name)
        return redirect(url_for("clinic.rehearsal"))


def _add_changes(pages: Blueprint, services: Services) -> None:
    @pages.post("/readers/<int:destination_id>/<action>")
    @needs("administrator")
    def change_destination(destination_id: int, action: str) -> Response | str | tuple[str, int]:
        """Test, pause, resume, remove, or set its hours."""
        destination = services.destinations.get(destination_id)
        if action == "test":
            try:
                services.probe(destination)
            except BuckyError as error:
                return _shown(services, error=error), 502
            services.destinations.kick(destination_id)
            return _shown(services, tested=destination)
        try:
            _change(services, destination_id, action)
        except BadInput as error:
            return _shown(services, error=error), 400
        services.trail.record("network-set", actor(), subject=f"reader {destination.name}", change=action)
        return redirect(url_for("clinic.readers"))


def _free_name(services: Services, wanted: str) -> str:
    """The service's own name, as far as a destination may be called so, and not taken."""
    clean = re.sub(r"[^\w .-]", "", wanted).strip()[:50] or "Reader"
    taken = {destination.name.casefold() for destination in services.destinations.all()}
    names = (clean, *(f"{clean} {number}" for number in range(2, 100)))
    return next(name for name in names if name.casefold() not in taken)


def _added(services: Services, form: "ImmutableMultiDict[str, str]") -> Destination:
    text = {name: form.get(name, "").strip() for name in _FIELDS}
    dimse = form.get("protocol") == "dimse"
    return services.destinations.add(
        form.get("name", ""),
        form.get("url", "").strip(),
        token=form.get("token", "").strip() or None,
        auto="auto" in form,
        protocol="dimse" if dimse else "dicomweb",
        access=Access(**text, tls="tls" in form),
        hours=form.get("hours", "").strip(),
        reader_key=form.get("reader_key", "").strip() or None,
    )


def _change(services: Services, destination_id: int, action: str) -> None:
    if action == "remove":
        services.destinations.remove(destination_id)
    elif action in ("pause", "resume"):
        services.destinations.pause(destination_id, paused=action == "pause")
    elif action == "hours":
        services.destinations.set_hours(destination_id, request.form.get("hours", "").strip())
    else:
        raise BadInput(field="Action", reason="test, pause, resume, hours or remove")
