"""STOW-RS, QIDO-RS, WADO-RS and workitems over real services."""

import io
import json

import pytest
from flask.testing import FlaskClient
from pydicom import dcmread
from pydicom.dataset import Dataset

from appliance.logs import Log
from appliance.reading.workitem import workitem
from appliance.wiring import Box
from tests.pictures import small_study
from webui.services import BoxFacts

BOUNDARY = "bound"
STOW = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'


class Peer:
    """A test client with a token."""

    def __init__(self, client: FlaskClient, token: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str, **headers: str):
        return self._client.get(f"/dicom-web{path}", headers={**self._headers, **headers})

    def stow(self, *files: bytes, path: str = "/studies", end: bool = True, content_type: str = STOW):
        parts = b"".join(
            b"--" + BOUNDARY.encode() + b"\r\nContent-Type: application/dicom\r\n\r\n" + f + b"\r\n" for f in files
        )
        body = parts + (f"--{BOUNDARY}--\r\n".encode() if end else b"")
        headers = {**self._headers, "Content-Type": content_type}
        return self._client.post(f"/dicom-web{path}", data=body, headers=headers)

    def post_json(self, path: str, document: object):
        headers = {**self._headers, "Content-Type": "application/dicom+json"}
        return self._client.post(f"/dicom-web{path}", data=json.dumps(document), headers=headers)


@pytest.fixture
def client(box: Box) -> FlaskClient:
    """The service without a token."""
    facts = BoxFacts(
        kind="reader",
        ae_title="BUCKY",
        addresses=lambda: ["127.0.0.1"],
        dicom_port=lambda: None,
        http_port=8090,
        secret_key=box.secret_key,
    )
    return box.app(facts, Log("web")).test_client()


@pytest.fixture
def peer(box: Box, client: FlaskClient) -> Peer:
    """A clinic's box."""
    return Peer(client, box.tokens.create("clinic", "technician"))


def _file(ds: Dataset) -> bytes:
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _uids(answer, tag: str) -> list[str]:
    items = answer.get_json(force=True).get(tag, {}).get("Value", [])
    return [item["00081155"]["Value"][0] for item in items if "00081155" in item]


def test_without_a_token_nothing_answers(client: FlaskClient) -> None:
    """401 with the scheme that is needed."""
    answer = client.get("/dicom-web/studies")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_reading_token_may_not_store(client: FlaskClient, box: Box) -> None:
    """Roles hold for programs too."""
    viewer = Peer(client, box.tokens.create("viewer", "viewer"))
    assert viewer.stow(_file(small_study("cervical-spine")[0])).status_code == 403
    assert viewer.get("/studies").status_code == 200


def test_stored_instances_are_named_and_come_back_with_the_same_data_set(peer: Peer) -> None:
    """STOW-RS, then WADO-RS."""
    study = small_study()
    answer = peer.stow(*map(_file, study))
    assert answer.status_code == 200
    assert _uids(answer, "00081199") == [str(ds.SOPInstanceUID) for ds in study]
    ds = study[0]
    path = f"/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}/instances/{ds.SOPInstanceUID}"
    back = dcmread(io.BytesIO(peer.get(path, Accept="application/dicom").data))
    assert back == ds
    assert peer.get(f"/studies/{ds.StudyInstanceUID}").data.count(b"DICM") == 3


def test_the_same_again_is_success_and_other_bytes_are_kept_but_not_confirmed(peer: Peer, box: Box) -> None:
    """Invariant 4 over STOW-RS."""
    (ds,) = small_study("cervical-spine")
    assert peer.stow(_file(ds)).status_code == 200
    assert peer.stow(_file(ds)).status_code == 200
    ds.PatientComments = "changed"
    answer = peer.stow(_file(ds))
    assert answer.status_code == 409
    assert _uids(answer, "00081198") == [str(ds.SOPInstanceUID)]
    assert len(box.catalogue.instances(1)) == 2


def test_a_truncated_body_confirms_nothing_of_the_part_that_broke_off(peer: Peer, box: Box) -> None:
    """400, and no instance."""
    content = _file(small_study("cervical-spine")[0])
    for cut in (200, 5_000, len(content) - 10):
        answer = peer.stow(content[:cut], end=False)
        assert answer.status_code == 400
    assert box.catalogue.count() == 0


