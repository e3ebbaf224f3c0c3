"""STOW-RS, QIDO-RS, WADO-RS and workitems over real services."""

import io
import json

import pytest
import requests
from flask.testing import FlaskClient
from pydicom import dcmread
from pydicom.dataset import Dataset

from appliance.logs import Log
from appliance.reading.story import Story
from appliance.reading.workitem import Request, workitem
from appliance.wiring import Box
from appliance.wiring.web import build_app
from tests.pictures import small_study
from tests.service import make_box, served
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

    def post(self, path: str, body: bytes, content_type: str):
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
    return build_app(box, facts, Log("web")).test_client()


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
    assert viewer.get("/studies").status_code == 204


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
    """415, or 400 where only the boundary is missing, with what is needed."""
    answer = peer.stow(b"x", content_type=content_type)
    assert answer.status_code == (400 if content_type == "multipart/related" else 415)
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
    assert answer.status_code == (200 if found else 204)
    assert len(answer.get_json(force=True) if found else []) == found


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
    request = Request("STAT", Story(question="Pneumonia?"), "Paw", "ann", None)
    document = workitem(box.catalogue.study(1), box.catalogue.instances(1), request)
    assert peer.post_json("/workitems?1.2.3", [document]).status_code == 201
    assert peer.post_json("/workitems?1.2.3", [document]).status_code == 409
    (case,) = box.cases.open()
    assert (case.urgency, case.expected, case.arrived) == ("STAT", 3, 3)
    assert peer.get("/workitems/1.2.3").get_json(force=True)[0]["00741000"]["Value"] == ["SCHEDULED"]


@pytest.mark.parametrize("document", [[], {}, "x", {"0020000D": {"vr": "UI", "Value": ["<b>"]}}, [[]], None])
def test_a_broken_workitem_is_refused(document: object, peer: Peer) -> None:
    """400, never 500."""
    assert peer.post_json("/workitems?1.2.3", document).status_code == 400


def test_paging_says_how_many_there_are(peer: Peer) -> None:
    """X-Total-Count, and a warning while results are left (PS3.18 8.3.4.4)."""
    peer.stow(*map(_file, small_study()))
    answer = peer.get("/instances?limit=2")
    assert (len(answer.get_json(force=True)), answer.headers["X-Total-Count"]) == (2, "3")
    assert answer.headers["Warning"].startswith("299 ") and "1 additional" in answer.headers["Warning"]
    rest = peer.get("/instances?limit=2&offset=2")
    assert (len(rest.get_json(force=True)), rest.headers["X-Total-Count"]) == (1, "3")
    assert "Warning" not in rest.headers


def test_fields_of_the_file_are_included_by_keyword_tag_and_path(peer: Peer) -> None:
    """What the index does not hold comes from the file; of a sequence only what was asked for."""
    (ds,) = small_study("cervical-spine")
    request = Dataset()
    request.ScheduledProcedureStepID, request.RequestedProcedureID, request.ReasonForTheRequestedProcedure = (
        "S1",
        "R1",
        "x",
    )
    ds.RequestAttributesSequence = [request]
    ds.PerformedProcedureStepStartDate = "20260102"
    peer.stow(_file(ds))
    (series,) = peer.get("/series").get_json(force=True)
    assert series["00400244"]["Value"] == ["20260102"]
    assert set(series["00400275"]["Value"][0]) == {"00400009", "00401001"}
    path = "RequestAttributesSequence.ReasonForTheRequestedProcedure"
    (instance,) = peer.get(f"/instances?includefield=KVP,{path}").get_json(force=True)
    assert "00180060" in instance and set(instance["00400275"]["Value"][0]) == {"00401002"}
    (study,) = peer.get("/studies?includefield=all").get_json(force=True)
    assert "00100010" in study and "00180060" not in study
    assert peer.get("/studies?includefield=NoSuchThing").status_code == 400


