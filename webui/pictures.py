"""Pictures and documents of instances: thumbnails, previews, frames for the viewer, PDFs, original files."""

from dataclasses import replace
from pathlib import Path

from flask import Blueprint, Response, render_template, request, send_file
from werkzeug.wrappers import Response as AnyResponse

from appliance.archive.catalogue import Instance
from appliance.errors import BadInput, CannotDisplay, NotFound
from webui.actor import record_study
from webui.roles import needs
from webui.services import Services

_ASK_ME = "private, no-cache"  # kept by the browser, but asked for by its tag: a rule may turn a picture


def create(services: Services) -> Blueprint:
    """The blueprint `pictures`."""
    pages = Blueprint("pictures", __name__, url_prefix="/instances")
    _add_images(pages, services)
    _add_documents(pages, services)
    return pages


def _accepted(services: Services, instance_id: int) -> Instance:
    instance = services.catalogue.instance(instance_id)
    if instance.quarantined:
        raise NotFound(what="picture")
    return instance


def _add_images(pages: Blueprint, services: Services) -> None:
    @pages.get("/<int:instance_id>/thumbnail")
    @needs("viewer")
    def thumbnail(instance_id: int) -> AnyResponse:
        """The picture for lists; of quarantined instances too, to recognise the unit by."""
        return _webp(services.shelf.thumbnail(services.catalogue.instance(instance_id).id))

    @pages.get("/<int:instance_id>/preview")
    @needs("viewer")
    def preview(instance_id: int) -> AnyResponse:
        """The picture for the viewer's first instant."""
        return _webp(services.shelf.preview(_accepted(services, instance_id).id))

    @pages.get("/<int:instance_id>/frames/<int:number>/<int:form>")
    @needs("viewer")
    def frame(instance_id: int, number: int, form: int) -> AnyResponse:
        """A frame in full depth with its facts (`appliance.imaging.picture.packet`), in the form asked for."""
        from appliance.courier.previews import frame_file
        from appliance.imaging.picture import PACKET_FORM

        if form != PACKET_FORM:
            raise BadInput(field="Page", reason="it is of an older release; reload it")
        instance = _accepted(services, instance_id)
        path = services.copies.get(instance.dataset_sha256).path  # in which the rules of its unit are followed
        found = frame_file(services.shelf, replace(instance, path=path), number)
        answer = Response(found) if isinstance(found, bytes) else send_file(found)
        answer.headers["Content-Type"] = "application/octet-stream"
        return _kept(answer, path)

    @pages.get("/<int:instance_id>/file")
    @needs("viewer")
    def file(instance_id: int) -> AnyResponse:
        """The stored DICOM file as it was received."""
        instance = _accepted(services, instance_id)
        record_study(services.trail, "exported", services.catalogue.study(instance.study_id), subject="DICOM file")
        return send_file(
            instance.path,
            mimetype="application/dicom",
            as_attachment=True,
            download_name=f"picture-{instance_id}.dcm",
        )


def _add_documents(pages: Blueprint, services: Services) -> None:
    @pages.get("/<int:instance_id>/document")
    @needs("viewer")
    def document(instance_id: int) -> Response:
        """An encapsulated PDF."""
        content = services.desk.document(_accepted(services, instance_id))
        answer = Response(content, content_type="application/pdf")
        answer.headers["Content-Disposition"] = f'inline; filename="report-{instance_id}.pdf"'
        answer.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
        return answer

    @pages.get("/<int:instance_id>/document/pages")
    @needs("viewer")
    def document_pages(instance_id: int) -> str:
        """All pages of an encapsulated PDF, for devices that show no PDF."""
        from appliance.imaging.pdf_pages import count_pages

        count = count_pages(services.desk.document(_accepted(services, instance_id)))
        return render_template("shared/document.html", instance_id=instance_id, count=count)

    @pages.get("/<int:instance_id>/document/pages/<int:page>.png")
    @needs("viewer")
    def document_page(instance_id: int, page: int) -> Response:
        """One page of an encapsulated PDF as a picture."""
        from appliance.imaging.pdf_pages import page_picture

        answer = Response(
            page_picture(services.desk.document(_accepted(services, instance_id)), page), content_type="image/png"
        )
        answer.headers["Cache-Control"] = "private, max-age=86400"
        return answer


def _kept(answer: AnyResponse, path: Path) -> AnyResponse:
    """With a tag by which the browser asks whether its own copy is still the right one."""
    answer.headers["Cache-Control"] = _ASK_ME
    answer.set_etag(path.stem)  # names the original and the rules
    return answer.make_conditional(request.environ)


def _webp(path: Path) -> AnyResponse:
    if not path.exists():
        raise CannotDisplay(reason="its preview is not made yet")
    answer = send_file(path, mimetype="image/webp")
    answer.headers["Cache-Control"] = _ASK_ME
    return answer
