"""Asking a reader service for a link to a study, and taking it back."""

import re
from dataclasses import dataclass

from appliance.clock import moment
from appliance.dicomweb.client import DicomWebClient
from appliance.errors import PeerError
from appliance.validators import valid_uid

_PATH = re.compile(r"(/clinics/\d{1,9})?/share/[\w-]{20,100}")


class NoLinks(PeerError):
    """The destination is an archive that shows nothing to owners, or does not have the study."""

    code = "no-links"
    message = "This reader offers no links for this study."
    hint = "Send the study there first; else hand the pictures over as PDF, ZIP or on a stick."


@dataclass(frozen=True)
class FarShare:
    """A link as the reader service made it; `path` is below the service's address."""

    id: int
    path: str
    ends_at: str


class ShareClient:
    """The links of one destination."""

    def __init__(self, client: DicomWebClient) -> None:
        self._client = client

    def make(self, study_instance_uid: str, days: int) -> FarShare:
        """A link; raises NoLinks and other PeerErrors."""
        path = f"/studies/{valid_uid(study_instance_uid)}/shares"
        status, _, said = self._client.ask("POST", path, document={"days": days})
        try:
            if status != 201 or not _PATH.fullmatch(said["path"]):
                raise NoLinks
            moment(said["ends_at"])
            return FarShare(int(said["id"]), said["path"], said["ends_at"])
        except (KeyError, TypeError, ValueError):
            raise NoLinks from None

    def revoke(self, study_instance_uid: str, share_id: int) -> None:
        """Take one back; one that is gone already is no trouble."""
        status, _, _ = self._client.ask("DELETE", f"/studies/{valid_uid(study_instance_uid)}/shares/{share_id}")
        if status not in (204, 404):
            raise NoLinks
