"""Who asks, for the audit trail."""

from flask import request
from flask_login import current_user

from appliance.archive.catalogue import Study
from appliance.audit.trail import Actor, Trail


def actor(name: str | None = None) -> Actor:
    """The person who is logged in, or the name that somebody gave; with the IP address."""
    if name is None:
        name = current_user.name if current_user.is_authenticated else "nobody"
    return Actor(name[:64], "person", request.remote_addr or "")


def record_study(trail: Trail, kind: str, study: Study, *, subject: str | None = None) -> None:
    """An event about a study, by the person who is logged in."""
    trail.record(
        kind,
        actor(),
        study_instance_uid=study.study_instance_uid,
        patient_id=study.patient_id,
        patient_name=study.patient_name,
        subject=subject,
    )
