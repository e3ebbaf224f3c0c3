"""Pictures and documents of instances: thumbnails, previews, frames for the viewer, PDFs, original files."""

from pathlib import Path

from flask import Blueprint, Response, send_file, url_for
from werkzeug.wrappers import Response as AnyResponse

from appliance.archive.catalogue import Instance
from appliance.errors import CannotDisplay, NotFound
from webui.roles import needs
from webui.services import Services

_A_DAY_S = 86_400


def create(services: Services) -> Blueprint:
    """The blueprint `pictures`."""
    pages = Blueprint("pictures", __name__, url_prefix="/instances")

    def accepted(instance_id: int) -> Instance:
        instance = services.catalogue.instance(instance_id)
        if instance.quarantined:
            raise NotFound(what="picture")
        return instance

    @pages.get("/<int:instance_id>/thumbnail")
    @needs("viewer")
    def thumbnail(instance_id: int) -> AnyResponse:
        """The picture for lists; of quarantined instances too, to recognise the device by."""
        return _webp(services.shelf.thumbnail(services.catalogue.instance(instance_id).id))

    @pages.get("/<int:instance_id>/preview")
    @needs("viewer")
    def preview(instance_id: int) -> AnyResponse:
        """The picture for the viewer's first instant."""
        return _webp(services.shelf.preview(accepted(instance_id).id))

    @pages.get("/<int:instance_id>/frames/<int:frame>/image.json")
    @needs("viewer")
    def image(instance_id: int, frame: int) -> dict[str, object]:
        """The facts of a frame, for the viewer."""
        from appliance.imaging.picture import describe

        return describe(
            accepted(instance_id).path,
            frame,
            pixels_url=url_for("pictures.pixels", instance_id=instance_id, frame=frame),
            preview_url=url_for("pictures.preview", instance_id=instance_id),
        )

    @pages.get("/<int:instance_id>/frames/<int:frame>/pixels")
    @needs("viewer")
    def pixels(instance_id: int, frame: int) -> Response:
        """The pixels of a frame, little-endian."""
        from appliance.imaging.picture import pixel_bytes

        answer = Response(pixel_bytes(accepted(instance_id).path, frame), content_type="application/octet-stream")
        answer.headers["Cache-Control"] = f"private, max-age={_A_DAY_S}"
        return answer

    @pages.get("/<int:instance_id>/document")
    @needs("viewer")
    def document(instance_id: int) -> Response:
        """An encapsulated PDF."""
        content = services.desk.document(accepted(instance_id))
        answer = Response(content, content_type="application/pdf")
        answer.headers["Content-Disposition"] = f'inline; filename="report-{instance_id}.pdf"'
        answer.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
        return answer

    @pages.get("/<int:instance_id>/file")
    @needs("viewer")
    def file(instance_id: int) -> AnyResponse:
        """The stored DICOM file as it was received."""
        return send_file(
            accepted(instance_id).path,
            mimetype="application/dicom",
            as_attachment=True,
            download_name=f"picture-{instance_id}.dcm",
        )

    return pages


def _webp(path: Path) -> AnyResponse:
    if not path.exists():
        raise CannotDisplay(reason="its preview is not made yet")
    answer = send_file(path, mimetype="image/webp")
    answer.headers["Cache-Control"] = f"private, max-age={_A_DAY_S}"
    return answer
