"""How the box shows who it is to a destination, and whom it trusts there; kept as JSON in the destination's row."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace

from appliance.errors import BadInput
from appliance.validators import valid_http_url


@dataclass(frozen=True)
class Access:
    """Every field may be empty. Secrets: password, client_secret, key_pem."""

    user: str = ""
    password: str = ""
    token_url: str = ""  # OAuth 2.0 client credentials (RFC 6749 4.4)
    client_id: str = ""
    client_secret: str = ""
    scope: str = ""
    certificate_pem: str = ""  # of this box, shown in the TLS handshake
    key_pem: str = ""
    ca_pem: str = ""  # trusted beside the system's authorities
    tls: bool = False  # DIMSE only; DICOMweb says it by https

    @property
    def way(self) -> str:
        """The way of log-in, in words for lists."""
        ways = [
            "user and password" if self.user else "",
            "OAuth 2.0" if self.token_url else "",
            "client certificate" if self.certificate_pem else "",
        ]
        return " and ".join(filter(None, ways))

    def checked(self) -> "Access":
        """The same, or BadInput with what is missing."""
        if self.token_url:
            try:
                valid_http_url(self.token_url)
            except ValueError as error:
                raise BadInput(field="Token address", reason=str(error)) from None
            _need("Client", self.client_id, "an OAuth 2.0 client needs an identifier")
            _need("Client", self.client_secret, "an OAuth 2.0 client needs a secret")
        if self.user:
            _need("Password", self.password, "a user needs a password")
        if bool(self.certificate_pem) != bool(self.key_pem):
            raise BadInput(field="Certificate", reason="certificate and key are needed together")
        return self

    def without_secrets(self) -> "Access":
        """What may be shown."""
        return replace(self, password="", client_secret="", key_pem="")

    def to_json(self) -> str:
        """As the row keeps it."""
        return json.dumps({key: value for key, value in asdict(self).items() if value})


def access_from(document: str) -> Access:
    """What `to_json` wrote; keys that this release does not know are left out."""
    known: Mapping[str, object] = json.loads(document or "{}")
    return Access(**{f.name: known[f.name] for f in fields(Access) if f.name in known})  # type: ignore[arg-type]  # fields of several types


def _need(field: str, value: str, reason: str) -> None:
    if not value:
        raise BadInput(field=field, reason=reason)
