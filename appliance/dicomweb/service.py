"""The DICOMweb service as a Flask blueprint: STOW-RS, QIDO-RS, WADO-RS and UPS-RS."""

from collections.abc import Collection

from flask import Blueprint, g, request

from appliance.accounts.roles import Role, includes
from appliance.accounts.tokens import TokenCheck
from appliance.archive.blobs import BlobStore
from appliance.archive.catalogue import Catalogue
from appliance.archive.copies import Copies
from appliance.archive.intake import Intake
from appliance.archive.search import Search
from appliance.dicomweb import audit, queries, receipts, resumable, retrieval, shares, storage, ups
from appliance.dicomweb import origins as cors
from appliance.dicomweb.answers import add_errors
from appliance.errors import NotAllowed, WrongCredentials
from appliance.logs import Log
from appliance.reading.workitems import Workitems


def create_blueprint(
    *,
    catalogue: Catalogue,
    search: Search,
    blobs: BlobStore,
    intake: Intake,
    uploads: resumable.Uploads,
    receipt: receipts.MakeReceipt,
    copies: Copies,
    workitems: Workitems,
    tokens: TokenCheck,
    log: Log,
    origins: Collection[str] = (),
    sharing: shares.Sharing | None = None,
    on_done: audit.Audit | None = None,
) -> Blueprint:
    """The resources below the place where the blueprint is mounted; `origins` may use them from a browser, and what
    programs did goes to `on_done`."""
    blueprint = Blueprint("dicomweb", __name__)
    blueprint.before_request(lambda: _authorize(tokens))
    add_errors(blueprint, log)
    if on_done:
        audit.add(blueprint, on_done)
    cors.allow(blueprint, origins)
    storage.add(blueprint, intake, uploads)  # first: it answers OPTIONS for /studies itself
    queries.add(blueprint, search, catalogue)
    retrieval.add(blueprint, catalogue, blobs, copies, log)
    receipts.add(blueprint, receipt)
    if sharing:
        shares.add(blueprint, sharing, catalogue)
    ups.add(blueprint, workitems)
    return blueprint


def _authorize(tokens: TokenCheck) -> None:
    """A bearer token with the role that the method needs (RFC 6750); a browser asks first without one."""
    if request.method == "OPTIONS":
        return
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    token = tokens.verify(text.strip()) if scheme.lower() == "bearer" else None
    if token is None:
        raise WrongCredentials(what="The token")
    needed: Role = "viewer" if request.method in ("GET", "HEAD") else "technician"
    if not includes(token.role, needed):
        raise NotAllowed
    g.sender = token.name
