"""The clients of destinations: by protocol, log-in and what the line itself guarantees."""

import ssl
from typing import TYPE_CHECKING

from appliance.errors import BadInput

if TYPE_CHECKING:
    from appliance.courier.destinations import Destination
    from appliance.courier.uplink import ArchiveClient
    from appliance.dicomweb.credentials import Credentials
    from appliance.wiring.reading import ReadingParts


def client_for(box: "ReadingParts", destination: "Destination", *, limit_bytes_s: int | None) -> "ArchiveClient":
    """The client that speaks to a destination; raises BadInput for a certificate or key that is none."""
    make = _dimse if destination.protocol == "dimse" else _dicomweb
    return make(box, destination, limit_bytes_s)


def _tls(destination: "Destination") -> ssl.SSLContext:
    from appliance.dicomweb.credentials import tls_context

    access = destination.access
    try:
        return tls_context(ca_pem=access.ca_pem, certificate_pem=access.certificate_pem, key_pem=access.key_pem)
    except (ssl.SSLError, ValueError, OSError) as error:
        raise BadInput(field="Certificate", reason="certificate or key cannot be used; give them as PEM") from error


def _dicomweb(box: "ReadingParts", destination: "Destination", limit_bytes_s: int | None) -> "ArchiveClient":
    from appliance.dicomweb.client import DicomWebClient

    def remember(resumable: bool) -> None:
        box.destinations.learn(destination.id, lambda found: found.with_uploads(resumable))

    settings = box.settings
    return DicomWebClient(
        destination.url,
        credentials=_credentials(destination),
        tls=_tls(destination) if destination.url.startswith("https:") else None,
        scratch=None if destination.keeps_integrity and not box.settings.archive_url else box.blobs.scratch,
        reader_key=destination.reader_key,
        on_key=lambda key: box.destinations.pin_key(destination.id, key),
        limit_bytes_s=limit_bytes_s,
        resumable=destination.found.resumable or None,  # who takes none is asked again: services learn
        on_resumable=remember,
        stall_timeout_s=settings.stall_timeout_s,
        answer_timeout_s=settings.answer_timeout_s,
    )


def _credentials(destination: "Destination") -> "Credentials":
    from appliance.dicomweb.credentials import ClientCredentials, Fixed
    from appliance.dicomweb.session import open_session

    access = destination.access
    if access.token_url:
        return ClientCredentials(
            token_url=access.token_url,
            client_id=access.client_id,
            client_secret=access.client_secret,
            scope=access.scope,
            session=open_session(tls=_tls(destination) if access.token_url.startswith("https:") else None),
        )
    return Fixed(token=destination.token, basic=(access.user, access.password) if access.user else None)


def _dimse(box: "ReadingParts", destination: "Destination", limit_bytes_s: int | None) -> "ArchiveClient":
    from appliance.dimse.scu import DimseClient

    return DimseClient(
        destination.url,
        calling_ae=box.settings.ae_title,
        tls=_tls(destination) if destination.access.tls else None,
        scratch=None if destination.keeps_integrity and not box.settings.archive_url else box.blobs.scratch,
        limit_bytes_s=limit_bytes_s,
        stall_timeout_s=box.settings.stall_timeout_s,
        answer_timeout_s=10 * box.settings.answer_timeout_s,  # an early timeout reports failure of what was stored
    )
