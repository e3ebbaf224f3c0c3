"""Notices that something came from a reader: for the page's title and sound, and by e-mail, never with patient data."""

import re
import smtplib
import ssl
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from typing import Any

from appliance.archive.database import Database
from appliance.clock import stamp
from appliance.errors import BadInput, BuckyError
from appliance.reading.documents import Documents
from appliance.reading.mail_words import MailWords, mail_words, news_in_words
from appliance.validators import valid_port

TIMEOUT_S = 20.0
_KEYS = ("host", "port", "user", "password", "sender", "to")
_ADDRESS = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+")


@dataclass(frozen=True)
class News:
    """What the other side wrote and nobody here has opened; numbers only."""

    reports: int
    questions: int
    critical: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.reports + self.questions


@dataclass(frozen=True)
class MailSettings:
    """An e-mail server and who is told."""

    host: str = ""
    port: str = "587"
    user: str = ""
    password: str = ""
    sender: str = ""
    to: str = ""


class NotSent(BuckyError):
    """The e-mail server did not take the notice."""

    code = "notice-not-sent"
    message = "The e-mail server did not take the notice: {reason}."
    hint = "Check the settings under Notices; the report itself is on the box."


class Notices:
    """News and where they are told."""

    def __init__(self, database: Database, documents: Documents) -> None:
        self._database = database
        self._documents = documents

    @property
    def _words(self) -> MailWords:
        return mail_words(self._database.setting("language"))

    def news(self, sender_kind: str = "result") -> News:
        """What is new; at a reader the other side is 'dicomweb'."""
        unseen = self._documents.unseen(sender_kind)
        reports = [critical for _, kind, critical in unseen if kind == "report"]
        return News(len(reports), len(unseen) - len(reports), sum(reports))

    def settings(self) -> MailSettings:
        """As entered on the page."""
        return MailSettings(**{key: v for key in _KEYS if (v := self._database.setting(f"mail_{key}")) is not None})

    def set_settings(self, given: dict[str, str]) -> None:
        """Keep what was entered; an empty host ends the e-mails. Raises BadInput."""
        clean = {key: given.get(key, "").strip() for key in _KEYS}
        for key in ("sender", "to") if clean["host"] else ():
            if not _ADDRESS.fullmatch(clean[key]):
                raise BadInput(field="E-mail address", reason="like front.desk@clinic.example")
        try:
            if (port := valid_port(clean["port"] or 587)) == 0:
                raise ValueError("1 to 65535")
            clean["port"] = str(port)
        except ValueError as error:
            raise BadInput(field="Port", reason=str(error)) from None
        for key, value in clean.items():
            if key != "password" or value:  # an empty password field leaves the known one
                self._database.set_setting(f"mail_{key}", value or None)

    def send(self, text: str) -> None:
        """One e-mail; raises NotSent."""
        known = self.settings()
        if not known.host:
            return
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = known.sender, known.to, text
        message.set_content(f"{text}\n\n{self._words.body}")
        try:
            with smtplib.SMTP(known.host, int(known.port), timeout=TIMEOUT_S) as server:
                server.ehlo()
                encrypted = server.has_extn("starttls")
                if encrypted:
                    server.starttls(context=ssl.create_default_context())
                if known.user and not encrypted:
                    raise NotSent(reason="it offers no encryption, and the password is not sent without")
                if known.user:
                    server.login(known.user, known.password)
                server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            raise NotSent(reason=type(error).__name__) from error

    def tell_if_new(self) -> str | None:
        """Send an e-mail if something came since the last one; returns its text. Raises NotSent."""
        if not self.settings().host:
            return None
        newest = self._database.read.conn.execute(
            "SELECT max(document.instance_id) FROM document JOIN instance ON instance.id = instance_id"
            " JOIN sender ON sender.id = sender_id WHERE sender.kind = 'result' AND document.kind IN"
            " ('report', 'question') AND seen_at IS NULL"
        ).fetchone()[0]
        if newest is None or newest <= int(self._database.setting("mail_told") or 0):
            return None
        news = self.news()
        text = news_in_words(news.reports, news.questions, news.critical, self._words)
        self.send(text)
        self._database.set_setting("mail_told", str(newest))
        self._database.set_setting("mail_told_at", stamp())
        return text


def as_json(news: News) -> dict[str, Any]:
    """For the page's script."""
    return {**asdict(news), "total": news.total}
