"""A vendor's service over TLS on loopback, and boxes that belong to it, for tests."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from flask import Response, request

from provisioning.agent.membership import Membership
from provisioning.fleet.service import Config, Fleet
from provisioning.fleet.serving import TlsServer
from provisioning.fleet.tables import Box, Document
from provisioning.protocol.identity import Identity

HOST = "127.0.0.1"
SERIAL = "BX-0001"


class Service:
    """The service on a free port, in a thread of this process; TLS with client certificates by cheroot."""

    def __init__(self, folder: Path, *, proxies: tuple[str, ...] = (), database: str = "") -> None:
        self.folder = folder
        self.offline = folder / "offline"
        Fleet(folder).create(
            Config(url="https://127.0.0.1:1", database=database, proxies=list(proxies)),
            hosts=[HOST, "localhost"],
            offline=self.offline,
        )
        self.fleet = Fleet(folder)
        self._server: TlsServer | None = None
        self.port = 0
        self.heard: list[bytes] = []
        """What came over the line: of each request the address, the headers and the body."""
        self._taken: threading.Event | None = None
        self._go_on = threading.Event()
        self.broken = ""
        """Answers under this path break off in the middle, as on a bad line."""

    def start(self) -> "Service":
        """Listen, on the same port after a stop."""
        app = self.fleet.app()
        app.before_request(self._listen)
        app.after_request(self._break_off)
        self._server = TlsServer(app, self.fleet.authority, HOST, self.port)
        self.port = self._server.port
        threading.Thread(target=self._server.serve, daemon=True).start()
        return self

    def _listen(self) -> None:
        if self._taken:
            self._taken.set()
            self._go_on.wait(600)
        self.heard.append(f"{request.url}\n{request.headers}".encode() + request.get_data())

    @contextmanager
    def hanging(self) -> Iterator[threading.Event]:
        """Take calls and answer none until the end of this; the event tells that one came."""
        taken, self._go_on = threading.Event(), threading.Event()
        self._taken = taken
        try:
            yield taken
        finally:
            self._taken = None
            self._go_on.set()

    def _break_off(self, answer: Response) -> Response:
        if self.broken and request.path.startswith(self.broken):
            answer.direct_passthrough = False
            whole = answer.get_data()
            answer.response, answer.headers["Content-Length"] = [whole[: len(whole) // 2]], str(len(whole))
        return answer

    def stop(self) -> None:
        """Close the port."""
        if self._server:
            self._server.stop()
            self._server = None

    @property
    def url(self) -> str:
        """Where boxes reach it."""
        return f"https://{HOST}:{self.port}"

    def register(self, folder: Path, serial: str = SERIAL) -> str:
        """Enter the box of a folder, and give it the trust file; returns the setup code."""
        code = self.fleet.registry.register(serial, Identity(folder).fingerprint, who="factory")
        self.hand_trust(folder, serial)
        return code

    def hand_trust(self, folder: Path, serial: str = SERIAL) -> Membership:
        """The trust file of a serial for the box of a folder, whoever it is."""
        trust = msgspec.structs.replace(self.fleet.trust(serial), url=self.url)
        membership = Membership(folder)
        membership.join(msgspec.json.encode(trust))
        return membership

    def document(self, kind: str, version: int, serial: str = SERIAL) -> Document:
        """A document as the service has it, with its outcome."""
        with self.fleet.store.read() as session:
            return session.get_one(Document, (serial, kind, version))

    def row(self, serial: str = SERIAL) -> Box:
        """A box as the service has it."""
        with self.fleet.store.read() as session:
            return session.get_one(Box, serial)
