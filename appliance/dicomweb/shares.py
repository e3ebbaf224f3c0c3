"""Links to look at a study, as a resource below it: made and taken back by the box whose study it is."""

from dataclasses import dataclass

from flask import Blueprint, Response, g, request

from appliance.archive.catalogue import Catalogue
from appliance.errors import BadInput
from appliance.reading.shares import Shares


@dataclass(frozen=True)
class Sharing:
    """What a reader service offers; `place` is the path below which the archive's pages are."""

    shares: Shares
    place: str


def add(blueprint: Blueprint, sharing: Sharing, catalogue: Catalogue) -> None:
    """`POST /studies/{study}/shares` with `{"days": 7}`, and `DELETE /studies/{study}/shares/{id}`."""

    @blueprint.post("/studies/<study>/shares")
    def share(study: str) -> tuple[dict[str, object], int]:
        said = request.get_json(silent=True, force=True)
        if not isinstance(said, dict):
            raise BadInput(field="Link", reason="JSON with the number of days is needed")
        found = catalogue.study_by_uid(study)
        made, secret = sharing.shares.make(found.study_instance_uid, g.sender, said.get("days"))
        return {"id": made.id, "path": f"{sharing.place}/share/{secret}", "ends_at": made.ends_at}, 201

    @blueprint.delete("/studies/<study>/shares/<int:share_id>")
    def unshare(study: str, share_id: int) -> Response:
        sharing.shares.revoke(study, share_id)
        return Response(status=204)
