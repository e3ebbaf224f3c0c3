"""UPS-RS (PS3.18 11) and the separation of clinics, over the real app of a reader service."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydicom.dataset import Dataset

from appliance.logs import Log
from appliance.reading.story import Story
from appliance.reading.workitem import Request, story_of, workitem
from appliance.reading.workitems import GLOBAL_SUBSCRIPTION
from appliance.wiring import Box
from appliance.wiring.reader import ReaderApps, ReaderService, build_reader_app
from tests.box import PASSWORD
from tests.conftest import SENTINEL
from tests.pictures import small_study
from tests.unit.test_dicomweb_service import Peer, _file
from webui.services import BoxFacts

UID = "1.2.826.0.1.1"


@pytest.fixture
def app(box: Box) -> Flask:
    """A reader service that is set up."""
    box.first_run.set_up(clinic="Far Readers", kind="vet", name="Rita", password=PASSWORD)
    facts = BoxFacts(
        kind="reader",
        ae_title="BUCKY",
        addresses=lambda: ["127.0.0.1"],
        dicom_port=lambda: None,
        http_port=8090,
        secret_key=box.secret_key,
    )
    return build_reader_app(box, facts, Log("web"))


class Clinic(Peer):
    """A clinic's credential."""

    def send(self, method: str, path: str, document: object = None):
        headers = {**self._headers, "Content-Type": "application/dicom+json"}
        body = None if document is None else json.dumps(document)
        return self._client.open(f"/dicom-web{path}", method=method, data=body, headers=headers)


@pytest.fixture
def clinic(app: Flask, box: Box) -> Callable[[str], Clinic]:
    """Makes clinics."""
    return lambda name: Clinic(app.test_client(), box.tokens.create(name, "technician"))


