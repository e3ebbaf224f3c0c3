"""What programs do over DICOMweb, for the audit trail: once for each program, kind and study in a while."""

import threading
import time
from typing import Protocol

from flask import Blueprint, Response, g, request

QUIET_S = 600.0
"""A viewer asks for a study in hundreds of requests; one event in so many seconds tells the same."""
_MOST_KEPT = 10_000


class Audit(Protocol):
    """Writes an event of a program into the audit trail."""

    def __call__(self, kind: str, program: str, address: str, *, failed: bool, **detail: str | None) -> None: ...


class Told:
    """What was told lately."""

    def __init__(self) -> None:
        self._at: dict[tuple[str, ...], float] = {}
        self._lock = threading.Lock()

    def is_new(self, *key: str) -> bool:
        """Whether it was not told within QUIET_S; remembers it as told."""
        with self._lock:
            moment = time.monotonic()
            if moment - self._at.get(key, -QUIET_S) < QUIET_S:
                return False
            if len(self._at) >= _MOST_KEPT:
                self._at = {known: at for known, at in self._at.items() if moment - at < QUIET_S}
            self._at[key] = moment
            return True


def add(blueprint: Blueprint, audit: Audit) -> None:
    """Note every answer to a program that is known by its token."""
    told = Told()

    @blueprint.after_request
    def note(answer: Response) -> Response:
        program, study = g.get("sender"), (request.view_args or {}).get("study") or ""
        if program is None or request.method == "OPTIONS" or "/workitems" in request.path:
            return answer
        kind, failed, address = _kind(study), answer.status_code >= 400, request.remote_addr or ""
        if told.is_new(kind, program, address, study, str(failed)):
            subject = f"DICOMweb {request.method}"
            reason = f"status {answer.status_code}" if failed else None
            audit(kind, program, address, failed=failed, study_instance_uid=study, subject=subject, reason=reason)
        return answer


def _kind(study: str) -> str:
    """Stored, searched, or fetched; a search below a study tells of that study and counts as fetching."""
    if request.method == "DELETE":
        return "changed"
    if request.method in ("POST", "PUT", "PATCH"):
        return "received"
    return "retrieved" if study else "queried"
