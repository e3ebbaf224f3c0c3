"""Hand over: exports with their progress, and single pictures as they stand on the light table."""

import io
from typing import TYPE_CHECKING

import msgspec
from flask import Blueprint, Response, redirect, render_template, request, send_file, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from appliance.accounts.roles import Role, includes
from appliance.courier.exports import KEPT_HOURS, Options
from appliance.errors import BadInput, NotFound
from webui.actor import record_study
from webui.drawings import MAXIMUM_BYTES
from webui.roles import needs
from webui.services import Services

if TYPE_CHECKING:
    from appliance.imaging.media.content import Content
    from appliance.imaging.media.look import Look

NAMES = {
    "pdf": "Print or PDF",
    "jpeg": "Pictures (JPEG)",
    "png": "Pictures (PNG)",
    "zip": "DICOM files (ZIP)",
    "media": "Stick or disc",
}
_LEAST_ROLE: Role = "technician"
_MIME = {"pdf": "application/pdf"}
_PICTURES = {"png": "image/png", "jpg": "image/jpeg", "pdf": "application/pdf"}


def create(services: Services) -> Blueprint:
    """The blueprint `hand_over`, of a box and of each clinic at a reader service."""
    pages = Blueprint("hand_over", __name__)
    pages.app_context_processor(lambda: {"export_names": NAMES, "kept_hours": KEPT_HOURS})
    pages.app_template_global("exports_of")(services.exports.of_study)
    _add_exports(pages, services)

    @pages.post("/instances/<int:instance_id>/frames/<int:frame>/picture.<kind>")
    @needs(_LEAST_ROLE)
    def one_picture(instance_id: int, frame: int, kind: str) -> Response:
        """A frame as PNG, JPEG or PDF with captions, as the light table shows it (appliance.reading.marks.Seen)."""
        return _one_picture(services, instance_id, frame, kind)

    return pages


def _add_exports(pages: Blueprint, services: Services) -> None:
    def back(study_id: int) -> AnyResponse:
        page = (
            "reader.case" if services.facts.kind == "reader" or request.form.get("back") == "case" else "clinic.study"
        )
        return redirect(url_for(page, study_id=study_id, _anchor="hand-over"))

    @pages.get("/studies/<int:study_id>/exports")
    @needs(_LEAST_ROLE)
    def exports(study_id: int) -> str:
        """The exports alone, for the page's own update."""
        return render_template("shared/_exports.html", exports=services.exports.of_study(study_id))

    @pages.post("/studies/<int:study_id>/exports")
    @needs(_LEAST_ROLE, again=True)
    def ask(study_id: int) -> AnyResponse:
        """Ask for an export; the courier makes it."""
        study, form = services.catalogue.study(study_id), request.form
        chosen = {name: name in form for name in ("deidentify", "keep_characteristics", "clean_descriptors")}
        kind = form.get("kind", "")
        services.exports.ask(study.id, kind, Options(**chosen), current_user.name)
        subject = f"{NAMES[kind]}, de-identified" if chosen["deidentify"] else NAMES[kind]
        record_study(services.trail, "exported", study, subject=subject)
        return back(study_id)

    @pages.post("/exports/<int:export_id>/cancel")
    @needs(_LEAST_ROLE)
    def cancel(export_id: int) -> AnyResponse:
        """Stop an export."""
        export = services.exports.get(export_id)
        services.exports.cancel(export_id)
        return back(export.study_id)

    @pages.get("/exports/<int:export_id>/file")
    @needs(_LEAST_ROLE)
    def file(export_id: int) -> AnyResponse:
        """The finished file; a PDF opens in the browser, to print it from there."""
        export = services.exports.get(export_id)
        path = services.exports.path(export)
        if export.state != "done" or not path.exists():
            raise NotFound(what="export")
        answer = send_file(
            path,
            mimetype=_MIME.get(export.kind, "application/zip"),
            as_attachment=export.kind != "pdf",
            download_name=export.file_name,
        )
        if export.kind == "pdf":
            answer.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
        return answer


def may_hand_over() -> bool:
    """Whether the person who looks may make copies."""
    return bool(current_user.is_authenticated and includes(current_user.role, _LEAST_ROLE))


def _one_picture(services: Services, instance_id: int, frame: int, kind: str) -> Response:
    from appliance.courier.hand_over import patient_line, study_line
    from appliance.imaging.media.content import Content, Item

    if kind not in _PICTURES:
        raise BadInput(field="Kind", reason="png, jpg or pdf")
    instance = services.catalogue.instance(instance_id)
    study = services.catalogue.study(instance.study_id)
    if instance.quarantined:
        raise NotFound(what="picture")
    item = Item(instance.path, True, instance.number_of_frames or 1, instance.view, _look(), frame)
    content = Content((item,), patient_line(study), study_line(study), services.setting("clinic_name") or "")
    body = _drawn(content, kind)
    record_study(services.trail, "exported", study, subject="picture")
    answer = Response(body, content_type=_PICTURES[kind])
    answer.headers["Content-Disposition"] = f'attachment; filename="picture-{instance_id}-{frame}.{kind}"'
    return answer


def _drawn(content: "Content", kind: str) -> bytes:
    from appliance.imaging.decode import decode_frame
    from appliance.imaging.media.captions import captioned
    from appliance.imaging.media.content import no_progress
    from appliance.imaging.media.paper import write_pdf
    from appliance.imaging.media.pictures import save

    buffer, (item,) = io.BytesIO(), content.items
    if kind == "pdf":
        write_pdf(content, buffer, no_progress)
    else:
        image = captioned(decode_frame(item.path, item.frame), content, item.look, item.frame)
        save(image, buffer, "jpeg" if kind == "jpg" else kind)
    return buffer.getvalue()


def _look() -> "Look":
    """What the page sends; raises BadInput."""
    from appliance.reading.looks import look_seen
    from appliance.reading.marks import to_show

    body = request.stream.read(MAXIMUM_BYTES + 1)
    if len(body) > MAXIMUM_BYTES:
        raise BadInput(field="Drawings", reason="there are too many of them")
    try:
        return look_seen(to_show(body))
    except msgspec.DecodeError as error:
        raise BadInput(field="Drawings", reason=str(error)) from error
