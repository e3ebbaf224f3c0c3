"""Delivery receipts as a resource below each study: what this service holds, signed."""

import json
from collections.abc import Callable, Mapping

from flask import Blueprint, Response, request

MakeReceipt = Callable[[str, str | None], Mapping[str, str]]
"""A signed receipt for a study, for one SOP Instance UID of it if given."""


def add(blueprint: Blueprint, make: MakeReceipt) -> None:
    """`GET /studies/{study}/receipt[?SOPInstanceUID=...]`; a study that is not here has a receipt for nothing."""

    @blueprint.get("/studies/<study>/receipt")
    def receipt(study: str) -> Response:
        document = make(study, request.args.get("SOPInstanceUID"))
        headers = {"Cache-Control": "no-store"}
        return Response(json.dumps(document, ensure_ascii=False), headers=headers, content_type="application/json")
