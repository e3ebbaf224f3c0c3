"""The door to the clinics of a reader service: a credential, or a page's address, leads to one clinic's own app."""

import re
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from appliance.errors import NotFound

_PAGES = re.compile(r"(/clinics/(\d{1,9}))(/.*)")
Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Apps(Protocol):
    """The apps behind the door."""

    def of_clinic(self, clinic_id: int) -> Wsgi: ...
    def of_token(self, text: str) -> Wsgi | None: ...


class ClinicDoor:
    """A WSGI application before the front's."""

    def __init__(self, front: Wsgi, apps: Apps) -> None:
        self._front = front
        self._apps = apps

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Lead a request to the app that answers it; what leads nowhere is for the front to refuse."""
        return (self._behind(environ) or self._front)(environ, start_response)

    def _behind(self, environ: dict[str, Any]) -> Wsgi | None:
        path = environ.get("PATH_INFO", "")
        if path.startswith("/dicom-web"):
            scheme, _, text = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
            return self._apps.of_token(text.strip()) if scheme.lower() == "bearer" else None
        found = _PAGES.fullmatch(path)
        if found is None:
            return None
        try:
            app = self._apps.of_clinic(int(found[2]))
        except NotFound:
            return None
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = environ.get("SCRIPT_NAME", "") + found[1], found[3]
        return app
