"""Recovery at the start, the check of every digest, and the index made anew."""

import random
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import generate_uid

from appliance.archive.blobs import Provenance
from appliance.archive.part10 import take_dataset
from appliance.archive.rebuild import rebuild_index
from appliance.archive.salvage import INDEX_TABLES
from appliance.clock import stamp
from appliance.settings import load
from appliance.wiring import Box
from tests.pictures import small_study

_FROM_FILES = {  # what can be known without any database; rows' numbers and the clinic's decisions cannot
    "study": "study_instance_uid, patient_id, patient_name, patient_species_description, responsible_person,"
    " study_date, accession_number, patient_mismatch, instance_count, received_at",
    "series": "(SELECT study_instance_uid FROM study WHERE study.id = study_id), series_instance_uid, modality,"
    " series_description, body_part_examined",
    "instance": "(SELECT study_instance_uid FROM study WHERE study.id = study_id), sop_instance_uid, sop_class_uid,"
    " transfer_syntax_uid, dataset_sha256, size_bytes, view_position, rows, columns, problems, quarantined, conflict,"
    " received_at, (SELECT kind || name || address FROM sender WHERE sender.id = sender_id)",
}


def _unit(name: str = "DX1") -> Provenance:
    return Provenance("dimse", name, "10.0.0.7", stamp())


def _fill(box: Box) -> None:
    """Accepted and strange senders, a conflict, a double, a unit that moved, a report's sender, something sent."""
    first, second = small_study(), small_study("cervical-spine")
    for ds in first:
        take_dataset(box.intake, ds, _unit())
    box.senders.accept(1)
    for ds in (*second, *second):
        take_dataset(box.intake, ds, _unit())
    second[0].PatientName = "Other^Name"
    assert take_dataset(box.intake, second[0], _unit()).outcome == "conflict"
    take_dataset(box.intake, small_study("cervical-spine")[0], _unit("STRANGER"))
    take_dataset(box.intake, small_study("cervical-spine")[0], Provenance("dimse", "DX1", "10.0.0.9", stamp()))
    moved = box.senders.find("dimse", "DX1", "10.0.0.9")
    assert moved is not None
    box.senders.moved(moved.id, 1)
    take_dataset(box.intake, small_study("cervical-spine")[0], Provenance("result", "Reader", "", stamp()))
    target = box.destinations.add("Reader", "http://127.0.0.1:9/dicom-web")
    box.queue.request(1, target.id, 1, "ann", str(generate_uid()))
    box.catalogue.set_preview(1, "ready", None)


def _index(box: Box) -> dict[str, list[dict[str, Any]]]:
    tables = (*INDEX_TABLES, "sender", "former_sender", "delivery", "reading_request", "account", "destination")
    return {table: list(box.database.read.query(f"SELECT * FROM {table} ORDER BY 1, 2")) for table in tables}  # noqa: S608 - our own names


def _said_by_files(box: Box) -> dict[str, list[tuple[Any, ...]]]:
    read = box.database.read.conn
    return {
        table: sorted(tuple(map(str, row)) for row in read.execute(f"SELECT {columns} FROM {table}"))  # noqa: S608 - our own names
        for table, columns in _FROM_FILES.items()
    }


def _again(box: Box) -> Box:
    """The same data folder after a restart."""
    fresh = Box(load(box.settings.data, command_line={}, environ={}))
    fresh.recover()
    fresh.reconcile()
    return fresh


def test_a_rebuilt_index_equals_the_former_one_in_every_table(box: Box) -> None:
    """Row numbers, decisions and the queue included; a copy of the former one stays."""
    _fill(box)
    before = _index(box)
    made = rebuild_index(box.database, box.blobs)
    assert _index(box) == before
    assert (made.studies, made.instances, made.strays) == (5, 8, 0)
    assert made.kept_from_former == 8
    assert list((box.settings.data / "set-aside").glob("*/bucky.sqlite"))
    assert _index(_again(box)) == before


def test_an_open_connection_goes_on_with_the_rebuilt_index(box: Box) -> None:
    """A role that was at work before the exchange writes into the new file, not into the old one."""
    _fill(box)
    other = Box(box.settings)
    assert len(other.catalogue.recent()) == 4
    version = other.watch.version()
    rebuild_index(box.database, box.blobs)
    take_dataset(other.intake, small_study("cervical-spine")[0], Provenance("local", "x", "", stamp()))
    assert len(box.catalogue.recent()) == len(other.catalogue.recent()) == 5
    assert other.watch.version() != version