@pytest.mark.parametrize(("value", "found"), [("S1", 1), ("S*", 1), ("S2", 0)])
def test_series_are_found_by_the_request_that_they_answer(value: str, found: int, peer: Peer) -> None:
    """PS3.18 table 10.6.1-5, an attribute inside a sequence."""
    (ds,) = small_study("cervical-spine")
    request = Dataset()
    request.ScheduledProcedureStepID = "S1"
    ds.RequestAttributesSequence = [request]
    peer.stow(_file(ds))
    answer = peer.get(f"/series?RequestAttributesSequence.ScheduledProcedureStepID={value}")
    assert answer.status_code == (200 if found else 204)
    assert answer.headers["X-Total-Count"] == str(found)


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("*/*", 200),
        ("application/dicom", 200),
        ('multipart/related; type="application/dicom"', 200),
        ('multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2', 200),
        ('multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.90', 406),
        ("text/html, application/dicom; q=0.5", 200),
        ("application/dicom; q=0", 406),
        ("image/jpeg", 406),
        ("application/dicom+json", 406),
    ],
)
def test_the_media_type_of_an_instance_is_negotiated(accept: str, status: int, peer: Peer) -> None:
    """Type, transfer syntax and weights of the Accept header (PS3.18 8.7.4)."""
    (ds,) = small_study("cervical-spine")
    peer.stow(_file(ds))
    answer = peer.get(_path(ds), Accept=accept)
    assert answer.status_code == status
    if status == 200:
        assert answer.data.count(b"DICM") == 1
        assert answer.content_type.startswith(
            "multipart" if "multipart" in accept or accept == "*/*" else "application/dicom"
        )


def _path(ds: Dataset, below: str = "") -> str:
    return f"/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}/instances/{ds.SOPInstanceUID}{below}"


@pytest.mark.parametrize(
    ("below", "accept", "status"),
    [
        ("/frames/1", "application/octet-stream", 200),
        ("/frames/2", "*/*", 404),
        ("/frames/0", "*/*", 400),
        ("/frames/x", "*/*", 400),
        ("/frames/1", "image/jls", 406),
        ("/rendered", "image/png", 200),
        ("/rendered", "application/pdf", 406),
        ("/rendered?window=1,2", "*/*", 400),
        ("/rendered?window=1,0,linear", "*/*", 400),
        ("/rendered?viewport=0,10", "*/*", 400),
        ("/rendered?viewport=10,10,0,0,9999,9", "*/*", 400),
        ("/rendered?quality=0", "*/*", 400),
        ("/rendered?annotation=all", "*/*", 400),
        ("/rendered?accept=image/png", "text/html", 200),
        ("/rendered?viewport=30,30,10,10,50,50&annotation=patient,technique", "image/jpeg", 200),
        ("/rendered", "image/gif", 200),
        ("/frames/1/rendered", "*/*", 200),
        ("/frames/2/rendered", "*/*", 404),
        ("/thumbnail", "*/*", 200),
        ("/frames/1/thumbnail", "image/jpeg", 200),
        ("/metadata", "application/dicom+xml", 406),
        ("/bulkdata/7FE00010", "*/*", 200),
        ("/bulkdata/00100010", "*/*", 404),
        ("/bulkdata/..", "*/*", 404),
        ("/bulkdata", "*/*", 200),
    ],
)
def test_every_resource_answers_with_the_status_of_the_standard(
    below: str, accept: str, status: int, peer: Peer
) -> None:
    """PS3.18 table 8.5-1."""
    (ds,) = small_study("cervical-spine")
    peer.stow(_file(ds))
    answer = peer.get(_path(ds, below), Accept=accept)
    assert answer.status_code == status, answer.data[:200]
    assert answer.data


