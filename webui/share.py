"""What an owner sees who was given a link: the pictures of one study, to look at only."""

from flask import Blueprint, make_response, render_template, send_file
from werkzeug.wrappers import Response

from appliance.archive.catalogue import StudyLine
from appliance.audit.trail import Actor
from appliance.errors import NotFound
from appliance.reading.shares import Share, Shares
from webui.actor import actor
from webui.roles import PUBLIC, needs
from webui.services import Services


def create(services: Services, shares: Shares) -> Blueprint:
    """The blueprint `share`; the secret in the address is the proof, and no address of it says whose pictures."""
    pages = Blueprint("share", __name__, url_prefix="/share")

    def opened(secret: str) -> tuple[Share, StudyLine]:
        found = shares.open(secret)
        return found, services.catalogue.line(services.catalogue.study_by_uid(found.study_instance_uid))

    @pages.get("/<secret>")
    @needs(PUBLIC)  # the secret is the proof
    def look(secret: str) -> Response:
        """The pictures with their views, and until when."""
        found, line = opened(secret)
        study = line.study
        services.trail.record(
            "accessed",
            Actor(f"link {found.id} of {found.asked_by}"[:64], "person", actor().address),
            study_instance_uid=study.study_instance_uid,
            patient_id=study.patient_id,
            patient_name=study.patient_name,
        )
        return _private(make_response(render_template("shared/share.html", line=line, secret=secret, share=found)))

    @pages.get("/<secret>/<int:number>.webp")
    @needs(PUBLIC)  # the secret is the proof
    def picture(secret: str, number: int) -> Response:
        """One picture of it, by its place."""
        _, line = opened(secret)
        ready = [image for image in line.images if image.preview_state == "ready"]
        path = services.shelf.preview(ready[number].id) if number < len(ready) else None
        if path is None or not path.exists():
            raise NotFound(what="picture")
        return _private(send_file(path, mimetype="image/webp"))

    return pages


def _private(answer: Response) -> Response:
    """The address is the key: no other page is told it, no search engine keeps it."""
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Robots-Tag"] = "noindex, nofollow"
    answer.headers["Cache-Control"] = "no-store"
    return answer
