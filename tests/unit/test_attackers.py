"""What an attacker types, sends and uploads: inert on every page, refused without a crash, no file of the system."""

import io
import re
import struct
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydicom.dataset import Dataset

from appliance.archive.blobs import Provenance
from appliance.archive.part10 import take_dataset
from appliance.clock import stamp
from appliance.wiring import Box
from tests.pictures import small_study
from tests.unit.test_webui import CLINIC, PASSWORD, _app, _post, _token

MARK = "alert(7)"
PAYLOADS = (f'"><script>{MARK}</script>', f"'><img src=x onerror={MARK}>")
LIVE = re.compile(r"<script>alert\(7\)|<img src=x onerror|javascript:alert\(7\)")
TEXTS = {"LO", "SH", "PN", "ST", "LT", "UT", "UC"}
ENDS = ("/logout", "/lock", "/login", "/setup", "/unlock", "/again")
"""Forms that end the attacker's own session."""


@dataclass
class Form:
    """A form of a page as its user has it: what to send, and which of it may be typed."""

    action: str
    is_post: bool
    fields: dict[str, str] = field(default_factory=dict)
    typed: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)


class Forms(HTMLParser):
    """The forms of a page."""

    def __init__(self, page: str, text: str) -> None:
        super().__init__()
        self.page = page
        self.found: list[Form] = []
        self._select = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect fields; a choice keeps its first value."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            action = urljoin(self.page, given.get("action", "") or self.page)
            self.found.append(Form(action, given.get("method") == "post"))
        elif not self.found:
            return
        elif tag == "select":
            self._select = given.get("name", "")
        elif tag == "option" and self._select:
            self.found[-1].fields.setdefault(self._select, given.get("value", "other"))
        elif tag in ("input", "textarea", "button") and given.get("name"):
            self._field(given["name"], given.get("type", "text" if tag != "button" else "submit"), given)

    def _field(self, name: str, kind: str, given: dict[str, str]) -> None:
        form = self.found[-1]
        if kind == "file":
            form.files.add(name)
        elif kind in ("hidden", "radio", "checkbox", "submit"):
            form.fields.setdefault(name, given.get("value", "on"))
        else:
            form.fields[name] = given.get("value", "")
            form.typed.add(name)


@pytest.fixture
def app(box: Box) -> Flask:
    """A box with something of everything."""
    box.first_run.set_up(**CLINIC)
    box.worklist.add({"patient": "Rex"}, source="page", by="Ann")
    box.destinations.add("Far", "http://127.0.0.1:9/dicom-web")
    take_dataset(box.intake, _hostile(PAYLOADS[0]), Provenance("local", "x", "", stamp()))
    take_dataset(box.intake, _hostile(PAYLOADS[1]), Provenance("dimse", "<b onclick=x>", "10.0.0.7", stamp()))
    take_dataset(box.intake, small_study("cervical-spine")[0], Provenance("local", "x", "", stamp()))
    box.removals.delete_study(3, reason="test exposure", by="Ann")
    box.casebook.draft(1, "Ann", 1)
    return _app(box, "box")


@pytest.fixture
def clinic(app: Flask) -> Iterator[FlaskClient]:
    """Logged in as the administrator."""
    with app.test_client() as client:
        assert _post(client, "/login", "/login", name="Ann", password=PASSWORD).status_code == 302
        yield client


def _hostile(payload: str) -> Dataset:
    """A picture whose every text says it, as far as the element may be so long."""
    (ds,) = small_study("cervical-spine")
    for element in list(ds.iterall()):
        if element.VR in TEXTS:
            element.value = payload[:64] if element.VR in ("LO", "PN", "UC") else payload[:16]
    for keyword in ("PatientName", "PatientID", "StudyDescription", "SeriesDescription", "ResponsiblePerson"):
        setattr(ds, keyword, payload)
    for keyword in ("PatientSpeciesDescription", "PatientBreedDescription", "InstitutionName", "OperatorsName"):
        setattr(ds, keyword, payload)
    ds.ViewPosition, ds.BodyPartExamined = "<I>X</I>", "<U>Y</U>"
    return ds


def _pages(app: Flask) -> list[str]:
    """Every address that is asked for with GET; by number one where a number is needed."""
    left_out = ("dicomweb.", "status.network")  # tokens of its own; listens for seconds
    rules = [r for r in app.url_map.iter_rules() if "GET" in (r.methods or ()) and not r.endpoint.startswith(left_out)]
    return sorted({re.sub(r"<(int:|path:)?\w+>", "1", rule.rule) for rule in rules})


def _look_at_everything(client: FlaskClient, app: Flask) -> dict[str, str]:
    """All pages as HTML; none crashes and none has live markup of the attacker's."""
    seen = {}
    for path in _pages(app):
        answer = client.get(path)
        assert answer.status_code < 500, (path, answer.status_code)
        if answer.mimetype in ("text/html", "image/svg+xml"):
            assert not LIVE.search(answer.text), path
            seen[path] = answer.text
    return seen


