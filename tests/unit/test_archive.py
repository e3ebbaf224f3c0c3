"""Intake, index, quarantine, recovery of leftovers."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from appliance.archive.blobs import Provenance
from appliance.archive.database import Database
from appliance.archive.part10 import take_dataset, take_file
from appliance.clock import stamp
from appliance.dicom.record import CommandUids
from appliance.errors import DiskFull, NotDicom, SchemaTooNew
from appliance.settings import load
from appliance.wiring import Box
from tests.pictures import small_study

LOCAL = Provenance("local", "test", "", stamp())


def _stranger(name: str = "DX1") -> Provenance:
    return Provenance("dimse", name, "10.0.0.7", stamp())


def test_a_stored_file_says_where_it_came_from(box: Box) -> None:
    """The provenance in the file meta lets the index be rebuilt."""
    (ds,) = small_study("cervical-spine")
    take_dataset(box.intake, ds, _stranger())
    box.senders.accept(1)
    meta = dcmread(box.catalogue.instance(1).path).file_meta
    assert b'"name": "DX1"' in bytes(meta.PrivateInformation)
    assert b'"address": "10.0.0.7"' in bytes(meta.PrivateInformation)


def test_veterinary_attributes_are_indexed_as_received(box: Box) -> None:
    """Species, breed, owner, neutered."""
    (ds, *_) = small_study()
    take_dataset(box.intake, ds, LOCAL)
    study = box.catalogue.recent()[0].study
    assert study.patient_species_description == "Canine"
    assert study.patient_breed_description == "Labrador retriever dog"
    assert study.patient_sex_neutered == "ALTERED"
    assert study.responsible_person is not None


def test_species_given_only_as_a_code_is_shown_by_its_meaning(box: Box) -> None:
    """PS3.3 C.7.1.1 allows the code instead of the description."""
    (ds, *_) = small_study()
    del ds.PatientSpeciesDescription
    take_dataset(box.intake, ds, LOCAL)
    assert box.catalogue.recent()[0].study.patient_species_description == "Canis lupus subspecies familiaris"


def test_a_strangers_instance_neither_shows_nor_changes_a_study(box: Box) -> None:
    """Same study and SOP Instance UID with other bytes from an unknown sender: no flag, no new name."""
    (ds,) = small_study("cervical-spine")
    take_dataset(box.intake, ds, LOCAL)
    ds.PatientName = "Intruder^X"
    ds.PatientComments = "other bytes"
    assert take_dataset(box.intake, ds, _stranger()).outcome == "stored"
    (line,) = box.catalogue.recent()
    assert len(line.images) == 1
    assert not line.images[0].conflict
    assert "Intruder" not in str(line.study.patient_name)
    box.senders.accept(2)
    (line,) = box.catalogue.recent()
    assert [image.conflict for image in line.images] == [True, True]


def test_bytes_known_from_a_stranger_are_released_by_an_accepted_sender(box: Box) -> None:
    """The accepted sender vouches for them."""
    (ds,) = small_study("cervical-spine")
    take_dataset(box.intake, ds, _stranger())
    assert box.catalogue.recent() == []
    assert take_dataset(box.intake, ds, LOCAL).outcome == "duplicate"
    assert len(box.catalogue.recent()[0].images) == 1


def test_different_patients_in_one_study_are_flagged_not_merged(box: Box) -> None:
    """FIELD pain 13."""
    first, second, _ = small_study()
    second.PatientID = "OTHER"
    take_dataset(box.intake, first, LOCAL)
    take_dataset(box.intake, second, LOCAL)
    study = box.catalogue.recent()[0].study
    assert study.patient_mismatch
    assert study.patient_id == first.PatientID


def test_a_full_disk_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """The reserve is larger than what is free."""
    box = Box(load(tmp_path / "data", command_line={}, environ={"BUCKY_DISK_RESERVE_MB": "9999999"}))
    with pytest.raises(DiskFull):
        box.intake.open(CommandUids("1.2", "1.3", "1.2.840.10008.1.2"), LOCAL)
    assert list((tmp_path / "data" / "incoming").iterdir()) == []


def test_leftovers_of_a_dead_process_are_removed_and_those_in_use_are_kept(box: Box) -> None:
    """A lock tells them apart, until a picture has its name."""
    said = CommandUids("1.2", "1.3", "1.2.840.10008.1.2")
    living, synced = box.intake.open(said, LOCAL), box.intake.open(said, LOCAL)
    synced.write(b"whole")
    digest = synced.sync()
    (box.settings.data / "incoming" / "dead.part").write_bytes(b"left")
    (box.settings.data / "incoming" / "gone.part").mkdir()
    (box.settings.data / "incoming" / "gone.part" / "passing").write_bytes(b"left")
    with box.blobs.scratch() as passing:
        passing.write_bytes(b"under way")
        assert box.blobs.remove_leftovers() == 2
        assert passing.read_bytes() == b"under way"
        box.blobs.keep({digest: synced})
    assert living.path.exists()
    for incoming in (living, synced):
        incoming.discard()
    assert box.blobs.path(digest).stat().st_size > len(b"whole")
    assert list((box.settings.data / "incoming").iterdir()) == []


def test_a_newer_schema_refuses_the_start(box: Box) -> None:
    """An unknown step that leaves older releases nothing to work with; one that only added is lived with."""
    _note_step(box, "9998_more")
    Database(box.settings.data / "bucky.sqlite")
    _note_step(box, "9999_future_breaking")
    with pytest.raises(SchemaTooNew, match="9999_future"):
        Database(box.settings.data / "bucky.sqlite")


def _note_step(box: Box, name: str) -> None:
    with box.database.write() as db:
        db.conn.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('bucky', ?, '')", [name]
        )


ALONE = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
try:
    print(db.execute("PRAGMA journal_mode = DELETE").fetchone()[0])  # only who has the file alone may
except sqlite3.OperationalError as error:
    print(error)
"""


