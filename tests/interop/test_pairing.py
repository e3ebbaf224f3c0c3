"""Pairing on the page, in a browser's steps over HTTP; exams from the page and from programs; completeness."""

import re
from collections.abc import Callable

import pytest
import requests
from pydicom.dataset import Dataset

from appliance.phantom.unit import send
from tests.box import HOST, PASSWORD, Box
from tests.pictures import small_study
from tests.waiting import wait_for


class Page:
    """A logged-in session that posts forms with their token."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._session = requests.Session()
        self.post("/login", name="ann", password=PASSWORD)

    def get(self, path: str) -> str:
        """A page's text."""
        return self._session.get(f"{self._box.url}{path}", timeout=30).text

    def post(self, path: str, **fields: str) -> requests.Response:
        """A form sent from the page that holds it."""
        source = self.get("/login" if path == "/login" else "/units")
        found = re.search(r'name="csrf_token" value="([^"]+)"', source)
        assert found
        fields["csrf_token"] = found[1]
        headers = {"Referer": self._box.url}
        return self._session.post(f"{self._box.url}{path}", data=fields, headers=headers, timeout=30)


@pytest.fixture
def box(make_box: Callable[..., Box]) -> Box:
    """A running box."""
    return make_box().set_up().start()


def identity(box: Box, ae_title: str) -> int:
    """The row of a sender, as the page's forms name it."""
    page = Page(box).get("/units")
    found = re.search(rf">{ae_title}</a></strong>.*?/units/(\d+)/test", page, re.DOTALL)
    assert found
    return int(found[1])


def test_one_tap_accepts_or_says_it_is_the_known_unit(box: Box) -> None:
    """A misspelt title goes to quarantine; 'it is DX1' brings its pictures in and the unit goes on by the new title."""
    page = Page(box)
    first, second = small_study(), small_study("cervical-spine")
    assert send(first, HOST, box.dicom_port, calling_ae="DX1") == [0, 0, 0]
    assert "A unit calling itself <strong>DX1</strong> at 127.0.0.1 sent 3 pictures" in page.get("/")
    assert page.post(f"/units/{identity(box, 'DX1')}/accept").ok
    assert len(box.facts("study", "list")) == 1
    assert send(second, HOST, box.dicom_port, calling_ae="DX-1") == [0]
    assert len(box.facts("study", "list")) == 1
    assert page.post(f"/units/{identity(box, 'DX-1')}/is/{identity(box, 'DX1')}").ok
    assert len(box.facts("study", "list")) == 2
    assert [(m["ae_title"], m["state"]) for m in box.facts("modality", "list")] == [("DX-1", "accepted")]
    assert send(small_study(), HOST, box.dicom_port, calling_ae="DX1") == [0, 0, 0]
    assert len(box.facts("study", "list")) == 2


def test_quarantine_has_limits_from_the_settings(make_box: Callable[..., Box]) -> None:
    """The third picture of a stranger is refused when two are allowed; the page says why and what to do."""
    box = make_box()
    box.data.mkdir(parents=True)
    (box.data / "settings.toml").write_text("quarantine_max_instances = 2\n")
    box.set_up().start()
    assert send(small_study(), HOST, box.dicom_port, calling_ae="STRANGER") == [0, 0, 0x0124]
    assert "as much as is kept before somebody accepts it" in Page(box).get("/units")


def test_the_connection_test_says_what_is_wrong_and_remembers_what_is_right(box: Box) -> None:
    """Nothing there; then the box's own port, which answers as a unit would."""
    box.accept("DX1")
    page = Page(box)
    silent = page.post(f"/units/{identity(box, 'DX1')}/test", port="1")
    assert silent.status_code == 502
    assert "Nothing answers as DICOM at 127.0.0.1, port 1" in silent.text
    assert "answers as it should" in page.post(f"/units/{identity(box, 'DX1')}/test", port=str(box.dicom_port)).text
    assert box.bucky("modality", "echo", "DX1") == "DX1 answers at 127.0.0.1."


def test_exams_of_programs_need_a_token_and_bad_ones_are_named(box: Box) -> None:
    """JSON in, JSON out."""
    url = f"{box.url}/api/exams.json"
    assert requests.post(url, json={"patient": "Rex"}, timeout=10).status_code == 403
    headers = {"Authorization": f"Bearer {box.bucky('token', 'create', 'practice', '--role', 'technician')}"}
    answer = requests.post(url, json=[{"patient": "Rex"}, {"owner": "x"}, 7], headers=headers, timeout=10)
    assert answer.status_code == 400
    assert len(answer.json()["exams"]) == 1
    assert [bad["row"] for bad in answer.json()["bad"]] == [2, 3]
    assert requests.post(url, json={"patient": "Kit"}, headers=headers, timeout=10).status_code == 200
    assert len(requests.get(url, headers=headers, timeout=10).json()["exams"]) == 2
    viewer = {"Authorization": f"Bearer {box.bucky('token', 'create', 'screen', '--role', 'viewer')}"}
    assert requests.get(url, headers=viewer, timeout=10).status_code == 403


def ordered(box: Box, pictures: list[Dataset]) -> None:
    """The pictures belong to an exam from the page."""
    answer = Page(box).post("/exams", patient="Rex", owner="Miller, Anna", species="dog", protocol="Thorax 3 views")
    assert "Rex Miller" in answer.text
    (exam,) = box.facts("worklist", "list")
    for ds in pictures:
        ds.StudyInstanceUID, ds.AccessionNumber = exam["study_instance_uid"], exam["accession_number"]


def test_missing_views_are_named_until_they_arrive_and_a_person_may_decide(box: Box) -> None:
    """Two of three, then all three; 'done' by a person wins and can be taken back."""
    box.accept("PHANTOM-DX")
    pictures = small_study()
    ordered(box, pictures)
    assert send(pictures[:2], HOST, box.dicom_port) == [0, 0]
    page = Page(box)
    wait_for(lambda: "Still to make: VD." in page.get("/studies/1/state"), 10, "the warning")
    assert "ann said done" in page.post("/studies/1/done").text
    assert "ann said done" not in page.post("/studies/1/done", back="1").text
    assert send(pictures[2:], HOST, box.dicom_port) == [0]
    wait_for(lambda: "all expected views are here" in page.get("/studies/1/state"), 10, "the third view")
