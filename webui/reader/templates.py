"""Report templates and text blocks, of a reader service or of a clinic that reads in house."""

from collections.abc import Mapping

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from appliance.errors import BuckyError
from appliance.reading.report import LANGUAGES
from appliance.reading.templates import Template
from webui.roles import needs
from webui.services import Services
from webui.vocabulary import template_shown, template_typed


def add(pages: Blueprint, services: Services) -> None:
    """The views of the templates."""

    def shown(error: BuckyError | None = None, typed: Mapping[str, str] | None = None) -> str:
        blocks = services.templates.blocks()
        return render_template(
            "reader/templates.html",
            templates=[template_shown(t, report_language(services)) for t in services.templates.all()],
            blocks=blocks,
            chosen=typed or _chosen(services),
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
            services.templates.put(template_typed(request.form))
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


def report_language(services: Services) -> str:
    """What this service writes in, unless a template or a person says otherwise."""
    return services.setting("report_language") or services.setting("language") or "en"


def _chosen(services: Services) -> Template | None:
    found = services.templates.named(template_typed({"name": request.args.get("change", "")})["name"])
    return template_shown(found, report_language(services)) if found else None
