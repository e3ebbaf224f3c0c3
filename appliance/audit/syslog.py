"""Hands the trail on to the practice's or the vendor's log server: syslog over TLS (RFC 5425)."""

import contextlib
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

from appliance.archive.database import Database
from appliance.audit.message import as_syslog
from appliance.audit.trail import Trail
from appliance.errors import BadInput
from appliance.validators import valid_port

CONNECT_TIMEOUT_S = 20
BATCH = 200
IDLE_S = 60.0
RETRY_S = 120.0
ANCHOR_S = 3600.0
_PORT = 6514  # RFC 5425 4.1
_SERVER, _CERTIFICATE, _SENT, _TROUBLE = "audit_server", "audit_server_ca", "audit_sent", "audit_server_trouble"


@dataclass(frozen=True)
class LogServer:
    """Where the trail is sent; `authority` is the PEM of the authority to believe, None for the public ones."""

    host: str
    port: int
    authority: str | None


class Export:
    """The log server that was set, and how far the trail has gone there."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def server(self) -> LogServer | None:
        """The log server; None when there is none."""
        address = self._database.setting(_SERVER)
        if address is None:
            return None
        host, _, port = address.rpartition(":")
        return LogServer(host, int(port), self._database.setting(_CERTIFICATE))

    def set_server(self, address: str, authority: str | None) -> None:
        """Use HOST or HOST:PORT from now on, from the first event; empty for none. Raises BadInput."""
        if not address.strip():
            self._database.set_setting(_SERVER, None)
            return
        host, _, port = address.strip().rpartition(":") if ":" in address else (address.strip(), "", str(_PORT))
        try:
            number = valid_port(port)
            if authority:
                ssl.create_default_context(cadata=authority)
        except (ValueError, ssl.SSLError):
            raise BadInput(field="Log server", reason="HOST or HOST:PORT, and a certificate in PEM") from None
        self._database.set_setting(_CERTIFICATE, authority or None)
        self._database.set_setting(_SENT, None)
        self._database.set_setting(_SERVER, f"{host}:{number}")

    @property
    def sent(self) -> int:
        """The number of the last event that the server took."""
        return int(self._database.setting(_SENT) or 0)

    def note_sent(self, number: int) -> None:
        """Remember how far it is."""
        self._database.set_setting(_SENT, str(number))

    @property
    def trouble(self) -> str | None:
        """Why nothing goes there at the moment, in words."""
        return self._database.setting(_TROUBLE)

    def note_trouble(self, words: str | None) -> None:
        """Remember it when it changes."""
        if words != self.trouble:
            self._database.set_setting(_TROUBLE, words)


class AuditWorker:
    """The courier's loop for the trail: anchors its head, and sends what is new to the log server."""

    def __init__(self, trail: Trail, export: Export, *, source: Callable[[], str]) -> None:
        self._trail = trail
        self._export = export
        self._source = source
        self._next_anchor = self._next_try = 0.0  # monotonic seconds; the loop is woken at every change

    def run_once(self) -> float:
        """Do what is due; returns the seconds until the next look."""
        moment = time.monotonic()
        if moment >= self._next_anchor:
            self._trail.anchor()
            self._next_anchor = moment + ANCHOR_S
        if moment >= self._next_try:
            self._next_try = moment + (IDLE_S if self._send() else RETRY_S)
        return max(0.1, min(self._next_anchor, self._next_try) - time.monotonic())

    def _send(self) -> bool:
        """Send what is new; False when the server did not take it."""
        server = self._export.server()
        sent = self._export.sent
        if server is None or not self._trail.after(sent, limit=1):
            return True
        try:
            with contextlib.closing(_connect(server)) as connection:
                while batch := self._trail.after(sent, limit=BATCH):
                    for entry in batch:
                        message = as_syslog(entry, source=self._source())
                        connection.sendall(str(len(message)).encode() + b" " + message)
                    sent = batch[-1].number
                with contextlib.suppress(
                    OSError
                ):  # a server that closes without TLS's own goodbye has read all the same
                    connection.unwrap()
        except OSError as error:
            words = error.strerror or type(error).__name__
            self._export.note_trouble(f"The log server {server.host} does not take the audit trail: {words}.")
            return False
        self._export.note_sent(sent)
        self._export.note_trouble(None)
        return True


def _connect(server: LogServer) -> ssl.SSLSocket:
    context = ssl.create_default_context(cadata=server.authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    plain = socket.create_connection((server.host, server.port), timeout=CONNECT_TIMEOUT_S)
    try:
        return context.wrap_socket(plain, server_hostname=server.host)
    except BaseException:
        plain.close()
        raise