def test_a_bad_part_does_not_harm_the_good_one(peer: Peer, box: Box) -> None:
    """202, each named with its outcome."""
    (ds,) = small_study("cervical-spine")
    answer = peer.stow(b"rubbish", _file(ds))
    assert answer.status_code == 202
    assert _uids(answer, "00081199") == [str(ds.SOPInstanceUID)]
    assert box.catalogue.count() == 1


@pytest.mark.parametrize("content_type", ["", "text/plain", "multipart/related", "multipart/form-data; boundary=bound"])
def test_a_wrong_content_type_is_refused_in_words(content_type: str, peer: Peer) -> None:
    """400 with what is needed."""
    answer = peer.stow(b"x", content_type=content_type)
    assert answer.status_code == 400
    assert "multipart/related" in answer.get_json()["message"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", 1),
        ("PatientID=K9-0042", 1),
        ("00100020=K9-0042", 1),
        ("PatientID=K9-____", 0),
        ("PatientID=K9-%2525", 0),
        ("PatientID=K9*", 1),
        ("PatientID=K9-00?2", 1),
        ("PatientName=zzsentinel*", 1),
        ("PatientName=Other*", 0),
        ("ResponsiblePerson=*Ann*", 1),
        ("PatientSpeciesDescription=Canine", 1),
        ("StudyDate=19000101-29991231", 1),
        ("StudyDate=29990101-", 0),
        ("ModalitiesInStudy=DX", 1),
        ("ModalitiesInStudy=CT", 0),
        ("PatientID=' OR 1=1 --", 0),
        ("limit=0", 0),
        ("offset=1", 0),
    ],
)
def test_matching_of_studies(query: str, found: int, peer: Peer) -> None:
    """Single value, wildcard, range, universal; LIKE's wildcards and SQL are plain text."""
    peer.stow(*map(_file, small_study()))
    answer = peer.get(f"/studies?{query}")
    assert answer.status_code == 200
    assert len(answer.get_json(force=True)) == found


def test_a_study_answers_with_its_counts_and_where_to_fetch_it(peer: Peer) -> None:
    """PS3.18 table 10.6.3-3."""
    study = small_study()
    peer.stow(*map(_file, study))
    (row,) = peer.get("/studies").get_json(force=True)
    assert row["00201206"]["Value"] == [3]
    assert row["00201208"]["Value"] == [3]
    assert row["00080061"]["Value"] == ["DX"]
    assert row["00081190"]["Value"][0].endswith(f"/dicom-web/studies/{study[0].StudyInstanceUID}")
    path = f"/studies/{study[0].StudyInstanceUID}/instances?SOPInstanceUID={study[1].SOPInstanceUID}"
    (found,) = peer.get(path).get_json(force=True)
    assert found["00080018"]["Value"] == [str(study[1].SOPInstanceUID)]


def test_an_attribute_that_cannot_be_searched_is_refused(peer: Peer) -> None:
    """400 instead of an answer that ignores it."""
    assert peer.get("/studies?ScreenWidth=3").status_code == 400
    assert peer.get("/studies?limit=many").status_code == 400


def test_metadata_has_the_attributes_and_no_pixels(peer: Peer) -> None:
    """Bulk data by URL."""
    (ds,) = small_study("cervical-spine")
    peer.stow(_file(ds))
    (document,) = peer.get(f"/studies/{ds.StudyInstanceUID}/metadata").get_json(force=True)
    assert document["00100020"]["Value"] == [ds.PatientID]
    assert "BulkDataURI" in document["7FE00010"]


def test_a_workitem_is_kept_once_and_gives_the_case_its_urgency(peer: Peer, box: Box) -> None:
    """UPS-RS create; the same UID again is 409."""
    peer.stow(*map(_file, small_study()))
    document = workitem(box.catalogue.study(1), box.catalogue.instances(1), 0)
    assert peer.post_json("/workitems?1.2.3", [document]).status_code == 201
    assert peer.post_json("/workitems?1.2.3", [document]).status_code == 409
    (case,) = box.cases.open()
    assert (case.urgency, case.expected, case.arrived) == ("STAT", 3, 3)
    assert peer.get("/workitems/1.2.3").get_json(force=True)[0]["00741000"]["Value"] == ["SCHEDULED"]


@pytest.mark.parametrize("document", [[], {}, "x", {"0020000D": {"vr": "UI", "Value": ["<b>"]}}, [[]], None])
def test_a_broken_workitem_is_refused(document: object, peer: Peer) -> None:
    """400, never 500."""
    assert peer.post_json("/workitems?1.2.3", document).status_code == 400
