"""Report templates and text blocks, of a reader service or of a clinic that reads in house."""

from collections.abc import Mapping

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from appliance.errors import BuckyError
from appliance.reading.report import LANGUAGES
from webui.roles import needs
from webui.services import Services


def add(pages: Blueprint, services: Services) -> None:
    """The views of the templates."""

    def shown(error: BuckyError | None = None, typed: Mapping[str, str] | None = None) -> str:
        blocks = services.templates.blocks()
        return render_template(
            "reader/templates.html",
            templates=services.templates.all(),
            blocks=blocks,
            chosen=typed or services.templates.named(request.args.get("change", "")),
            block=next((b for b in blocks if b.name == request.args.get("block")), None),
            languages=LANGUAGES,
            error=error,
        )

    @pages.get("/templates")
    @needs("doctor")
    def report_templates() -> str:
        """What reports begin with."""
        return shown()

    @pages.post("/templates")
    @needs("doctor")
    def put_template() -> Response | tuple[str, int]:
        """Make or change a template."""
        try:
            services.templates.put(dict(request.form))
        except BuckyError as error:
            return shown(error, request.form), 400
        return redirect(url_for("reader.report_templates"))

    @pages.post("/templates/blocks")
    @needs("doctor")
    def put_block() -> Response | tuple[str, int]:
        """Make, change or remove a text block."""
        try:
            services.templates.put_block(request.form.get("name", ""), request.form.get("text", ""))
        except BuckyError as error:
            return shown(error), 400
        return redirect(url_for("reader.report_templates"))
