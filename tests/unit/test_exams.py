"""The clinic's exams: what nobody made leaves the list, and protocols are edited on the page."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient

from appliance.exams.exam import Exam
from appliance.exams.worklist import OldExams
from appliance.wiring import Box
from tests.conftest import SENTINEL
from tests.unit.test_webui import CLINIC, PASSWORD, _app, _post


@pytest.fixture
def clinic(box: Box) -> Iterator[FlaskClient]:
    """Logged in as the administrator."""
    box.first_run.set_up(**CLINIC)
    with _app(box, "box").test_client() as client:
        _post(client, "/login", "/login", name="Ann", password=PASSWORD)
        yield client


def _ordered(box: Box, days_ago: int) -> Exam:
    day = (datetime.now().astimezone().date() - timedelta(days=days_ago)).isoformat()
    return box.worklist.add({"patient": SENTINEL, "date": day}, source="page", by="Ann")


def test_an_exam_that_nobody_makes_leaves_the_list(box: Box) -> None:
    """After so many days; what was begun counts as given up, what is younger or done stays."""
    old, begun, young, done = (_ordered(box, days) for days in (5, 5, 1, 5))
    with box.database.write() as db:
        db.conn.execute("UPDATE exam SET state = 'in progress' WHERE id = ?", [begun.id])
        db.conn.execute("UPDATE exam SET state = 'completed' WHERE id = ?", [done.id])
    OldExams(box.worklist, days=2).run_once()
    states = [box.worklist.get(exam.id).state for exam in (old, begun, young, done)]
    assert states == ["cancelled", "discontinued", "scheduled", "completed"]
    assert [exam.id for exam in box.worklist.open()] == [young.id]


def test_the_views_of_an_exam_are_changed_in_place(clinic: FlaskClient, box: Box) -> None:
    """A customary one, a new one, and one taken off the list."""
    _post(clinic, "/exams", "/exams/protocols", name="Hip VD", views="VD\nFrogleg VD")
    _post(clinic, "/exams", "/exams/protocols", name="Stifle 2 views", views="Lateral\nCrCd")
    _post(clinic, "/exams", "/exams/protocols", name="Thorax 2 views", views="")
    assert box.protocols.views("Hip VD") == ("VD", "Frogleg VD")
    page = clinic.get("/exams").text
    assert "Stifle 2 views" in page
    assert "Thorax 2 views" not in page
