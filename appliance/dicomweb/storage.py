"""The addresses of STOW-RS (PS3.18 10.5)."""

from email.message import Message
from typing import BinaryIO, cast

from flask import Blueprint, Response, g, request

from appliance.archive.index import Receipt
from appliance.archive.intake import Intake
from appliance.dicomweb import resumable, stow, stow_json
from appliance.dicomweb.answers import DICOM_JSON, UnsupportedMedia, base_url, json_answer, require_json
from appliance.errors import BadInput

_ALLOWED = "multipart/related with a boundary and parts of application/dicom or application/dicom+json"


def add(blueprint: Blueprint, intake: Intake, uploads: resumable.Uploads) -> None:
    """Store in any study, or in one; at once or as a resumable upload."""

    def store(stream: BinaryIO, content_type: str, study_instance_uid: str | None) -> Response:
        require_json()
        keeper = stow.PartKeeper(intake, g.sender, study_instance_uid)
        _receive(stream, content_type, keeper)
        base, outcome = base_url(), keeper.outcome
        studies = {receipt.study_instance_uid for receipt in outcome.stored}
        one = f"{base}/studies/{next(iter(studies))}" if len(studies) == 1 else None

        def retrieve_url(receipt: Receipt) -> str:
            return f"{base}/studies/{receipt.study_instance_uid}"

        return json_answer(stow.answer(outcome, one, retrieve_url), outcome.status, DICOM_JSON)

    resumable.add(blueprint, uploads, store)  # before the others: it answers OPTIONS for /studies itself

    def take(study_instance_uid: str | None) -> Response:
        if resumable.wants_upload():
            return resumable.begin(uploads, base_url(), study_instance_uid)
        return store(cast(BinaryIO, request.stream), request.headers.get("Content-Type", ""), study_instance_uid)

    @blueprint.post("/studies")
    def store_any() -> Response:
        return take(None)

    @blueprint.post("/studies/<study>")
    def store_in_study(study: str) -> Response:
        return take(study)


def _receive(stream: BinaryIO, text: str, keeper: stow.PartKeeper) -> None:
    """Read the body, whatever its kind; raises UnsupportedMedia, BadInput."""
    message = Message()
    message["Content-Type"] = text
    kind, part_kind = message.get_content_type(), str(message.get_param("type") or "application/dicom").lower()
    if kind == "application/dicom":
        stow.receive_one(stream, keeper)
        return
    if kind != "multipart/related" or part_kind not in ("application/dicom", DICOM_JSON):
        raise UnsupportedMedia(allowed=_ALLOWED)
    read = stow_json.receive if part_kind == DICOM_JSON else stow.receive
    if read(stream, text, keeper) == 0:
        raise BadInput(field="Body", reason="it has no parts")
