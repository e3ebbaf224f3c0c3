"""How the box belongs to the vendor: trust file, identity, client certificate, and their renewal.

The folder `vendor` beside the database holds `trust.json`, `identity.pem`, `client.pem` (certificate and key in one
file, so that they are never apart) and, while a request is open, `next-key.pem`.
"""

import contextlib
import fcntl
from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from pathlib import Path

import msgspec
from cryptography import x509

from appliance.certificates import new_key, private_pem
from appliance.clock import now
from appliance.errors import BadInput
from appliance.files import for_roles
from provisioning.agent.link import Link
from provisioning.protocol.identity import Enrolment, Identity, keep, load_key, request_for
from provisioning.protocol.messages import Challenge, ClaimRequest, EnrolRequest, Issued, RenewRequest, Trust
from provisioning.protocol.refused import NotKnown

RENEW_AT = 2 / 3


class Membership:
    """The files of the vendor link in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.identity = Identity(folder)
        self._authority = folder / "authority.pem"
        self._client = folder / "client.pem"
        self._next_key = folder / "next-key.pem"

    @property
    def trusted(self) -> bool:
        """Whether the box was made for a vendor's service."""
        return (self.folder / "trust.json").exists()

    @cached_property
    def trust(self) -> Trust:
        """The trust file; raises BadInput where there is none or a broken one."""
        try:
            return msgspec.json.decode((self.folder / "trust.json").read_bytes(), type=Trust)
        except (OSError, msgspec.DecodeError, msgspec.ValidationError):
            raise BadInput(field="Trust file", reason="run bucky vendor join FILE with the file of this box") from None

    def join(self, raw: bytes) -> Trust:
        """Take the trust file, at manufacture or by a person at the box; raises BadInput."""
        try:
            trust = msgspec.json.decode(raw, type=Trust)
            trust.document_keys()
            x509.load_pem_x509_certificate(trust.authority.encode())
        except (msgspec.DecodeError, msgspec.ValidationError, ValueError, TypeError, KeyError):
            raise BadInput(field="Trust file", reason="it is not what bucky-fleet register wrote") from None
        keep(self.folder / "trust.json", raw)
        keep(self._authority, trust.authority.encode(), 0o644)
        self.__dict__.pop("trust", None)
        return trust

    def certificate(self) -> x509.Certificate | None:
        """The client certificate, None before enrolment or for a broken file."""
        try:
            return x509.load_pem_x509_certificate(self._client.read_bytes())
        except (OSError, ValueError):
            return None

    def link(self, url: str) -> Link:
        """The line to the service, with the certificate there is."""
        good = self.certificate() is not None
        return Link(url or self.trust.url, self._authority, self._client if good else None)

    def ensure(self, url: str) -> bool:
        """Enrol or renew if it is time; True when there is a new certificate. Raises LinkDown, NotKnown."""
        with self._alone():
            certificate = self.certificate()
            if certificate is None or certificate.not_valid_after_utc <= now():
                self._enrol(url)
            elif _renewal_is_due(certificate, now()):
                self._renew(url)
            else:
                return False
            return True

    def enrol(self, url: str) -> None:
        """A certificate by the identity key: the first, or one after a long time. Raises LinkDown, NotKnown."""
        with self._alone():
            self._enrol(url)

    def renew(self, url: str) -> None:
        """A certificate for a fresh key. If the reply is lost, the same request is sent again. See `ensure`."""
        with self._alone():
            self._renew(url)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """The agent, the page and the command line must not ask at once: each would overwrite the other's key."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=for_roles(0o700))
        with (self.folder / "lock").open("w") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            yield

    def _enrol(self, url: str) -> None:
        self._next_key.unlink(missing_ok=True)
        link = Link(url or self.trust.url, self._authority)
        nonce = link.ask("challenge", {}, Challenge).nonce
        enrolment = Enrolment(self.trust.serial, nonce, self._request())
        self._take(link.ask("enrol", EnrolRequest(self.identity.prove(enrolment)), Issued))

    def _renew(self, url: str) -> None:
        self._take(self.link(url).ask("renew", RenewRequest(self._request()), Issued))

    def claim(self, url: str, code: str, clinic: str) -> None:
        """Bind the box to the clinic by the code of its label; raises WrongCode, LinkDown, NotKnown."""
        self.ensure(url)
        self.link(url).ask("claim", ClaimRequest(code, clinic), dict)

    def forget(self) -> None:
        """Destroy every key of the link."""
        for path in (self._client, self._next_key, self.folder / "identity.pem"):
            if path.exists():
                path.write_bytes(b"\0" * path.stat().st_size)
                path.unlink()

    def _request(self) -> str:
        if not self._next_key.exists():
            keep(self._next_key, private_pem(new_key()))
        return request_for(self.trust.serial, load_key(self._next_key))

    def _take(self, issued: Issued) -> None:
        key = load_key(self._next_key)
        try:
            certificate = x509.load_pem_x509_certificate(issued.certificate.encode())
            certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(self._authority.read_bytes()))
        except Exception:  # whatever is wrong with it, it is not a certificate for this box
            raise NotKnown from None
        if certificate.public_key() != key.public_key():
            raise NotKnown
        keep(self._client, issued.certificate.encode() + private_pem(key))
        self._next_key.unlink()


def _renewal_is_due(certificate: x509.Certificate, at: datetime) -> bool:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return at >= begin + (end - begin) * RENEW_AT
