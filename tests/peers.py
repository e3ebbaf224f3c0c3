"""A scripted DICOMweb peer: healthy, or wrong in one of the ways in which real services are."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from pydicom import dcmread
from pydicom.filebase import DicomBytesIO

Mode = Literal["healthy", "lying", "empty", "refusing", "unauthorized", "rejecting", "hanging", "half-closing", "html"]


class Peer:
    """Listens on loopback until closed; `mode` may be changed at any time."""

    def __init__(self, mode: Mode = "healthy") -> None:
        self.mode: Mode = mode
        self.stored: dict[str, dict[str, str]] = {}
        self.stores = 0
        self.closing = threading.Event()
        peer = self

        class Handler(_Handler):
            owner = peer

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()

    @property
    def url(self) -> str:
        """The base address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/dicom-web"

    def close(self) -> None:
        """Stop listening."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    owner: Peer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _misbehave(self) -> bool:
        mode = self.owner.mode
        if mode == "hanging":
            self.owner.closing.wait(60)
        elif mode == "half-closing":
            self.rfile.read(100)
            self.connection.shutdown(socket.SHUT_RDWR)
        elif mode == "html":
            self._answer(200, b"<html>hello</html>", "text/html")
        elif mode in ("refusing", "unauthorized"):
            self._answer(503 if mode == "refusing" else 401, b"{}")
        else:
            return False
        self.close_connection = True
        return True

    def do_POST(self) -> None:
        """STOW-RS, or a workitem that this service does not know."""
        self.owner.stores += 1
        if self._misbehave():
            return None
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if "/workitems" in self.path:
            return self._answer(404, b"{}")
        if self.owner.mode == "empty":
            return self._answer(200, b"{}")
        start = body.index(b"\r\n\r\n") + 4
        ds = dcmread(DicomBytesIO(body[start : body.rindex(b"\r\n--")]), stop_before_pixels=True)
        item = {"00081155": {"vr": "UI", "Value": [str(ds.SOPInstanceUID)]}}
        if self.owner.mode == "rejecting":
            item["00081197"] = {"vr": "US", "Value": [0xA900]}  # type: ignore[dict-item]
            return self._answer(409, json.dumps({"00081198": {"vr": "SQ", "Value": [item]}}).encode())
        if self.owner.mode == "healthy":
            self.owner.stored[str(ds.SOPInstanceUID)] = {
                "00080018": str(ds.SOPInstanceUID),
                "00080016": str(ds.SOPClassUID),
                "0020000E": str(ds.SeriesInstanceUID),
                "0020000D": str(ds.StudyInstanceUID),
            }
        return self._answer(200, json.dumps({"00081199": {"vr": "SQ", "Value": [item]}}).encode())

    def do_GET(self) -> None:
        """QIDO-RS."""
        if self._misbehave():
            return
        wanted = parse_qs(urlsplit(self.path).query).get("SOPInstanceUID")
        found = [v for v in self.owner.stored.values() if not wanted or v["00080018"] in wanted]
        rows = [{tag: {"vr": "UI", "Value": [value]} for tag, value in row.items()} for row in found]
        self._answer(200, json.dumps(rows).encode())

    def _answer(self, status: int, content: bytes, content_type: str = "application/dicom+json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