def test_without_any_database_the_files_give_the_index(box: Box) -> None:
    """Everything that files say is as before once the units are accepted again."""
    for ds in (*small_study(), *small_study("cervical-spine")):
        take_dataset(box.intake, ds, _unit())
    box.senders.accept(1)
    before = _said_by_files(box)
    box.database.close()
    for path in box.settings.data.glob("bucky.sqlite*"):
        path.unlink()
    fresh = _again(box)
    assert [n.code for n in fresh.notices.unread()] == ["file-adopted", "index-from-files"]
    assert fresh.catalogue.recent() == []
    fresh.senders.accept(1)
    assert _said_by_files(fresh) == before


@pytest.mark.parametrize("damage", ["noise", "header", "truncated"])
def test_a_damaged_database_is_replaced_by_the_copy_and_the_files(box: Box, damage: str) -> None:
    """Nobody is asked; what came after the copy is added from the files, and the accounts are there."""
    box.first_run.set_up(clinic="Paw", kind="vet", name="Ann", password="correct horse battery")
    _fill(box)
    box.database.copy_to(box.settings.data / "bucky-copy.sqlite")
    take_dataset(box.intake, small_study("cervical-spine")[0], _unit())
    before = _said_by_files(box)
    box.database.close()
    _spoil(box.settings.data / "bucky.sqlite", damage)
    fresh = _again(box)
    assert _said_by_files(fresh) == before
    assert not fresh.first_run.needed
    assert [n.code for n in fresh.notices.unread()] == ["file-adopted", "index-from-copy"]


def _spoil(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "noise":
        content[:] = random.Random(5).randbytes(len(content))
    elif how == "header":
        content[:100] = bytes(100)
    else:
        del content[len(content) // 3 :]
    path.write_bytes(content)


def test_a_database_with_a_broken_index_page_is_carried_over_whole(box: Box) -> None:
    """All rows can still be read: nothing is lost, not even the newest state of the queue."""
    _fill(box)
    before = _index(box)
    box.database.close()
    path = box.settings.data / "bucky.sqlite"
    with sqlite3.connect(path) as conn:
        (page,) = conn.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'instance_study'").fetchone()
        (size,) = conn.execute("PRAGMA page_size").fetchone()
    conn.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\x00" * size)
    fresh = _again(box)
    assert _index(fresh) == before
    assert [n.code for n in fresh.notices.unread()] == ["index-repaired"]


def test_files_without_a_row_are_added_and_rows_without_a_file_are_told(box: Box) -> None:
    """What a kill between rename and commit leaves, and what a failing disk takes."""
    _fill(box)
    row = box.catalogue.instance(2)
    shutil.copyfile(row.path, box.settings.data / "kept.dcm")
    row.path.unlink()
    lost = box.catalogue.instance(3)
    with box.database.write() as db:
        db.conn.execute("DELETE FROM delivery")
        db.conn.execute("DELETE FROM instance WHERE id = 3")
    (box.settings.data / "instances" / "ab" / f"ab{'0' * 62}.dcm").write_bytes(b"no picture")
    fresh = _again(box)
    assert {n.code: n.number for n in fresh.notices.unread()} == {
        "file-adopted": 1,
        "file-missing": 1,
        "stray-file": 1,
    }
    assert lost.dataset_sha256 in {i.dataset_sha256 for i in fresh.catalogue.instances(1)}
    assert fresh.catalogue.instance(2).file_state == "missing"
    (box.settings.data / "kept.dcm").rename(row.path)
    assert _again(box).catalogue.instance(2).file_state == "here"
    assert fresh.damages.count_open() == 0


def test_the_check_finds_one_flipped_bit_and_sets_the_file_aside(box: Box) -> None:
    """And tells it once."""
    _fill(box)
    path = box.catalogue.instance(1).path
    content = bytearray(path.read_bytes())
    content[-7] ^= 1
    path.write_bytes(content)
    box.catalogue.instance(2).path.unlink()
    run = box.checker.begin("asked")
    found = [looked.found for looked in box.checker.go_on(run)]
    assert sorted(found) == ["damaged"] + ["good"] * (len(found) - 2) + ["missing"]
    done = box.checker.get(run.id)
    assert (done.damaged, done.missing, done.checked) == (1, 1, len(found))
    assert not path.exists()
    (damage,) = [d for d in box.damages.latest() if d.kind == "damaged"]
    assert box.blobs.damaged(str(damage.set_aside)).read_bytes() == bytes(content)
    again = box.checker.begin("asked")
    assert {looked.found for looked in box.checker.go_on(again)} == {"good"}


def test_a_background_check_goes_on_where_it_stopped(box: Box) -> None:
    """A restart does not begin it anew."""
    _fill(box)
    run = box.checker.begin("background")
    with box.database.write() as db:
        db.conn.execute("UPDATE check_run SET last_instance_id = 3 WHERE id = ?", [run.id])
    again = Box(box.settings).checker.begin("background")
    assert [looked.instance_id for looked in box.checker.go_on(again)] == [4, 5, 6, 7, 8]
    assert box.checker.latest() is not None