def _ask(peer: Clinic, urgency: str = "routine", uid: str = UID) -> list[Dataset]:
    study = small_study()
    peer.stow(*map(_file, study))
    document = {
        "0020000D": {"vr": "UI", "Value": [str(study[0].StudyInstanceUID)]},
        "00741200": {"vr": "CS", "Value": [{"STAT": "HIGH", "urgent": "MEDIUM", "routine": "LOW"}[urgency]]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": f"{SENTINEL}^Rex"}]},
    }
    assert peer.post_json(f"/workitems?{uid}", [document]).status_code == 201
    return study


def _state(state: str, transaction_uid: str = "1.2.3.4") -> list[dict[str, Any]]:
    ds = Dataset()
    ds.ProcedureStepState, ds.TransactionUID = state, transaction_uid
    return [ds.to_json_dict()]


def test_a_workitem_goes_its_way_by_the_rules_of_the_standard(clinic: Callable[[str], Clinic]) -> None:
    """PS3.4 table CC.1.1-2: SCHEDULED, IN PROGRESS, COMPLETED, with the performer's transaction UID."""
    peer = clinic("Paw")
    _ask(peer)
    assert peer.send("PUT", f"/workitems/{UID}/state", _state("COMPLETED")).status_code == 409
    assert peer.send("PUT", f"/workitems/{UID}/state", _state("IN PROGRESS", "")).status_code == 400
    assert peer.send("PUT", f"/workitems/{UID}/state", _state("IN PROGRESS")).status_code == 200
    assert peer.send("PUT", f"/workitems/{UID}/state", _state("IN PROGRESS", "1.2.9")).status_code == 409
    update = [{"00741204": {"vr": "LO", "Value": ["Second look"]}}]
    assert peer.send("POST", f"/workitems/{UID}", update).status_code == 409
    assert peer.send("POST", f"/workitems/{UID}?transaction-uid=1.2.3.4", update).status_code == 200
    assert peer.send("PUT", f"/workitems/{UID}/state", _state("COMPLETED", "1.2.9")).status_code == 409
    assert peer.send("PUT", f"/workitems/{UID}/state", _state("COMPLETED")).status_code == 200
    again = peer.send("PUT", f"/workitems/{UID}/state", _state("COMPLETED"))
    assert (again.status_code, "already" in again.headers["Warning"]) == (200, True)
    (shown,) = peer.get(f"/workitems/{UID}").get_json(force=True)
    assert shown["00741000"]["Value"] == ["COMPLETED"]
    assert shown["00741204"]["Value"] == ["Second look"]
    assert "00081195" not in shown  # the transaction UID is the performer's alone


@pytest.mark.parametrize("tag", ["00741000", "00080018", "00081195", "0020000D"])
def test_what_has_a_service_of_its_own_is_not_updated(clinic: Callable[[str], Clinic], tag: str) -> None:
    """State, identity and lock (PS3.4 CC.2.6.3)."""
    peer = clinic("Paw")
    _ask(peer)
    vr = "CS" if tag == "00741000" else "UI"
    assert peer.send("POST", f"/workitems/{UID}", [{tag: {"vr": vr, "Value": ["1.2"]}}]).status_code == 400


def test_cancel_is_done_while_nobody_works_on_it_and_else_told_to_the_performer(
    clinic: Callable[[str], Clinic],
) -> None:
    """PS3.18 11.8, PS3.4 CC.2.2."""
    peer = clinic("Paw")
    _ask(peer)
    _ask(peer, uid="1.2.826.0.1.2")
    assert peer.send("POST", f"/workitems/{GLOBAL_SUBSCRIPTION}/subscribers/VIEWER").status_code == 201
    assert peer.send("POST", f"/workitems/{UID}/cancelrequest").status_code == 202
    (shown,) = peer.get(f"/workitems/{UID}").get_json(force=True)
    assert shown["00741000"]["Value"] == ["CANCELED"]
    peer.send("PUT", "/workitems/1.2.826.0.1.2/state", _state("IN PROGRESS"))
    reason = [{"00741238": {"vr": "LT", "Value": ["Owner went home"]}}]
    assert peer.send("POST", "/workitems/1.2.826.0.1.2/cancelrequest", reason).status_code == 202
    (shown,) = peer.get("/workitems/1.2.826.0.1.2").get_json(force=True)
    assert shown["00741000"]["Value"] == ["IN PROGRESS"]
    events = peer.get("/subscribers/VIEWER?after=0").get_json(force=True)
    assert [e["00001002"]["Value"][0] for e in events] == [1, 1, 1, 1, 2]
    assert events[-1]["00741238"]["Value"] == ["Owner went home"]


def test_events_come_once_and_only_to_subscribers(clinic: Callable[[str], Clinic]) -> None:
    """Numbers grow; nothing new is 204 with the last number."""
    peer = clinic("Paw")
    _ask(peer)
    assert peer.get("/subscribers/BOX1?after=0").status_code == 204
    subscribed = peer.send("POST", f"/workitems/{UID}/subscribers/BOX1")
    assert subscribed.headers["Content-Location"].endswith("/dicom-web/subscribers/BOX1")
    first = peer.get("/subscribers/BOX1?after=0")
    assert len(first.get_json(force=True)) == 1
    last = first.headers["Bucky-Last-Event"]
    assert peer.get(f"/subscribers/BOX1?after={last}").status_code == 204
    peer.send("PUT", f"/workitems/{UID}/state", _state("IN PROGRESS"))
    assert len(peer.get(f"/subscribers/BOX1?after={last}").get_json(force=True)) == 1
    assert peer.send("DELETE", f"/workitems/{UID}/subscribers/BOX1").status_code == 200
    assert peer.get("/subscribers/BOX1?after=0").status_code == 204


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", 2),
        ("ProcedureStepState=SCHEDULED", 2),
        ("ProcedureStepState=COMPLETED", 0),
        ("ScheduledProcedureStepPriority=HIGH", 1),
        ("00741200=HIGH", 1),
        (f"PatientName={SENTINEL}*", 2),
        ("PatientName=Other*", 0),
        ("limit=1", 1),
        ("offset=2", 0),
        ("PatientID=' OR 1=1 --", 0),
    ],
)
def test_search_matches_attributes(clinic: Callable[[str], Clinic], query: str, found: int) -> None:
    """PS3.18 11.9; nothing found is 204."""
    peer = clinic("Paw")
    _ask(peer)
    _ask(peer, "STAT", "1.2.826.0.1.2")
    answer = peer.get(f"/workitems?{query}")
    assert (answer.status_code, len(answer.get_json(force=True) if found else [])) == (200 if found else 204, found)


