"""E-mail notices against a mail server that speaks SMTP (RFC 5321) over real sockets: what is said, and to whom."""

import email
import email.policy
import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from appliance.archive.blobs import Provenance
from appliance.archive.part10 import take_dataset
from appliance.certificates import PEM, builder, named, new_key, private_pem, sign_authority, sign_leaf
from appliance.clock import now, stamp
from appliance.courier.notices import IDLE_S, NoticeWorker
from appliance.errors import BadInput
from appliance.reading.note_sr import Note, note_sr
from appliance.reading.notices import NotSent
from appliance.reading.report import Report
from appliance.reading.report_sr import report_sr
from appliance.wiring import Box
from tests.conftest import SENTINEL
from tests.pictures import small_study

HOST = "127.0.0.1"
FAR = Provenance("result", "Far Reader", "", stamp())
SECRET = "zz-mail-password"
PICTURES = small_study()


class MailServer:
    """One that takes what it is told to take; `secure` offers STARTTLS with a certificate."""

    def __init__(self, secure: ssl.SSLContext | None = None) -> None:
        self.heard: list[str] = []
        self.mails: list[str] = []
        self.refuses = False
        self._secure = secure
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=[near], daemon=True).start()

    def _talk(self, near: socket.socket) -> None:
        try:
            near.sendall(b"220 mail.example\r\n")
            self._dialogue(near, encrypted=False)
        except OSError:
            near.close()

    def _dialogue(self, near: socket.socket, *, encrypted: bool) -> None:
        stream = near.makefile("rb")
        while line := stream.readline().decode().strip():
            word = line.split()[0].upper()
            self.heard.append(("TLS " if encrypted else "") + line)
            if word == "EHLO":
                offers = ["AUTH PLAIN"] if encrypted else ["STARTTLS"] if self._secure else []
                lines = ["mail.example", *offers]
                near.sendall("".join(f"250{'-' if x != lines[-1] else ' '}{x}\r\n" for x in lines).encode())
            elif word == "STARTTLS" and self._secure:
                near.sendall(b"220 go on\r\n")
                return self._dialogue(self._secure.wrap_socket(near, server_side=True), encrypted=True)
            elif word == "MAIL" and self.refuses:
                near.sendall(b"451 try again later\r\n")
            elif word == "DATA":
                near.sendall(b"354 go on\r\n")
                self.mails.append(self._mail(stream.readline))
                near.sendall(b"250 taken\r\n")
            else:
                near.sendall({"QUIT": b"221 bye\r\n", "AUTH": b"235 welcome\r\n"}.get(word, b"250 ok\r\n"))
        return None

    @staticmethod
    def _mail(readline: Callable[[], bytes]) -> str:
        lines = []
        while (line := readline()) not in (b".\r\n", b""):
            lines.append(line)
        return b"".join(lines).decode()


@pytest.fixture
def server() -> Iterator[MailServer]:
    """One without encryption, as a clinic's own may be."""
    found = MailServer()
    yield found
    found.close()


def _settings(server: MailServer, **more: str) -> dict[str, str]:
    return {"host": HOST, "port": str(server.port), "sender": "box@clinic.example", "to": "desk@clinic.example"} | more


@pytest.fixture
def clinic(box: Box, server: MailServer) -> Box:
    """A clinic that is told by e-mail, with a study."""
    box.mail_notices.set_settings(_settings(server))
    for ds in PICTURES:
        take_dataset(box.intake, ds, Provenance("local", "DX", "", stamp()))
    return box


def _comes(box: Box, *, critical: bool = False) -> None:
    """A report from the reader, which names the patient as reports do; the courier reads it at once."""
    report = Report("Findings.", f"{SENTINEL} has it.", "", f"Dr {SENTINEL}", "Far", now(), critical=critical)
    take_dataset(box.intake, report_sr(report, PICTURES), FAR)
    box.documents.read_new(1)


def test_nothing_is_sent_before_something_came(clinic: Box, server: MailServer) -> None:
    """Not even a connection is made."""
    assert NoticeWorker(clinic.mail_notices).run_once() == IDLE_S
    assert server.heard == []


