"""UPS-RS: the resources of a worklist (PS3.18 11), over the worklist of the one whose credential asks."""

import json
from typing import Any

from flask import Blueprint, Response, g, request
from pydicom.datadict import keyword_for_tag, tag_for_keyword
from pydicom.dataset import Dataset

from appliance.dicom.record import text
from appliance.dicomweb.answers import DICOM_JSON, WorkitemExists, base_url, json_answer
from appliance.errors import BadInput
from appliance.reading.workitems import Workitems

MAX_WORKITEM_BYTES = 4 * 2**20
MAX_LIMIT = 500
_CONTROL = frozenset({"limit", "offset", "includefield", "fuzzymatching"})
_EVENTS_AT_ONCE = 100


def add(blueprint: Blueprint, workitems: Workitems) -> None:
    """The resources `workitems` and `subscribers`."""
    _add_workitems(blueprint, workitems)
    _add_subscriptions(blueprint, workitems)


def _add_workitems(blueprint: Blueprint, workitems: Workitems) -> None:
    @blueprint.post("/workitems")
    def create_workitem() -> Response:
        document = _document()
        uid = next((key for key, value in request.args.items() if not value), request.args.get("workitem", ""))
        uid = uid or text(_dataset(document), "SOPInstanceUID") or ""
        if not uid:
            raise BadInput(field="Workitem", reason="a UID in the address is needed")
        if not workitems.create(uid, document, g.sender):
            raise WorkitemExists
        return Response(status=201, headers={"Location": f"{base_url()}/workitems/{uid}"})

    @blueprint.get("/workitems")
    def search_workitems() -> Response:
        limit, offset = min(MAX_LIMIT, _number("limit", MAX_LIMIT)), _number("offset", 0)
        found = workitems.search(_query(), limit=limit, offset=offset)
        return json_answer(found, media_type=DICOM_JSON) if found else Response(status=204)

    @blueprint.get("/workitems/<uid>")
    def workitem(uid: str) -> Response:
        return json_answer([workitems.get(uid).shown()], media_type=DICOM_JSON)

    @blueprint.post("/workitems/<uid>")
    def update_workitem(uid: str) -> Response:
        transaction_uid = next((key for key, value in request.args.items() if not value), None)
        workitems.update(uid, _document(), request.args.get("transaction-uid") or transaction_uid)
        return Response(status=200)

    @blueprint.put("/workitems/<uid>/state")
    def change_state(uid: str) -> Response:
        ds = _dataset(_document())
        state, transaction_uid = text(ds, "ProcedureStepState") or "", text(ds, "TransactionUID") or ""
        answer = Response(status=200)
        if not workitems.change_state(uid, state, transaction_uid):
            answer.headers["Warning"] = f'299 bucky "The UPS is already in the requested state of {state}."'
        return answer

    @blueprint.post("/workitems/<uid>/cancelrequest")
    def request_cancel(uid: str) -> Response:
        reason = text(_dataset(_document(empty=True)), "ReasonForCancellation") or ""
        workitems.request_cancel(uid, reason)
        return Response(status=202)


def _add_subscriptions(blueprint: Blueprint, workitems: Workitems) -> None:
    @blueprint.post("/workitems/<uid>/subscribers/<ae_title>")
    def subscribe(uid: str, ae_title: str) -> Response:
        lock = request.args.get("deletionlock", "").lower() == "true"
        workitems.subscribe(ae_title, uid, deletion_lock=lock)
        return Response(status=201, headers={"Content-Location": f"{base_url()}/subscribers/{ae_title}"})

    @blueprint.delete("/workitems/<uid>/subscribers/<ae_title>")
    def unsubscribe(uid: str, ae_title: str) -> Response:
        workitems.unsubscribe(ae_title, uid)
        return Response(status=200)

    @blueprint.post("/workitems/<uid>/subscribers/<ae_title>/suspend")
    def suspend(uid: str, ae_title: str) -> Response:
        workitems.suspend(ae_title)
        return Response(status=200)

    @blueprint.get("/subscribers/<ae_title>")
    def events(ae_title: str) -> Response:
        """The events after a number, at once; see the README of this folder for why nothing waits here."""
        after = _number("after", 0)
        found = workitems.events(ae_title, after, limit=_EVENTS_AT_ONCE)
        if not found:  # also the answer to "where are we now": no body, a few bytes
            return Response(status=204, headers={"Bucky-Last-Event": str(max(after, workitems.last_event()))})
        answer = json_answer([event.document for event in found], media_type=DICOM_JSON)
        answer.headers["Bucky-Last-Event"] = str(found[-1].number)
        return answer


def _document(*, empty: bool = False) -> dict[str, Any]:
    """The request's body: a DICOM JSON object, or a list with one."""
    if (request.content_length or 0) > MAX_WORKITEM_BYTES:
        raise BadInput(field="Workitem", reason="it is too long")
    content = request.stream.read(MAX_WORKITEM_BYTES)
    if empty and not content.strip():
        return {}
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        document = None
    document = document[0] if isinstance(document, list) and document else document
    if not isinstance(document, dict):
        raise BadInput(field="Workitem", reason="DICOM JSON is needed")
    return document


def _dataset(document: dict[str, Any]) -> Dataset:
    try:
        return Dataset.from_json(document)
    except Exception as error:  # whatever a peer sends as JSON may break anywhere in the parser
        raise BadInput(field="Workitem", reason="it is not DICOM JSON") from error


def _query() -> Dataset:
    """Query parameters as a data set of keys; a dot leads into a sequence (PS3.18 8.3.4.1)."""
    query = Dataset()
    for name, value in request.args.items():
        if name in _CONTROL:
            continue
        target, path = query, [_keyword(part) for part in name.split(".")]
        for keyword in path[:-1]:
            if keyword not in target:
                setattr(target, keyword, [Dataset()])
            target = target[keyword].value[0]
        try:
            setattr(target, path[-1], value)
        except Exception as error:
            raise BadInput(field=name[:64], reason="this value cannot be searched for") from error
    return query


def _keyword(name: str) -> str:
    keyword = keyword_for_tag(int(name, 16)) if len(name) == 8 and _is_hex(name) else name
    if not keyword or tag_for_keyword(keyword) is None:
        raise BadInput(field=name[:64], reason="this attribute cannot be searched for")
    return keyword


def _is_hex(name: str) -> bool:
    return all(c in "0123456789abcdefABCDEF" for c in name)


def _number(name: str, otherwise: int) -> int:
    value = request.args.get(name, str(otherwise))
    if not value.isdecimal():
        raise BadInput(field=name, reason="a whole number")
    return int(value)