def test_bulk_data_of_an_instance_come_with_their_addresses(peer: Peer) -> None:
    """A long value inside a sequence is found at the address that the metadata give."""
    (ds,) = small_study("cervical-spine")
    item = Dataset()
    item.add_new(0x00420011, "OB", b"x" * 6000)
    ds.add_new(0x00080051, "SQ", [item])
    peer.stow(_file(ds))
    (document,) = peer.get(_path(ds, "/metadata")).get_json(force=True)
    address = document["00080051"]["Value"][0]["00420011"]["BulkDataURI"].partition("/dicom-web")[2]
    assert peer.get(address, Accept="application/octet-stream").data == b"x" * 6000
    assert b"Content-Location: http://localhost/dicom-web" + address.encode() in peer.get(_path(ds, "/bulkdata")).data


def test_an_instance_may_come_as_metadata_and_bulk_data(peer: Peer) -> None:
    """STOW-RS in JSON (PS3.18 10.5.2); what comes back has the same pixels."""
    (ds,) = small_study("cervical-spine")
    document = ds.to_json_dict(bulk_data_threshold=1024, bulk_data_element_handler=lambda _: "pixels")
    parts = [
        (f"--{BOUNDARY}\r\nContent-Type: application/dicom+json\r\n\r\n".encode(), json.dumps([document]).encode()),
        (
            f"--{BOUNDARY}\r\nContent-Type: application/octet-stream\r\nContent-Location: pixels\r\n\r\n".encode(),
            ds.PixelData,
        ),
    ]
    body = b"".join(head + content + b"\r\n" for head, content in parts) + f"--{BOUNDARY}--\r\n".encode()
    kind = f'multipart/related; type="application/dicom+json"; boundary={BOUNDARY}'
    answer = peer.post("/studies", body, kind)
    assert answer.status_code == 200, answer.data
    back = dcmread(io.BytesIO(peer.get(_path(ds), Accept="application/dicom").data))
    assert (back.PixelData, back.PatientName) == (ds.PixelData, ds.PatientName)
    without = body.replace(b"Content-Location: pixels", b"Content-Location: others")
    assert peer.post("/studies", without, kind).status_code == 409


def test_one_instance_may_be_the_whole_body(peer: Peer) -> None:
    """Single part (PS3.18 8.6.1.1), and a study that is not the one of the address."""
    (ds,) = small_study("cervical-spine")
    assert peer.post("/studies", _file(ds), "application/dicom").status_code == 200
    assert peer.post("/studies/1.2.3", _file(ds), "application/dicom").status_code == 409


def test_only_allowed_origins_may_use_the_service_from_a_browser(tmp_path) -> None:
    """CORS is off unless the settings name an origin; the browser's question needs no token."""
    box = make_box(tmp_path / "data", dicomweb_origins="https://viewer.example")
    with served(box) as url:
        for origin, allowed in (("https://viewer.example", "https://viewer.example"), ("https://evil.example", None)):
            asked = requests.options(f"{url}/dicom-web/studies", headers={"Origin": origin}, timeout=10)
            assert asked.status_code == 200
            assert asked.headers.get("Access-Control-Allow-Origin") == allowed
        assert requests.get(f"{url}/dicom-web/studies", timeout=10).status_code == 401


def test_an_element_that_breaks_hides_no_other_and_is_told(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    """Its tag is missing from the metadata, everything else is there, and the log says how many and why."""
    (ds,) = small_study("cervical-spine")
    ds.InstanceNumber = 77
    broken = _file(ds).replace(b"\x20\x00\x13\x00IS\x02\x0077", b"\x20\x00\x13\x00IS\x02\x00?!")
    peer.stow(broken)
    capsys.readouterr()
    answer = peer.get(f"/studies/{ds.StudyInstanceUID}/metadata", Accept="application/dicom+json")
    (document,) = answer.get_json(force=True)
    assert "00200013" not in document
    assert document["00080018"]["Value"] == [ds.SOPInstanceUID]
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["count"], line["code"]) for line in told] == [("elements-left-out", 1, "ValueError")]