def test_opening_the_database_once_more_ends_no_lock_of_this_process(tmp_path: Path) -> None:
    """SQLite's locks are those of fcntl(2), which end when the process closes the file anywhere."""
    path = tmp_path / "bucky.sqlite"
    first, _second = Database(path), Database(path)
    first.set_setting("key", "value")
    done = subprocess.run([sys.executable, "-c", ALONE, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "database is locked"
    assert first.setting("key") == "value"


@pytest.mark.parametrize("content", [b"", b"x", b"not dicom at all", b"\x00" * 128 + b"DICM", b"\x00" * 5000])
def test_what_is_no_dicom_is_refused_in_words(content: bytes, box: Box, tmp_path: Path) -> None:
    """And leaves nothing behind."""
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(NotDicom):
        take_file(box.intake, path, LOCAL)
    assert list((box.settings.data / "incoming").iterdir()) == []
    assert box.catalogue.count() == 0


def test_a_deflated_file_is_refused(box: Box) -> None:
    """It could expand without bound."""
    path = get_testdata_file("image_dfl.dcm")
    assert path is not None
    with pytest.raises(NotDicom, match="deflated"):
        take_file(box.intake, Path(path), LOCAL)


def test_a_peers_text_is_inert_in_the_index(box: Box) -> None:
    """Markup, SQL and path parts stay text."""
    (ds,) = small_study("cervical-spine")
    ds.PatientName = "'; DROP TABLE study; --"
    ds.PatientID = "../../etc/passwd"
    ds.StudyDescription = "<script>alert(1)</script>"
    take_dataset(box.intake, ds, LOCAL)
    study = box.catalogue.recent()[0].study
    assert study.patient_id == "../../etc/passwd"
    assert study.study_description == "<script>alert(1)</script>"


def test_nested_bomb_is_kept_or_refused_without_harm(box: Box) -> None:
    """3,000 nested sequences: no crash, and the next instance is stored."""
    inner = Dataset()
    inner.PatientComments = "x"
    (ds,) = small_study("cervical-spine")
    take_dataset(box.intake, ds, LOCAL)
    nested = b"".join(
        b"\xfe\xff\x00\xe0\xff\xff\xff\xff\x40\x00\x75\x02SQ\x00\x00\xff\xff\xff\xff" for _ in range(3000)
    )
    head = b"\x08\x00\x18\x00UI\x06\x001.2.3\x00\x40\x00\x75\x02SQ\x00\x00\xff\xff\xff\xff"
    incoming = box.intake.open(CommandUids("1.2.840.10008.5.1.4.1.1.2", "1.2.3", "1.2.840.10008.1.2.1"), LOCAL)
    incoming.write(head + nested)
    assert box.intake.commit(incoming).outcome == "stored"
    (other,) = small_study("cervical-spine")
    assert take_dataset(box.intake, other, LOCAL).outcome == "stored"
