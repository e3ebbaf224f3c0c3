"""A second clinic's credential gets nothing of the first's: every URL of the reader, by its own map, is tried."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import Rule
from werkzeug.test import Client

from appliance.archive.blobs import Provenance
from appliance.archive.part10 import take_dataset
from appliance.clock import now, stamp
from appliance.courier.previews import PreviewWorker
from appliance.logs import Log
from appliance.reading.report import Report
from appliance.reading.story import Story
from appliance.reading.workitem import Request, workitem
from appliance.settings import load
from appliance.wiring import Box
from appliance.wiring.reader import ReaderService, build_reader_app
from tests.conftest import SENTINEL
from tests.pictures import small_study
from webui.services import BoxFacts

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
QUESTION = "zzquestion of the first clinic"
TABLES = ("study", "series", "instance", "workitem", "workitem_event", "subscription", "document", "share")
FIRST_ROW = 1  # of every table of every clinic, and so of the first clinic's
UPLOAD = b"zzupload of the first clinic"


@dataclass
class Reader:
    """A service with a case of the first clinic, and a token of each."""

    front: Flask
    clinic: Flask
    first: Box
    first_id: int
    tokens: dict[str, str]
    values: dict[str, Any]

    def addresses(self) -> list[tuple[str, str]]:
        """Every method at every URL of the front and, as its own and by its address, of the first clinic."""
        found = []
        for app, prefix in ((self.front, ""), (self.clinic, ""), (self.clinic, f"/clinics/{self.first_id}")):
            for rule in app.url_map.iter_rules():
                found += [(method, prefix + self._path(rule)) for method in METHODS]
        return list(dict.fromkeys(found))

    def _path(self, rule: Rule) -> str:
        numbers = {name for name in rule.arguments if f"<int:{name}>" in str(rule)}
        strange = rule.arguments - numbers - self.values.keys()
        assert not strange, f"{rule}: give {strange} a value of the first clinic in the fixture"
        given = {name: self.values.get(name, FIRST_ROW) for name in rule.arguments}
        built = rule.build(given, append_unknown=False)
        assert built, rule
        return str(built[1])

    def ask(self, method: str, path: str, token: str | None) -> tuple[int, bytes]:
        """One request; a body that fits what it may be, so that it is not refused for its form."""
        headers = {"Accept": "*/*"} | ({"Authorization": f"Bearer {token}"} if token else {})
        body, kind = b"", ""
        if method in ("POST", "PUT", "PATCH"):
            body, kind = json.dumps([{}]).encode(), "application/dicom+json"
        if "/uploads/" in path and method == "PATCH":
            headers |= {"Upload-Offset": str(len(UPLOAD)), "Upload-Complete": "?0"}
        answer = Client(self.front).open(path, method=method, headers=headers, data=body, content_type=kind)
        return answer.status_code, answer.get_data() + str(answer.headers).encode()

    def state(self) -> list[Any]:
        """All that a stranger might change in the first clinic's archive."""
        rows = [list(self.first.database.read.query(f"SELECT * FROM {table} ORDER BY 1")) for table in TABLES]  # noqa: S608 - our own names
        uploads = sorted((p.name, p.read_bytes()) for p in (self.first.settings.data / "uploads").iterdir())
        return [*rows, uploads]


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    """Pictures, a request, a report and an unfinished upload of the first clinic; nothing of the second."""
    house = Box(load(tmp_path / "reader", command_line={}, environ={}))
    tokens = {name: house.tokens.create(name, "technician") for name in ("First", "Second")}
    service = ReaderService(house)
    first_id = service.of_token(tokens["First"])
    assert first_id is not None
    service.of_token(tokens["Second"])
    first = service.box(first_id)
    datasets = small_study()
    for ds in datasets:
        take_dataset(first.intake, ds, Provenance("dicomweb", "First", "", stamp()))
    study, instances = first.catalogue.study(1), first.catalogue.instances(1)
    request = Request("urgent", Story(question=QUESTION), "First", "ann", None)
    first.workitems.create("1.2.3", workitem(study, instances, request))
    first.workitems.subscribe("FIRST", "1.2.3")
    first.desk.sign(1, Report("Findings.", "", "", f"Dr {SENTINEL}", "R", now()))
    worker = PreviewWorker(first.catalogue, first.shelf, first.repaired)
    while worker.run_once() == 0.0:
        continue
    facts = BoxFacts("reader", "R", lambda: ["127.0.0.1"], lambda: None, 0, house.secret_key)
    front = build_reader_app(house, facts, Log("web"))
    clinic = front.wsgi_app._apps.of_clinic(first_id)  # type: ignore[attr-defined]  # the door that stands there
    found = Reader(front, clinic, first, first_id, tokens, {})
    found.values = {
        "study": study.study_instance_uid,
        "series": instances[0].series_instance_uid,
        "instance": instances[0].sop_instance_uid,
        "uid": "1.2.3",
        "ae_title": "FIRST",
        "name": _begin_upload(found),
        "address": "7FE00010",
        "numbers": "1",
        "form": 16,
        "change": "role",
        "filename": "css/bucky.css",
        "kind": "png",
        "secret": "guessed",
    }
    return found


def _begin_upload(reader: Reader) -> str:
    answer = Client(reader.front).open(
        "/dicom-web/studies",
        method="POST",
        data=UPLOAD,
        content_type='multipart/related; type="application/dicom"; boundary=x',
        headers={"Authorization": f"Bearer {reader.tokens['First']}", "Upload-Complete": "?0"},
    )
    assert answer.status_code == 201
    return str(answer.headers["Location"]).rpartition("/")[2]


def _secrets(reader: Reader) -> list[bytes]:
    """What only the first clinic may see: names, texts, pixels of a picture as stored, previews, the upload."""
    pixels = bytes(small_study()[0].PixelData)[20_000:20_200]
    preview = next(p for p in (reader.first.settings.data / "previews").rglob("*") if p.is_file()).read_bytes()
    return [SENTINEL.encode(), QUESTION.encode(), pixels, preview[100:300], UPLOAD]


@pytest.mark.parametrize("stranger", ["Second", None])
def test_no_address_gives_or_changes_anything_of_another_clinic(reader: Reader, stranger: str | None) -> None:
    """With the second clinic's credential, and with none."""
    secrets, before = _secrets(reader), reader.state()
    token = reader.tokens[stranger] if stranger else None
    leaks, tried = [], 0
    for method, path in reader.addresses():
        status, said = reader.ask(method, path, token)
        tried += 1
        if any(secret in said for secret in secrets) or status >= 500:
            leaks.append((status, method, path))
    assert leaks == []
    assert reader.state() == before
    print(f"{tried} requests")
    assert tried > 700


def test_the_first_clinics_own_credential_does_get_it(reader: Reader) -> None:
    """Else the test above would show nothing."""
    secrets, own = _secrets(reader), reader.tokens["First"]
    told: set[bytes] = set()
    for method, path in reader.addresses():
        if method == "GET" and path.startswith("/dicom-web"):
            _, said = reader.ask(method, path, own)
            told |= {secret for secret in secrets if secret in said}
    assert {SENTINEL.encode(), QUESTION.encode(), secrets[2]} <= told
    before = reader.state()
    assert reader.ask("POST", "/dicom-web/workitems/1.2.3/subscribers/OTHER", own)[0] == 201
    assert reader.state() != before