@pytest.mark.parametrize("query", ["NoSuchThing=1", "limit=x", "zz=1"])
def test_a_search_that_cannot_be_answered_is_refused(clinic: Callable[[str], Clinic], query: str) -> None:
    """400 instead of an answer that ignores it."""
    assert clinic("Paw").get(f"/workitems?{query}").status_code == 400


def test_the_same_uids_in_two_clinics_mean_two_things(clinic: Callable[[str], Clinic], box: Box) -> None:
    """Study, SOP instance and workitem UIDs that collide overwrite and reveal nothing."""
    first, second = clinic("Paw"), clinic("Claw")
    study = small_study("cervical-spine")
    assert first.stow(_file(study[0])).status_code == 200
    study[0].PatientName, study[0].PatientComments = "Other^Cat", "another patient"
    assert second.stow(_file(study[0])).status_code == 200  # no conflict, no hint that it is there
    names = [
        peer.get("/studies").get_json(force=True)[0]["00100010"]["Value"][0]["Alphabetic"] for peer in (first, second)
    ]
    assert names == [f"{SENTINEL}^Rex", "Other^Cat"]
    _ask(first)
    _ask(second, "STAT")
    assert first.get("/workitems").get_json(force=True)[0]["00741200"]["Value"] == ["LOW"]


def test_a_second_clinics_credential_gets_nothing_of_the_firsts(
    app: Flask, clinic: Callable[[str], Clinic], box: Box
) -> None:
    """Every address of the service and of each clinic's app, with every method, asked for everything of the first."""
    first, second = clinic("Paw"), clinic("Claw")
    second.get("/studies")
    study = _ask(first)
    ds = study[0]
    fill = {
        "study": str(ds.StudyInstanceUID),
        "series": str(ds.SeriesInstanceUID),
        "instance": str(ds.SOPInstanceUID),
        "uid": UID,
        "ae_title": "BOX1",
    }
    others = [uid for other in study[1:] for uid in (other.SOPInstanceUID, other.SeriesInstanceUID)]
    secrets = [SENTINEL.encode(), ds.PixelData[:64], *(uid.encode() for uid in others)]  # what was asked may be echoed
    service = ReaderService(box)
    inner = ReaderApps(service, app_facts(app), Log("web")).of_clinic(1)
    state_before = box_state(service.box(1))
    tried = 0
    for prefix, rules in (("", app.url_map), ("", inner.url_map), ("/clinics/1", inner.url_map)):
        for rule in rules.iter_rules():
            filled = re.sub(r"<(?:(\w+):)?(\w+)>", lambda m: "1" if m[1] == "int" else fill.get(m[2], "1"), rule.rule)
            path = prefix + filled
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                answer = second._client.open(path, method=method, headers=second._headers, data=b"[{}]")
                assert not any(secret in answer.data for secret in secrets), (method, path)
                if path.endswith(tuple(fill.values())) and "dicom-web" in path and method == "GET":
                    assert answer.status_code in (204, 401, 404, 405), (path, answer.status_code)
                tried += 1
    assert tried > 150
    assert box_state(service.box(1)) == state_before
    assert first.get("/studies").get_json(force=True)


def app_facts(app: Flask) -> BoxFacts:
    """The facts with which the app was made."""
    found = app.jinja_env.globals["facts"]
    assert isinstance(found, BoxFacts)
    return found


def box_state(box: Box) -> list[Any]:
    """All that a foreign request could have changed."""
    rows = box.database.read.conn.execute(
        "SELECT workitem_uid, state, document, transaction_uid FROM workitem ORDER BY workitem_uid"
    ).fetchall()
    return [rows, box.catalogue.count(), len(box.catalogue.instances(1))]


def test_a_story_comes_back_from_a_workitem_that_is_not_ours() -> None:
    """Standard attributes of another requester."""
    asked = Dataset()
    asked.ReasonForTheRequestedProcedure = "Fracture?"
    ds = Dataset()
    ds.ReferencedRequestSequence = [asked]
    ds.AdditionalPatientHistory = "Fell."
    assert story_of(ds.to_json_dict()) == Story(question="Fracture?", history="Fell.")


