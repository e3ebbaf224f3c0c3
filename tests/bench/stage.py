"""A web server for benchmarks of viewers: a page of files, the box behind it, and a line of a given speed."""

import contextlib
import gzip
import mimetypes
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO

import urllib3

_CHUNK_BYTES = 16 * 1024
_CATCHES_UP_S = 0.03
_NOT_FORWARDED = ("transfer-encoding", "connection", "server", "date", "content-length", "content-encoding")


class Line:
    """What all connections together may send a second; `bits` 0 is as fast as the machine."""

    def __init__(self, bits: int) -> None:
        self._seconds_per_byte = 8 / bits if bits else 0.0
        self._free_at = 0.0
        self._lock = threading.Lock()

    def send(self, out: BinaryIO, body: bytes) -> None:
        """Write `body`, each piece when it has its turn."""
        if not self._seconds_per_byte:
            out.write(body)
            return
        for start in range(0, len(body), _CHUNK_BYTES):
            piece = body[start : start + _CHUNK_BYTES]
            self._wait(len(piece))
            out.write(piece)

    def _wait(self, count: int) -> None:
        with self._lock:
            late = time.monotonic() - _CATCHES_UP_S  # what the scheduler cost is no property of the line
            self._free_at = max(self._free_at, late) + count * self._seconds_per_byte
            turn = self._free_at
        time.sleep(max(0.0, turn - time.monotonic()))


class Stage:
    """Serves `files` (path to bytes and type), else the box; counts what the application itself weighs on the line."""

    def __init__(self, box_url: str, *, line: Line, token: str = "", files: "Files | None" = None) -> None:
        self.application_bytes = 0
        self._box = urllib3.PoolManager(maxsize=16)
        stage = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # or each answer waits 40 ms for an acknowledgement

            def do_GET(self) -> None:
                found = files(self.path.partition("?")[0]) if files and not self.path.startswith("/dicom-web") else None
                status, headers, body = (200, found[1], found[0]) if found else stage.forward(box_url, token, self)
                if found or self.path.startswith("/static/"):
                    stage.application_bytes += len(body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the page was closed
                    line.send(self.wfile, body)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_: object) -> None:
                """Benchmarks print their own lines."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def forward(self, box_url: str, token: str, asked: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        """The box's own answer."""
        headers = {k: v for k, v in asked.headers.items() if k.lower() not in ("host", "connection")}
        headers["Host"] = box_url.removeprefix("http://")
        for name in ("Referer", "Origin"):
            headers.pop(name, None)
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = asked.rfile.read(int(asked.headers.get("Content-Length") or 0))
        options = {"headers": headers, "body": data, "timeout": 60, "redirect": False, "decode_content": False}
        answer = self._box.request(asked.command, box_url + asked.path, **options)
        body = answer.data
        kept = {k: v for k, v in answer.headers.items() if k.lower() not in _NOT_FORWARDED}
        if "Content-Encoding" in answer.headers:
            kept["Content-Encoding"] = answer.headers["Content-Encoding"]
        if "Location" in kept:
            kept["Location"] = kept["Location"].replace(box_url, self.url)
        return answer.status, kept, body

    def close(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()


Files = Callable[[str], tuple[bytes, dict[str, str]] | None]


def folder_files(folder: Path, *, instead: dict[str, bytes], fallback: str = "index.html") -> Files:
    """The files of a built page, gzipped; what is no file is the page itself, as applications of one page want."""
    packed: dict[Path, bytes] = {}

    def find(path: str) -> tuple[bytes, dict[str, str]] | None:
        name = path.lstrip("/") or fallback
        kind = mimetypes.guess_type(name)[0] or "text/html"
        if name in instead:
            return gzip.compress(instead[name]), {"Content-Type": kind, "Content-Encoding": "gzip"}
        file = folder / name
        if not file.is_file():
            if "." in name.rpartition("/")[2]:
                return b"", {"Content-Type": "text/plain"}
            file, kind = folder / fallback, "text/html"
        if file not in packed:
            packed[file] = gzip.compress(file.read_bytes())
        return packed[file], {"Content-Type": kind, "Content-Encoding": "gzip"}

    return find
