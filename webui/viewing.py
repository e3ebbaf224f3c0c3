"""What the light table needs besides pictures: earlier studies of the patient, and how a person likes them to hang."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, request, url_for
from flask_login import current_user

from appliance.archive.catalogue import Catalogue, Study, StudyLine
from appliance.errors import BadInput
from webui.hand_over import may_hand_over
from webui.roles import needs
from webui.services import Services

MOST_PRIORS = 5


@dataclass(frozen=True)
class Viewing:
    """For the macro `light_table`."""

    priors: list[StudyLine]
    hangings: dict[str, Any]
    may_hand_over: bool
    first: int | None
    """The picture that is probably wanted first."""

    @property
    def first_frame(self) -> str:
        """The address of its first frame."""
        from appliance.imaging.picture import PACKET_FORM

        return url_for("pictures.frame", instance_id=self.first, number=1, form=PACKET_FORM)


def create(services: Services) -> Blueprint:
    """The blueprint `viewing`."""
    pages = Blueprint("viewing", __name__, url_prefix="/viewer")

    @pages.post("/hanging")
    @needs("viewer")
    def hanging() -> dict[str, str]:
        """Remember how this person wants an exam's pictures to hang; null forgets it."""
        said = request.get_json(silent=True)
        if not isinstance(said, dict):
            raise BadInput(field="Arrangement", reason="JSON is needed")
        services.hangings.remember(current_user.account.id, str(said.get("exam", "")), said.get("arrangement"))
        return {"status": "ok"}

    return pages


def viewing(services: Services, line: StudyLine) -> Viewing:
    """What the light table of a study is given."""
    hangings = services.hangings.of(current_user.account.id)
    return Viewing(earlier(services.catalogue, line.study), hangings, may_hand_over(), _first(line))


def _first(line: StudyLine) -> int | None:
    return next((image.id for image in line.images if image.preview_state == "ready"), None)


def earlier(catalogue: Catalogue, study: Study) -> list[StudyLine]:
    """Other studies of the same patient, newest first: the same ID of the same issuer, and the same name."""
    if not study.patient_id or not study.patient_name:
        return []
    found = catalogue.of_patient(study.patient_id, study.issuer_of_patient_id)
    name = study.patient_name.casefold()
    same = [line for line in found if line.study.id != study.id and (line.study.patient_name or "").casefold() == name]
    return [line for line in same if line.images][:MOST_PRIORS]
