"""One X-ray unit: its clock, its certificate, and the rules for what it sends wrongly."""

import io

from flask import Blueprint, redirect, render_template, request, send_file, url_for
from werkzeug.wrappers import Response

from appliance.archive.catalogue import Instance
from appliance.dicom.repair import CHARACTER_SETS, NAME_ORDERS, TURNS, Rules
from appliance.errors import BadInput, BuckyError, CannotDisplay
from appliance.exams.clocks import in_words
from webui.roles import needs
from webui.services import Services


def add(pages: Blueprint, services: Services) -> None:
    """The views of one unit."""

    @pages.get("/units/<int:sender_id>")
    @needs("viewer")
    def unit(sender_id: int) -> str:
        """What is known of a unit."""
        return _shown(services, sender_id)

    @pages.post("/units/<int:sender_id>/rules")
    @needs("technician")
    def rules(sender_id: int) -> Response | str | tuple[str, int]:
        """Look what rules would do, or use them."""
        try:
            given = Rules.given(request.form)
        except BadInput as error:
            return _shown(services, sender_id, error=error), 400
        if request.form.get("do") != "save":
            return _shown(services, sender_id, tried=given)
        services.repairs.set(sender_id, given)
        return redirect(url_for("clinic.unit", sender_id=sender_id))

    @pages.post("/units/<int:sender_id>/rules/undo")
    @needs("technician")
    def undo_rules(sender_id: int) -> Response:
        """Back to the rules before."""
        services.repairs.undo(sender_id)
        return redirect(url_for("clinic.unit", sender_id=sender_id))

    @pages.get("/units/<int:sender_id>/pictures/<int:instance_id>")
    @needs("viewer")
    def unit_picture(sender_id: int, instance_id: int) -> Response:
        """A small picture of this unit, turned as asked and not as its rules say."""
        wanted = Rules.given(request.args)
        instance = services.catalogue.instance(instance_id)
        now = services.repairs.rules(sender_id) if "orientation" in instance.repairs else Rules()
        answer = send_file(io.BytesIO(_turned(services, instance, now, wanted)), mimetype="image/webp")
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @pages.post("/units/<int:sender_id>/certificate")
    @needs("administrator")
    def certificate(sender_id: int) -> Response | tuple[str, int]:
        """Believe this unit over TLS with this certificate only, or again without one."""
        pem = request.form.get("pem", "").strip()
        try:
            services.pin_certificate(sender_id, pem or None)
        except BuckyError as error:
            return _shown(services, sender_id, error=error), 400
        return redirect(url_for("clinic.unit", sender_id=sender_id))


def _shown(services: Services, sender_id: int, tried: Rules | None = None, error: BuckyError | None = None) -> str:
    sender = services.senders.get(sender_id)
    rules = services.repairs.rules(sender_id)
    return render_template(
        "clinic/unit.html",
        sender=sender,
        rules=rules if tried is None else tried,
        tried=tried,
        previews=services.repairs.preview(sender_id, rules if tried is None else tried),
        waiting=services.repairs.waiting(sender_id) if sender.reindexed_to is not None else 0,
        clock=in_words(sender.clock_skew_s),
        character_sets=CHARACTER_SETS,
        name_orders=NAME_ORDERS,
        turns=TURNS,
        error=error,
    )


def _turned(services: Services, instance: Instance, now: Rules, wanted: Rules) -> bytes:
    from PIL import Image, ImageOps

    path = services.shelf.thumbnail(instance.id)
    if not path.exists():
        raise CannotDisplay(reason="its preview is not made yet")
    image: Image.Image = Image.open(path)
    image = (ImageOps.mirror(image) if now.mirror else image).rotate(now.turn, expand=True)  # as it came
    image = image.rotate(-wanted.turn, expand=True)
    image = ImageOps.mirror(image) if wanted.mirror else image
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=82)
    return buffer.getvalue()
