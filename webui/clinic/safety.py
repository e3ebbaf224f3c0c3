"""Safe keeping: what the box put right, recovery key, backups, which studies may leave, damaged pictures."""

import io

import segno
from flask import Blueprint, redirect, render_template, request, url_for
from flask_login import current_user
from markupsafe import Markup
from werkzeug.wrappers import Response

from appliance.archive.retention import ANY_KIND, Rules
from appliance.clock import stamp
from appliance.courier.keeping import BACKUP_ASKED, BACKUP_FOLDER, BACKUP_HOUR
from appliance.errors import BadInput, BuckyError
from webui.actor import actor
from webui.errors import status_of
from webui.roles import needs
from webui.services import Services
from webui.session import Answer

KINDS = {
    ANY_KIND: "Everything else",
    "DX": "Radiographs (DX)",
    "CR": "Radiographs (CR)",
    "CT": "CT",
    "US": "Ultrasound",
}


def add(pages: Blueprint, services: Services) -> None:
    """The views of safe keeping, and the mark on a study."""
    _add_page(pages, services)
    _add_backup(pages, services)
    _add_studies(pages, services)


def _shown(services: Services, error: BuckyError | None = None) -> str:
    keeping = services.keeping
    return render_template(
        "clinic/safety.html",
        notices=keeping.notices.unread(),
        damages=keeping.damages.latest(),
        checked=keeping.checker.latest(),
        space=keeping.space(),
        key_made_at=keeping.recovery_keys.made_at,
        backup=keeping.backup.last(),
        good=keeping.backup.last_good(),
        folder=services.setting(BACKUP_FOLDER) or "",
        hour=services.setting(BACKUP_HOUR) or "2",
        rules=keeping.retention.rules(),
        kinds=KINDS,
        error=error,
    )


def _add_page(pages: Blueprint, services: Services) -> None:
    @pages.get("/safety")
    @needs("administrator")
    def safety() -> str:
        """How the pictures are kept."""
        return _shown(services)

    @pages.post("/safety/read")
    @needs("administrator")
    def notices_read() -> Response:
        """Somebody has read what the box put right."""
        services.keeping.notices.read_all()
        return redirect(url_for("clinic.safety"))

    @pages.post("/safety/rules")
    @needs("administrator")
    def retention_rules() -> Answer:
        """Which studies may leave the disk."""
        try:
            days = {kind: _number("Days", text) for kind in KINDS if (text := request.form.get(f"days {kind}", ""))}
            free = _number("Free space", request.form.get("min_free_gb") or "0")
            services.keeping.retention.set_rules(Rules(days, free))
        except BuckyError as error:
            return _shown(services, error), status_of(error)
        services.trail.record("security-set", actor(), subject="retention rules")
        return redirect(url_for("clinic.safety"))


def _number(field: str, text: str) -> int:
    if not text.isdecimal() or len(text) > 6:
        raise BadInput(field=field, reason="a whole number")
    return int(text)


def _add_backup(pages: Blueprint, services: Services) -> None:
    @pages.post("/safety/key")
    @needs("administrator")
    def make_recovery_key() -> str:
        """Make a key and show it once, to be printed."""
        secret = services.keeping.recovery_keys.make()
        services.trail.record("security-set", actor(), subject="recovery key")
        picture = io.BytesIO()
        segno.make(secret, error="m").save(picture, kind="svg", scale=4, border=2, xmldecl=False, svgns=False)
        return render_template(
            "clinic/recovery_key.html",
            secret=secret,
            code=Markup(picture.getvalue().decode()),  # noqa: S704 - made here of our own key
            made_at=services.keeping.recovery_keys.made_at,
        )

    @pages.post("/safety/backup")
    @needs("administrator")
    def backup_plan() -> Answer:
        """Where and when, and now if somebody asks for it."""
        folder, hour = request.form.get("folder", "").strip(), request.form.get("hour", "2")
        try:
            if folder and not folder.startswith("/"):
                raise BadInput(field="Folder", reason="the whole path, beginning with /")
            if _number("Hour", hour) > 23:
                raise BadInput(field="Hour", reason="a number from 0 to 23")
        except BuckyError as error:
            return _shown(services, error), status_of(error)
        services.set_setting(BACKUP_FOLDER, folder or None)
        services.set_setting(BACKUP_HOUR, hour)
        if "now" in request.form:
            services.set_setting(BACKUP_ASKED, stamp())
        services.trail.record("security-set", actor(), subject="backup plan")
        return redirect(url_for("clinic.safety"))


def _add_studies(pages: Blueprint, services: Services) -> None:
    @pages.post("/studies/<int:study_id>/keep")
    @needs("technician")
    def keep_for_ever(study_id: int) -> Response:
        """The study never leaves this box, or may again."""
        services.keeping.retention.keep_for_ever(study_id, keep="back" not in request.form)
        return redirect(url_for("clinic.study", study_id=study_id))

    @pages.context_processor
    def recall_facts() -> dict[str, object]:
        """For the study page: how far an evicted study is on its way back."""
        if not current_user.is_authenticated:
            return {}
        return {"recall_of": services.keeping.recalls.of}
