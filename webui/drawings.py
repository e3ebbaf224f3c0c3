"""Drawings, looks and key images of a study, as the light table gets and keeps them."""

import msgspec
from flask import Blueprint, Response, request
from flask_login import current_user

from appliance.errors import BadInput
from webui.actor import record_study
from webui.roles import needs
from webui.services import Services

MAXIMUM_BYTES = 4 << 20


def create(services: Services) -> Blueprint:
    """The blueprint `drawings`."""
    pages = Blueprint("drawings", __name__, url_prefix="/studies")

    @pages.get("/<int:study_id>/drawings.json")
    @needs("viewer")
    def shown(study_id: int) -> Response:
        """All that the study holds (appliance.reading.marks.Marks)."""
        return Response(msgspec.json.encode(services.study_marks.of(study_id)), content_type="application/json")

    @pages.post("/<int:study_id>/drawings.json")
    @needs("technician")
    def keep(study_id: int) -> dict[str, int]:
        """Keep what a person drew, looked at or marked (appliance.reading.marks.ToKeep)."""
        from appliance.reading.marks import to_keep

        study = services.catalogue.study(study_id)
        body = request.stream.read(MAXIMUM_BYTES + 1)
        if len(body) > MAXIMUM_BYTES:
            raise BadInput(field="Drawings", reason="there are too many of them")
        try:
            wanted = to_keep(body)
        except msgspec.DecodeError as error:
            raise BadInput(field="Drawings", reason=str(error)) from error
        kept = services.study_marks.keep(study_id, wanted, current_user.name)
        record_study(services.trail, "changed", study, subject="drawings")
        return {"kept": kept}

    return pages
