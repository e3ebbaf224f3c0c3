"""The clinic's search, by each of its fields, and as text only."""

from collections.abc import Callable

import pytest

from appliance.archive.blobs import Provenance
from appliance.archive.finder import Wanted
from appliance.archive.part10 import take_dataset
from appliance.clock import stamp
from appliance.wiring import Box
from tests.conftest import SENTINEL
from tests.pictures import small_study
from tests.unit.test_webui import CLINIC, PASSWORD, _app, _post


@pytest.fixture
def studies(box: Box) -> dict[str, int]:
    """Rex the dog with a report asked for, Mia the cat."""
    rows = {}
    for name, species, day, kind in (
        ("Rex", "Canine", "20260310", "canine-thorax"),
        ("Mia", "Feline", "20260402", "cervical-spine"),
    ):
        for ds in small_study(kind):
            ds.PatientName, ds.PatientID = f"{SENTINEL}^{name}", f"ID_{name}"
            ds.PatientSpeciesDescription, ds.StudyDate = species, day
            take_dataset(box.intake, ds, Provenance("local", "DX1", "", stamp()))
        rows[name] = box.catalogue.study_by_uid(str(ds.StudyInstanceUID)).id
    reader = box.destinations.add("Far", "http://127.0.0.1:9/dicom-web")
    box.queue.request(rows["Rex"], reader.id, 2, "Ann", "1.2.3.4")
    return rows


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(words="rex"), {"Rex"}),
        (Wanted(words=f"{SENTINEL[:5].lower()} mia"), {"Mia"}),
        (Wanted(words="ID_M"), {"Mia"}),
        (Wanted(words="ID%"), set()),
        (Wanted(words="'; DROP TABLE study; --"), set()),
        (Wanted(patient_id="ID_Rex"), {"Rex"}),
        (Wanted(patient_id="ID_Re"), set()),
        (Wanted(species="Feline"), {"Mia"}),
        (Wanted(view="VD"), {"Rex"}),
        (Wanted(view="thor"), {"Rex"}),
        (Wanted(first_day="20260401"), {"Mia"}),
        (Wanted(last_day="20260310"), {"Rex"}),
        (Wanted(report="without"), {"Rex", "Mia"}),
        (Wanted(report="waiting"), {"Rex"}),
        (Wanted(report="with"), set()),
        (Wanted(words="rex", species="Feline"), set()),
    ],
)
def test_each_field_finds_what_it_says(box: Box, studies: dict[str, int], wanted: Wanted, found: set[str]) -> None:
    """Several fields narrow each other."""
    assert set(box.finder.find(wanted, limit=10)) == {studies[name] for name in found}


def test_a_deleted_study_is_not_found(box: Box, studies: dict[str, int]) -> None:
    """Until it is had back."""
    removal = box.removals.delete_study(studies["Rex"], reason="test exposure", by="Ann")
    assert box.finder.find(Wanted(words="rex"), limit=10) == []
    box.removals.undo(removal, by="Ann")
    assert box.finder.find(Wanted(words="rex"), limit=10) == [studies["Rex"]]


def test_the_page_shows_what_was_found_and_refuses_what_is_no_day(box: Box, studies: Callable[[], None]) -> None:
    """The words stand in the form again, as text."""
    box.first_run.set_up(**CLINIC)
    with _app(box, "box").test_client() as client:
        _post(client, "/login", "/login", name="Ann", password=PASSWORD)
        page = client.get("/find?words=rex&report=waiting").text
        assert "1 study" in page
        assert 'value="rex"' in page
        assert "Nothing matches" in client.get("/find?words=nobody").text
        assert "Find a study" in client.get("/find").text
        assert client.get("/find?first_day=soon").status_code == 400
        assert client.get("/find?report=maybe").status_code == 400
