"""A stock OHIF, installed from its npm package, behind a server that hands its DICOMweb requests on to a box."""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import requests

from webui.viewer.build import npm_command

HERE = Path(__file__).parent / "ohif"
BUILD = Path(__file__).parent.parent.parent / "build" / "ohif"
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm"}
_SOURCE = {
    "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
    "sourceName": "box",
    "configuration": {
        "friendlyName": "The box",
        "name": "box",
        "wadoUriRoot": "/dicom-web",
        "qidoRoot": "/dicom-web",
        "wadoRoot": "/dicom-web",
        "qidoSupportsIncludeField": True,
        "supportsFuzzyMatching": True,
        "supportsWildcard": True,
        "imageRendering": "wadors",
        "thumbnailRendering": "wadors",
        "enableStudyLazyLoad": True,
        "dicomUploadEnabled": False,
        "singlepart": "pdf",
        "bulkDataURI": {"enabled": True},
    },
}
CONFIG = {
    "routerBasename": "/",
    "extensions": [],
    "modes": [],
    "showStudyList": True,
    "maxNumberOfWebWorkers": 2,
    "showLoadingIndicator": True,
    "strictZSpacingForVolumeViewport": True,
    "investigationalUseDialog": {"option": "never"},
    "defaultDataSourceName": "box",
    "dataSources": [_SOURCE],
}


def installed() -> Path:
    """The folder of the viewer's files; installed from the lock file when it is not there."""
    site = BUILD / "node_modules" / "@ohif" / "app" / "dist"
    if not (site / "index.html").exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(HERE / name, BUILD / name)
        npm, environ = npm_command()
        subprocess.run([*npm, "ci", "--ignore-scripts", "--silent"], cwd=BUILD, env=environ, check=True, timeout=280)
    return site


@contextmanager
def ohif_before(dicomweb: str, token: str) -> Iterator[tuple[str, list[str]]]:
    """The viewer's address, and the DICOMweb requests that failed so far."""
    site, failures = installed(), []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path.startswith("/dicom-web/"):
                self._hand_on()
            elif self.path.split("?")[0] == "/app-config.js":
                self._answer(200, "text/javascript", f"window.config = {json.dumps(CONFIG)};".encode())
            else:
                name = self.path.split("?")[0].lstrip("/")
                file = (site / name).resolve()
                found = file.is_file() and file.is_relative_to(site.resolve())
                file = file if found else site / "index.html"
                self._answer(200, _TYPES.get(file.suffix, "application/octet-stream"), file.read_bytes())

        def _hand_on(self) -> None:
            headers = {"Authorization": f"Bearer {token}", "Accept": self.headers.get("Accept", "*/*")}
            answer = requests.get(dicomweb + self.path.removeprefix("/dicom-web"), headers=headers, timeout=60)
            if answer.status_code >= 400:
                failures.append(f"{answer.status_code} {self.path}")
            self._answer(answer.status_code, answer.headers.get("Content-Type", ""), answer.content)

        def _answer(self, status: int, content_type: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", failures
    server.shutdown()
