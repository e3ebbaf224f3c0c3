"""The delivery receipt of a study: taken, here, at the reader, picture by picture; made to be printed."""

import json

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from appliance.errors import NotFound
from appliance.reading.receipts import fingerprint
from webui.roles import needs
from webui.services import Services


def add(pages: Blueprint, services: Services) -> None:
    """The pages of receipts."""

    @pages.get("/studies/<int:study_id>/receipt")
    @needs("viewer")
    def receipt(study_id: int) -> str:
        """Taken = here = at the reader."""
        return render_template(
            "clinic/receipt.html",
            study=services.catalogue.study(study_id),
            receipt=services.evidence.of_study(study_id),
            fingerprint=fingerprint,
        )

    @pages.get("/studies/<int:study_id>/receipt/<int:number>.json")
    @needs("viewer")
    def signed_receipt(study_id: int, number: int) -> Response:
        """What the reader signed, for whoever wants to check the signature elsewhere."""
        found = services.evidence.of_study(services.catalogue.study(study_id).id).destinations
        document = found[number].document if number < len(found) else None
        if document is None:
            raise NotFound(what="receipt")
        return Response(json.dumps(document, ensure_ascii=False), content_type="application/json")

    @pages.post("/studies/<int:study_id>/count")
    @needs("technician")
    def count(study_id: int) -> AnyResponse:
        """A person says how many pictures were taken."""
        number = request.form.get("number", 0, int)
        services.evidence.count(services.catalogue.study(study_id).id, number, current_user.name)
        return redirect(url_for("clinic.receipt", study_id=study_id))
