"""A man in the middle of one TCP service, who does one wrong thing to one message and is honest otherwise.

HTTP messages are whole requests and answers; anything else (DICOM's upper layer) is taken PDU by PDU.
"""

import contextlib
import json
import random
import socket
import threading
import time
from collections.abc import Iterator
from typing import Literal

Fault = Literal["drop", "delay", "duplicate", "truncate", "corrupt", "lie"]
FAULTS: tuple[Fault, ...] = ("drop", "delay", "duplicate", "truncate", "corrupt", "lie")
_PDU_HEAD = 6


class Middle:
    """Listens on loopback; `arm` names the message of the next conversation that suffers, and how."""

    def __init__(self, port: int, *, http: bool, delay_s: float) -> None:
        self._port = port
        self._http = http
        self._delay_s = delay_s
        self._lock = threading.Lock()
        self._fault: Fault | None = None
        self._left = 0
        self._random = random.Random(0)
        self.done = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, fault: Fault, message: int, seed: int) -> None:
        """The message with this number, counted from now over all connections, suffers."""
        with self._lock:
            self._fault, self._left, self._random = fault, message, random.Random(seed)

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[near], daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(("127.0.0.1", self._port), timeout=30)
        except OSError:
            near.close()
            return
        with near, far, contextlib.suppress(OSError, ValueError):
            near.settimeout(60)
            far.settimeout(60)
            (self._talk_http if self._http else self._talk_pdus)(near, far)

    def _next_fault(self) -> Fault | None:
        with self._lock:
            self._left -= 1
            if self._left != 0 or self._fault is None:
                return None
            self.done += 1
            return self._fault

    def _talk_http(self, near: socket.socket, far: socket.socket) -> None:
        """Request and answer in turn; pipelined requests wait in the socket."""
        requests, answers = near.makefile("rb"), far.makefile("rb")
        for head, body in _messages(requests):
            fault = self._next_fault()
            if fault == "lie":
                near.sendall(_lie(head))
                continue
            copies = self._pass_on(far, head, body, fault)
            is_head = head.startswith(b"HEAD")
            for number in range(copies):
                answer_head, answer_body = next(_messages(answers, no_body=is_head))
                if number == 0:
                    self._pass_on(near, answer_head, answer_body, self._next_fault_of_answer())

    def _next_fault_of_answer(self) -> Fault | None:
        fault = self._next_fault()
        return "corrupt" if fault == "lie" else None if fault == "duplicate" else fault

    def _pass_on(self, to: socket.socket, head: bytes, body: bytes, fault: Fault | None) -> int:
        """Hand on a message, wronged or not; returns how often it went out whole."""
        whole = head + body
        if fault == "drop":
            raise ConnectionResetError
        if fault == "truncate":
            to.sendall(whole[: len(head) + len(body) // 2] if body else whole[: len(whole) // 2])
            raise ConnectionResetError
        if fault == "delay":
            time.sleep(self._delay_s)
        if fault == "corrupt":
            whole = head + self._corrupted(body) if body else self._corrupted(head)
        to.sendall(whole)
        if fault == "duplicate":
            to.sendall(whole)
            return 2
        return 1

    def _corrupted(self, content: bytes) -> bytes:
        """A few bytes in the later part are others, where a picture has its pixels."""
        changed = bytearray(content)
        for _ in range(3):
            at = self._random.randrange(len(changed) // 2, len(changed))
            changed[at] ^= 1 << self._random.randrange(8)
        return bytes(changed)

    def _talk_pdus(self, near: socket.socket, far: socket.socket) -> None:
        back = threading.Thread(target=self._pump, args=[far, near], daemon=True)
        back.start()
        self._pump(near, far)
        back.join(60)

    def _pump(self, source: socket.socket, to: socket.socket) -> None:
        """PS3.8 9.3.1: type, reserved, length; both directions end together."""
        with source.makefile("rb") as stream, contextlib.suppress(OSError, ValueError):
            while len(head := stream.read(_PDU_HEAD)) == _PDU_HEAD:
                body = stream.read(int.from_bytes(head[2:], "big"))
                fault = self._next_fault()
                self._pass_on(to, head, body, "corrupt" if fault == "lie" else fault)
        for end in (source, to):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def _messages(stream, *, no_body: bool = False) -> Iterator[tuple[bytes, bytes]]:  # type: ignore[no-untyped-def]  # a file of a socket
    """Head and body of each HTTP message, by its length, its chunks, or the end of the connection."""
    while True:
        lines = []
        while (line := stream.readline()) not in (b"\r\n", b""):
            lines.append(line)
        if not line:
            raise ConnectionResetError
        head = b"".join(lines) + b"\r\n"
        fields = {k.strip().lower(): v.strip() for k, _, v in (x.partition(b":") for x in lines[1:])}
        if no_body or lines[0].split()[1][:3] in (b"204", b"304", b"100"):
            body = b""
        elif fields.get(b"transfer-encoding") == b"chunked":
            body = _chunks(stream)
        else:
            body = stream.read(int(fields.get(b"content-length", b"0")))
        yield head, body


def _chunks(stream) -> bytes:  # type: ignore[no-untyped-def]  # a file of a socket
    content = b""
    while True:
        line = stream.readline()
        size = int(line.split(b";")[0], 16)
        content += line + stream.read(size + 2)
        if size == 0:
            return content


def _lie(head: bytes) -> bytes:
    """What the service would say if all were well, with nothing behind it."""
    method, target, _ = head.decode("latin-1").split(" ", 2)
    uid = target.rpartition("SOPInstanceUID=")[2].partition("&")[0]
    item = {"00081155": {"vr": "UI", "Value": [_UID_HINT[0]]}, "00080018": {"vr": "UI", "Value": [uid]}}
    if method == "GET" and target.partition("?")[0].endswith("/instances"):
        return _answer(200, json.dumps([item]).encode())
    if method in ("POST", "PATCH"):
        return _answer(200, json.dumps({"00081199": {"vr": "SQ", "Value": [item]}}).encode())
    return _answer(200, b"{}")


def _answer(status: int, content: bytes) -> bytes:
    head = f"HTTP/1.1 {status} OK\r\nContent-Type: application/dicom+json\r\nContent-Length: {len(content)}\r\n"
    return head.encode() + b"Upload-Offset: 0\r\nUpload-Complete: ?1\r\n\r\n" + content


_UID_HINT = [""]
"""The SOP Instance UID that a liar names as stored."""


def lie_about(sop_instance_uid: str) -> None:
    """Let liars name this instance."""
    _UID_HINT[0] = sop_instance_uid