def _log_in(client: FlaskClient, name: str = "Rita") -> None:
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/login").text)
    assert token
    form = {"csrf_token": token.group(1), "name": name, "password": PASSWORD}
    assert client.post("/login", data=form).status_code == 302


def _post(client: FlaskClient, page: str, path: str, **fields: str):
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get(page).text)
    assert token, page
    return client.post(path, data={"csrf_token": token.group(1), **fields})


def test_two_readers_never_have_one_case(app: Flask, clinic: Callable[[str], Clinic], box: Box) -> None:
    """Who comes second is told who has it, and cannot write; given back it is free again."""
    _ask(clinic("Paw"), "STAT")
    box.accounts.add("Ben", "doctor", PASSWORD)
    rita, ben = app.test_client(), app.test_client()
    _log_in(rita)
    _log_in(ben, "Ben")
    case = "/clinics/1/cases/1"
    assert "STAT" in rita.get("/").text
    assert _post(rita, case, f"{case}/claim").status_code == 302
    refused = _post(ben, case, f"{case}/claim")
    assert (refused.status_code, "Rita has this case" in refused.text) == (409, True)
    assert _post(ben, case, f"{case}/draft", findings="x").status_code == 409
    assert _post(ben, case, f"{case}/sign", findings="x", password=PASSWORD).status_code == 400
    assert _post(ben, case, f"{case}/release").status_code == 409
    assert _post(rita, case, f"{case}/release").status_code == 302
    assert _post(ben, case, f"{case}/claim").status_code == 302


def test_a_report_needs_the_password_and_completes_the_workitem(app: Flask, clinic: Callable[[str], Clinic]) -> None:
    """A wrong password keeps what was typed and signs nothing."""
    peer = clinic("Paw")
    study = _ask(peer)
    client = app.test_client()
    _log_in(client)
    case = "/clinics/1/cases/1"
    _post(client, case, f"{case}/claim")
    typed = {"findings": "Lungs clear.", "impression": "Normal.", "recommendation": "", "author": "Dr Rita Far"}
    wrong = _post(client, case, f"{case}/sign", status="final", password="wrong password", **typed)
    assert wrong.status_code == 403
    assert "Lungs clear." in wrong.text
    assert _post(client, case, f"{case}/sign", status="final", password=PASSWORD, **typed).status_code == 302
    (shown,) = peer.get(f"/workitems/{UID}").get_json(force=True)
    assert shown["00741000"]["Value"] == ["COMPLETED"]
    outputs = shown["00741216"]["Value"][0]["00404033"]["Value"]
    found = peer.get(f"/studies/{study[0].StudyInstanceUID}/instances").get_json(force=True)
    assert {o["00081199"]["Value"][0]["00081155"]["Value"][0] for o in outputs} <= {
        i["00080018"]["Value"][0] for i in found
    }
    assert _post(client, case, f"{case}/sign", status="final", password=PASSWORD, **typed).status_code == 400
    amended = _post(client, case, f"{case}/sign", status="addendum", password=PASSWORD, **{**typed, "critical": "on"})
    assert amended.status_code == 302
    page = client.get(case).text
    assert "addendum" in page
    assert "not yet acknowledged" in page


def test_the_workitem_helper_and_the_service_agree(clinic: Callable[[str], Clinic], box: Box) -> None:
    """What a box writes is what the reading list shows."""
    peer = clinic("Paw")
    peer.stow(*map(_file, small_study()))
    inner = ReaderService(box).box(1)
    story = Story(question="Heart size?", region="Thorax")
    request = Request("urgent", story, "Paw", "ann", None)
    document = workitem(inner.catalogue.study(1), inner.catalogue.instances(1), request)
    assert peer.post_json("/workitems?1.2.3", [document]).status_code == 201
    (case,) = inner.cases.open()
    assert (case.urgency, case.story, case.expected, case.arrived) == ("urgent", story, 3, 3)