def test_markup_in_every_dicom_text_is_inert_on_every_page(clinic: FlaskClient, app: Flask) -> None:
    """The texts are there, escaped; AE titles of new devices too."""
    seen = _look_at_everything(clinic, app)
    for path in ("/", "/studies/1", "/exams", "/studies/1/correct", "/studies/1/receipt"):
        assert "&lt;script&gt;" in seen[path] or "&#34;&gt;&lt;" in seen[path], path
    assert "&lt;b onclick=x&gt;" in seen["/units"]


def test_markup_in_every_form_field_is_inert_and_crashes_nothing(clinic: FlaskClient, app: Flask) -> None:
    """Each form of each page is sent with markup in every field that may be typed; then all pages are looked at."""
    sent: set[str] = set()
    for path, text in _look_at_everything(clinic, app).items():
        for form in Forms(path, text).found:
            target = urlsplit(form.action).path
            if target.endswith(ENDS) or (target, *sorted(form.typed)) in sent:
                continue
            sent.add(target)
            for payload in PAYLOADS:
                values = {**form.fields, **dict.fromkeys(form.typed, payload)}
                answer = _sent(clinic, form, target, values)
                assert answer.status_code < 500 or answer.status_code == 502, (target, answer.status_code)
                assert not LIVE.search(answer.text), target
    assert len(sent) > 30
    _look_at_everything(clinic, app)


def _sent(client: FlaskClient, form: Form, target: str, values: dict[str, str]):
    if not form.is_post:
        return client.get(target, query_string=values)
    files = {name: (io.BytesIO(b"<script>alert(7)</script>"), "<script>.png") for name in form.files}
    return client.post(target, data={**values, "csrf_token": _token(client, "/me"), **files})


def _png(width: int, height: int) -> bytes:
    """A PNG of some kilobytes that claims to be so large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(2_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


BOMBS = {
    "huge picture": ("x.png", _png(60_000, 60_000)),
    "no picture": ("x.jpg", b"\xff\xd8\xff" + bytes(100)),
    "empty": ("x.pdf", b""),
    "path": ("../../../etc/cron.d/x.png", _png(8, 8)),
    "script": ("x.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(7)'/>"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_among_attachments_are_refused_soon(clinic: FlaskClient, app: Flask, bomb: str) -> None:
    """With words for staff; nothing outside the data folder is written, and nothing hangs."""
    name, content = BOMBS[bomb]
    began = time.monotonic()
    answer = clinic.post(
        "/requests/1/attach", data={"csrf_token": _token(clinic, "/me"), "files": (io.BytesIO(content), name)}
    )
    assert answer.status_code in (302, 400, 413, 422), answer.status_code
    assert time.monotonic() - began < 20
    _look_at_everything(clinic, app)


def test_floods_in_bodies_are_refused(clinic: FlaskClient, box: Box) -> None:
    """Forms that are too large or have too many fields, nested JSON, long lists."""
    csrf = _token(clinic, "/me")
    assert clinic.post("/exams", data={"csrf_token": csrf, "patient": "x" * 3_000_000}).status_code in (400, 413)
    many = {f"f{number}": "x" for number in range(5_000)}
    files = {"files": (io.BytesIO(b"x"), "x.png")}
    assert clinic.post("/requests/1/attach", data={"csrf_token": csrf, **many, **files}).status_code in (400, 413)
    token = box.tokens.create("program", "technician")
    headers = {"Authorization": f"Bearer {token}"}
    long_list = b"[" + b'{"patient":"a"},' * 90_000 + b"{}]"
    for body in (b"[" * 200_000, b'{"patient":' * 50_000, b"x" * 30_000_000, long_list):
        assert clinic.post("/api/exams.json", data=body, headers=headers).status_code == 400
    drawings = clinic.post("/studies/1/drawings.json", data=b"[" * 5_000_000, headers={"X-CSRFToken": csrf})
    assert drawings.status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/static/..%2f..%2f..%2fetc%2fpasswd",
        "/static//etc/passwd",
        "/static/css/..\\..\\..\\etc\\passwd",
        "/instances/1/frames/1/picture.../../../etc/passwd",
        "/instances/..%2f..%2f/file",
        "/studies/1/receipt/..%2f..%2fbucky.sqlite.json",
        "/exports/..%2f..%2fkeys/file",
        "/trust/..%2f..%2fkeys%2freceipt.key",
        "/instances/1/document/pages/%00.png",
    ],
)
def test_paths_lead_nowhere_outside(clinic: FlaskClient, path: str) -> None:
    """No file of the system, no key, no database."""
    answer = clinic.get(path)
    assert answer.status_code in (308, 400, 404), answer.status_code
    assert b"root:" not in answer.data
    assert b"PRIVATE KEY" not in answer.data
    assert b"SQLite format" not in answer.data


@pytest.mark.parametrize(
    "host",
    ["bucky.local.evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "evil.example", "x.example:80"],
)
def test_names_that_only_look_like_the_box_are_refused(clinic: FlaskClient, host: str) -> None:
    """DNS rebinding; what a proxy that nobody set up claims does not count."""
    assert clinic.get("/", headers={"Host": host}).status_code == 421
    assert clinic.get("/", headers={"Host": host, "X-Forwarded-Host": "bucky.local"}).status_code == 421
