"""Studies that a person takes out: deleted with a grace period, or moved to the right patient, and had back."""

import numpy as np
import pytest
from pydicom import dcmread

from appliance.archive.blobs import Provenance
from appliance.archive.part10 import take_dataset
from appliance.archive.search import Search
from appliance.clock import stamp
from appliance.errors import BadInput, NotFound
from appliance.wiring import Box
from tests.conftest import SENTINEL
from tests.pictures import small_study

BELLA = {
    "patient_name": f"{SENTINEL}^Bella",
    "patient_id": "K9-77",
    "patient_birth_date": "20200101",
    "patient_species_description": "Feline",
    "responsible_person": f"{SENTINEL}^Zoë",
    "accession_number": None,
}


@pytest.fixture
def study_id(box: Box) -> int:
    """Three pictures of a dog."""
    for ds in small_study():
        take_dataset(box.intake, ds, Provenance("local", "DX1", "", stamp()))
    return box.catalogue.recent()[0].study.id


def test_a_deleted_study_is_nowhere_and_can_be_had_back(box: Box, study_id: int) -> None:
    """Lists, pages and queries; the files stay until the grace period is over."""
    removal = box.removals.delete_study(study_id, reason="test exposure", by="Ann")
    assert box.catalogue.recent() == []
    assert Search(box.database).find("study", {}, limit=9, offset=0) == []
    with pytest.raises(NotFound):
        box.catalogue.study(study_id)
    assert [(r.kind, r.instances, r.reason, r.done_by) for r in box.removals.all()] == [
        ("deleted", 3, "test exposure", "Ann")
    ]
    assert box.removals.purge(box.shelf.forget) == 0
    box.removals.undo(removal, by="Ann")
    assert len(box.catalogue.instances(study_id)) == 3
    assert box.removals.all() == []
    with pytest.raises(NotFound):
        box.removals.undo(removal, by="Ann")


def test_after_the_grace_period_files_and_rows_are_gone(box: Box, study_id: int) -> None:
    """Also where other tables refer to the pictures; a second look finds nothing to do."""
    target = box.destinations.add("Far", "http://127.0.0.1:9/dicom-web", token=None, auto=True)
    box.queue.route_new()
    assert box.queue.waiting_count(target.id) == 3
    delivery = box.queue.next_due(target.id)
    assert delivery is not None
    box.queue.sending(delivery, delivery.dataset_sha256, delivery.transfer_syntax_uid)
    paths = [i.path for i in box.catalogue.instances(study_id)]
    box.removals.delete_study(study_id, reason="test exposure", by="Ann")
    with box.database.write() as db:
        db.conn.execute("UPDATE set_aside SET purge_at = '2000-01-01T00:00:00.000000Z'")
    assert box.removals.purge(box.shelf.forget) == 1
    assert not any(path.exists() for path in paths)
    assert box.removals.purge(box.shelf.forget) == 0
    assert box.queue.waiting_count(target.id) == 0
    assert box.database.read.conn.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_deletion_needs_a_reason(box: Box, study_id: int) -> None:
    """Or nothing happens."""
    with pytest.raises(BadInput):
        box.removals.delete_study(study_id, reason="  ", by="Ann")
    assert len(box.catalogue.instances(study_id)) == 3


def test_pictures_move_to_the_right_patient_as_corrected_copies(box: Box, study_id: int) -> None:
    """New UIDs, the former values in the Original Attributes Sequence, the same pixels; the originals' bytes stay."""
    before = box.catalogue.instances(study_id)
    originals = {i.sop_instance_uid: i.path.read_bytes() for i in before}
    moved = box.corrections.correct(study_id, [i.id for i in before], BELLA, reason="wrong entry", by="Ann")
    with pytest.raises(NotFound):
        box.catalogue.study(study_id)
    study = box.catalogue.study(moved)
    assert (study.patient_id, study.patient_species_description) == ("K9-77", "Feline")
    assert study.responsible_person == f"{SENTINEL}^Zoë"
    for old, new in zip(before, box.catalogue.instances(moved), strict=True):
        assert old.path.read_bytes() == originals[old.sop_instance_uid]
        was, copy = dcmread(old.path), dcmread(new.path)
        assert np.array_equal(was.pixel_array, copy.pixel_array)
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
            assert was[keyword].value != copy[keyword].value
        assert copy.PatientSpeciesCodeSequence[0].CodeMeaning == "Felis catus"
        (item,) = copy.OriginalAttributesSequence
        assert item.ReasonForTheAttributeModification == "CORRECT"
        assert item.ModifiedAttributesSequence[0].PatientName == was.PatientName
        assert item.ModifiedAttributesSequence[0].PatientID == was.PatientID


def test_one_picture_moves_and_comes_back(box: Box, study_id: int) -> None:
    """The others stay; after the undo all is as it was, and the copy is listed nowhere."""
    first, *others = box.catalogue.instances(study_id)
    moved = box.corrections.correct(study_id, [first.id], BELLA, reason="wrong entry", by="Ann")
    assert [i.id for i in box.catalogue.instances(study_id)] == [i.id for i in others]
    assert len(box.catalogue.instances(moved)) == 1
    (removal,) = box.removals.all()
    box.removals.undo(removal.id, by="Ann")
    assert {i.id for i in box.catalogue.instances(study_id)} == {first.id, *(i.id for i in others)}
    with pytest.raises(NotFound):
        box.catalogue.study(moved)


def test_a_correction_without_pictures_or_name_changes_nothing(box: Box, study_id: int) -> None:
    """It says what is missing."""
    ids = [i.id for i in box.catalogue.instances(study_id)]
    for chosen, patient in (([], BELLA), (ids, {**BELLA, "patient_name": ""})):
        with pytest.raises(BadInput):
            box.corrections.correct(study_id, chosen, patient, reason="wrong entry", by="Ann")
    with pytest.raises(BadInput):
        box.corrections.correct(study_id, ids, BELLA, reason="", by="Ann")
    assert [i.id for i in box.catalogue.instances(study_id)] == ids
    assert len(box.catalogue.recent()) == 1


def test_accepting_the_sender_again_brings_nothing_deleted_back(box: Box, study_id: int) -> None:
    """Quarantine and removal are two things."""
    box.removals.delete_study(study_id, reason="test exposure", by="Ann")
    for sender in box.senders.all():
        box.senders.accept(sender.id)
    assert box.catalogue.recent() == []
