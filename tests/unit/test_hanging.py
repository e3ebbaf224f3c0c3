"""How a person wants an exam to hang, and which earlier studies are the same patient's."""

import pytest

from appliance.archive.blobs import Provenance
from appliance.archive.part10 import take_dataset
from appliance.errors import BadInput
from appliance.wiring import Box
from tests.pictures import small_study
from webui.viewing import earlier

THORAX = {"columns": 2, "rows": 1, "places": [{"view": "VD", "rotation": 90, "flipped": True}]}
IMPORT = Provenance("import", "import", "", "2026-11-25T10:00:00Z")


@pytest.fixture(autouse=True)
def person(box: Box) -> None:
    """Somebody whose account has the row 1."""
    box.accounts.add("Ann", "viewer", "correct horse battery")


def test_an_arrangement_is_kept_for_the_person_and_the_exam_until_it_is_forgotten(box: Box) -> None:
    """A second one takes the place of the first; nobody else has it; it goes with the account."""
    box.hangings.remember(1, "thorax", {**THORAX, "columns": 3})
    box.hangings.remember(1, "thorax", THORAX)
    assert box.hangings.of(1) == {"thorax": THORAX}
    assert box.hangings.of(2) == {}
    box.hangings.remember(1, "thorax", None)
    assert box.hangings.of(1) == {}


@pytest.mark.parametrize(
    "wrong",
    [
        "two",
        {},
        {**THORAX, "columns": 4},
        {**THORAX, "rows": 0},
        {**THORAX, "places": [{"view": "VD"}]},
        {**THORAX, "places": [{"view": "x" * 65, "rotation": 0, "flipped": False}]},
        {**THORAX, "places": THORAX["places"] * 3},
    ],
)
def test_anything_else_is_refused(box: Box, wrong: object) -> None:
    """The page's own form, and nothing more."""
    with pytest.raises(BadInput):
        box.hangings.remember(1, "thorax", wrong)
    with pytest.raises(BadInput):
        box.hangings.remember(1, "", THORAX)


def test_earlier_studies_have_the_same_id_and_the_same_name(box: Box) -> None:
    """Another animal with the same number, and another number, are not the same patient."""
    kinds = {"now": {}, "same": {}, "other name": {"PatientName": "Zzsentinelzz^Max"}, "other id": {"PatientID": "X9"}}
    uids = {}
    for number, (kind, change) in enumerate(kinds.items()):
        ds = small_study("cervical-spine")[0]
        ds.StudyInstanceUID, ds.SeriesInstanceUID = f"1.2.{number}", f"1.2.{number}.1"
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"1.2.{number}.1.1"
        ds.update(change)
        take_dataset(box.intake, ds, IMPORT)
        uids[kind] = ds.StudyInstanceUID
    priors = earlier(box.catalogue, box.catalogue.study_by_uid(uids["now"]))
    assert [line.study.study_instance_uid for line in priors] == [uids["same"]]