@pytest.mark.parametrize(
    ("language", "subject", "body"),
    [
        ("de", "1 Befund vom Befunder", "keine"),
        ("es", "1 informe del radiólogo", "no contiene"),
        ("fr", "1 compte rendu du radiologue", "aucune"),
    ],
)
def test_it_is_told_in_the_language_of_the_box(
    clinic: Box, server: MailServer, language: str, subject: str, body: str
) -> None:
    """Which the wizard asked for."""
    clinic.database.set_setting("language", language)
    _comes(clinic)
    assert NoticeWorker(clinic.mail_notices).run_once() == IDLE_S
    (raw,) = server.mails
    mail = email.message_from_string(raw, policy=email.policy.default)
    assert subject in mail["Subject"]
    assert body in mail.get_content()


def test_what_came_is_told_once_and_names_no_patient(clinic: Box, server: MailServer) -> None:
    """A report, then a critical one and a question; what was told already is not told again."""
    worker = NoticeWorker(clinic.mail_notices)
    _comes(clinic)
    for _ in range(3):
        assert worker.run_once() == IDLE_S
    (mail,) = server.mails
    assert "Subject: 1 report from the reader" in mail
    _comes(clinic, critical=True)
    note = Note("question", [("Question", f"Does {SENTINEL} cough?")], f"Dr {SENTINEL}", "Far")
    take_dataset(clinic.intake, note_sr(note, PICTURES), FAR)
    clinic.documents.read_new(1)
    worker.run_once()
    assert len(server.mails) == 2
    assert "2 reports and 1 question from the reader, 1 critical" in server.mails[1]
    assert not any(SENTINEL in text for text in (*server.mails, *server.heard))
    recipients = [line for line in server.heard if re.match(r"(MAIL FROM|RCPT TO)", line, re.IGNORECASE)]
    assert all("clinic.example" in line for line in recipients)


def test_a_server_that_cannot_now_is_asked_again_later(clinic: Box, server: MailServer) -> None:
    """Nothing is lost and nothing is sent twice."""
    worker = NoticeWorker(clinic.mail_notices)
    server.refuses = True
    _comes(clinic)
    rests = [worker.run_once() for _ in range(2)]
    assert all(rest > 0 for rest in rests)
    assert server.mails == []
    server.refuses = False
    worker.run_once()
    worker.run_once()
    assert len(server.mails) == 1


def test_a_password_never_goes_without_encryption(clinic: Box, server: MailServer) -> None:
    """The server offers none: the notice is not sent, and the reason says why."""
    clinic.mail_notices.set_settings(_settings(server, user="box", password=SECRET))
    with pytest.raises(NotSent, match="no encryption"):
        clinic.mail_notices.send("Test")
    assert not any("AUTH" in line for line in server.heard)
    assert server.mails == []


def test_a_password_goes_over_tls_to_a_server_that_is_who_it_says(
    clinic: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """STARTTLS first; a certificate that nobody signed is refused before the log-in."""
    authority, key, at = new_key(), new_key(), now()
    span = at - timedelta(1), at + timedelta(1)
    signed = sign_authority(builder(named("ca"), named("ca"), authority.public_key(), *span), authority)
    (tmp_path / "ca.pem").write_bytes(signed.public_bytes(PEM))
    address = x509.IPAddress(ipaddress.ip_address(HOST))
    unsigned = builder(named("mail"), named("ca"), key.public_key(), *span)
    leaf = sign_leaf(unsigned, authority, ExtendedKeyUsageOID.SERVER_AUTH, [address])
    (tmp_path / "mail.pem").write_bytes(leaf.public_bytes(PEM) + private_pem(key))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "mail.pem")
    server = MailServer(context)
    clinic.mail_notices.set_settings(_settings(server, user="box", password=SECRET))
    with pytest.raises(NotSent):
        clinic.mail_notices.send("Test")
    assert not any("AUTH" in line for line in server.heard)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))  # as an administrator trusts an authority
    clinic.mail_notices.send("Test")
    assert any(line.startswith("TLS AUTH PLAIN") for line in server.heard)
    assert len(server.mails) == 1
    server.close()


@pytest.mark.parametrize(
    "given", [{"to": "desk"}, {"sender": "a@b, c@d"}, {"port": "0"}, {"port": "smtp"}, {"to": "a@b\r\nBcc: x@y"}]
)
def test_settings_that_are_none_are_refused(box: Box, server: MailServer, given: dict[str, str]) -> None:
    """Nor does anything of them become a header of its own."""
    with pytest.raises(BadInput):
        box.mail_notices.set_settings(_settings(server) | given)
