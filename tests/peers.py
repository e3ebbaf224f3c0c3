"""A scripted DICOMweb peer over real sockets: healthy, or wrong in one of the ways in which real services are."""

import json
import socket
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, get_args
from urllib.parse import parse_qs, urlsplit

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO

Mode = Literal[
    "healthy",
    "lying",  # names the instance as stored, lists none
    "empty",  # 200 and {}
    "blank",  # 200 and no body
    "refusing",  # 503
    "unauthorized",  # 401
    "full",  # 507
    "busy",  # 429
    "redirecting",  # 302 to another host
    "rejecting",  # Failed SOP Sequence
    "coercing",  # stored, with a warning reason
    "hanging",  # reads the head of the request and nothing more, never answers
    "half-closing",  # closes in the middle of the request
    "half-answering",  # closes in the middle of its answer
    "garbled",  # JSON that is none
    "huge",  # an answer without end
    "html",  # some other web page
]
MODES: tuple[Mode, ...] = get_args(Mode)
STATUSES: dict[Mode, int] = {"refusing": 503, "unauthorized": 401, "full": 507, "busy": 429}
JSON = "application/dicom+json"
HANG_S = 60


@dataclass(frozen=True)
class Request:
    """One request as the peer saw it."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass
class Habits:
    """Lawful differences between services."""

    page_size: int = 1000  # at most so many rows an answer, whatever was asked for
    ignores_offset: bool = False
    ignores_keys: bool = False
    single_part: bool = False  # WADO-RS answers application/dicom
    says_length: bool = True  # else an answer ends where the connection does
    workitem_status: int = 404
    elsewhere: str = "http://127.0.0.1:1/elsewhere"  # where "redirecting" leads


class Peer:
    """Listens on loopback until closed; `mode` and `habits` may be changed at any time."""

    def __init__(self, mode: Mode = "healthy") -> None:
        self.mode: Mode = mode
        self.habits = Habits()
        self.requests: list[Request] = []
        self.stored: dict[str, dict[str, str]] = {}
        self.files: dict[str, bytes] = {}
        self.stores = 0
        self.may_answer = threading.Event()
        """Cleared: stores are taken but not answered yet."""
        self.may_answer.set()
        self.closing = threading.Event()
        peer = self

        class Handler(_Handler):
            owner = peer

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda request, client_address: None  # a killed client is part of the tests
        threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()

    def __enter__(self) -> "Peer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The base address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/dicom-web"

    def keep(self, ds: Dataset, content: bytes) -> None:
        """Store and list an instance."""
        uid = str(ds.SOPInstanceUID)
        self.files[uid] = content
        self.stored[uid] = {
            "00080018": uid,
            "00080016": str(ds.SOPClassUID),
            "00080060": str(ds.get("Modality", "")),
            "0020000E": str(ds.SeriesInstanceUID),
            "0020000D": str(ds.StudyInstanceUID),
        }

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

    def do_POST(self) -> None:
        """STOW-RS, or a workitem."""
        self.owner.stores += 1
        if self._misbehave():
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if "/workitems" in self.path:
            self._answer(self.owner.habits.workitem_status, b"{}")
        elif self.owner.mode in ("empty", "blank"):
            self._answer(200, b"{}" if self.owner.mode == "empty" else b"")
        else:
            start = body.index(b"\r\n\r\n") + 4
            self.owner.may_answer.wait(HANG_S)
            self._store(body[start : body.rindex(b"\r\n--")])

    def _store(self, content: bytes) -> None:
        ds = dcmread(DicomBytesIO(content), stop_before_pixels=True)
        item: dict[str, Any] = {"00081155": {"vr": "UI", "Value": [str(ds.SOPInstanceUID)]}}
        mode = self.owner.mode
        if mode == "rejecting":
            item["00081197"] = {"vr": "US", "Value": [0xA900]}
            return self._json(409, {"00081198": {"vr": "SQ", "Value": [item]}})
        if mode == "coercing":
            item["00081196"] = {"vr": "US", "Value": [0xB000]}
        if mode in ("healthy", "coercing"):
            self.owner.keep(ds, content)
        return self._json(202 if mode == "coercing" else 200, {"00081199": {"vr": "SQ", "Value": [item]}})

    def do_GET(self) -> None:
        """QIDO-RS, or WADO-RS of one instance."""
        path, _, last = urlsplit(self.path).path.rpartition("/")
        retrieval = path.endswith("/instances")
        if not (retrieval and self.owner.mode == "half-answering") and self._misbehave():
            return
        if retrieval:
            self._retrieve(last)
        else:
            self._query(parse_qs(urlsplit(self.path).query))

    def _query(self, keys: dict[str, list[str]]) -> None:
        habits = self.owner.habits
        wanted = None if habits.ignores_keys else keys.get("SOPInstanceUID")
        found = [row for uid, row in self.owner.stored.items() if not wanted or uid in wanted]
        start = 0 if habits.ignores_offset else int(keys.get("offset", ["0"])[0])
        page = found[start : start + min(habits.page_size, int(keys.get("limit", ["1000"])[0]))]
        if not page:
            self._answer(204, b"")
        else:
            self._json(200, [{tag: {"vr": "UI", "Value": [value]} for tag, value in row.items()} for row in page])

    def _retrieve(self, uid: str) -> None:
        content = self.owner.files.get(uid)
        if content is None:
            self._answer(404, b"")
            return
        content_type = "application/dicom"
        if not self.owner.habits.single_part:
            content = (
                b"a word before\r\n--x y\r\nContent-Type: application/dicom\r\n\r\n" + content + b"\r\n--x y--\r\n"
            )
            content_type = 'multipart/related; type="application/dicom"; boundary="x y"'
        half = self.owner.mode == "half-answering"
        self.close_connection = half
        self._answer(200, content[: len(content) // 2] if half else content, content_type, length=len(content))

    def _misbehave(self) -> bool:
        """Answer in the way of the mode, if it is one that asks for no reading of the request."""
        self.owner.requests.append(Request(self.command, self.path, dict(self.headers)))
        mode = self.owner.mode
        if mode == "hanging":
            self.owner.closing.wait(HANG_S)
        elif mode == "half-closing":
            self.rfile.read(100 if self.command == "POST" else 0)
            self.connection.shutdown(socket.SHUT_RDWR)
        elif mode in ("half-answering", "garbled", "huge", "html", "redirecting") or mode in STATUSES:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._answer_wrongly(mode)
        else:
            return False
        self.close_connection = True
        return True

    def _answer_wrongly(self, mode: Mode) -> None:
        if mode in STATUSES:
            self._answer(STATUSES[mode], b"{}")
        elif mode == "html":
            self._answer(200, b"<html>hello</html>", "text/html")
        elif mode == "garbled":
            self._answer(200, b'[{"00080018":')
        elif mode == "half-answering":
            self._answer(200, b'[{"00080018":', length=1000)
        elif mode == "redirecting":
            self._answer(302, b"", location=self.owner.habits.elsewhere)
        elif mode == "huge":
            self._answer(200, b"[" + b" " * 2**20, length=2**40)
            self._pour()

    def _pour(self) -> None:
        try:
            while not self.owner.closing.is_set():
                self.wfile.write(b" " * 2**20)
        except OSError:  # the client has had enough
            return

    def _json(self, status: int, document: Any) -> None:
        self._answer(status, json.dumps(document).encode())

    def _answer(
        self, status: int, content: bytes, content_type: str = JSON, *, length: int | None = None, location: str = ""
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        if location:
            self.send_header("Location", location)
        if self.owner.habits.says_length and status != 204:
            self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)
