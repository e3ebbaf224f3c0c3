"""Backup while running, restore on a bare box, and what goes wrong with either."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from appliance.archive.backup import BackupFolder
from appliance.archive.blobs import Provenance
from appliance.archive.part10 import take_dataset
from appliance.archive.restore import NoBackup, NotBare, restore
from appliance.archive.vault import Key, NoRecoveryKey, WrongRecoveryKey
from appliance.clock import stamp
from appliance.settings import load
from appliance.wiring import Box
from tests.conftest import SENTINEL
from tests.pictures import small_study

UNIT = Provenance("dimse", "DX1", "10.0.0.7", stamp())
PASSWORD = "correct horse battery"


@pytest.fixture
def full(box: Box) -> Box:
    """A clinic with studies, people, an accepted unit, something on its way, and settings of its own."""
    box.first_run.set_up(clinic="Paw", kind="vet", name="Ann", password=PASSWORD)
    for ds in (*small_study(), *small_study("cervical-spine")):
        take_dataset(box.intake, ds, UNIT)
    box.senders.accept(1)
    target = box.destinations.add("Reader", "http://127.0.0.1:9/dicom-web", token="secret token")
    box.queue.request(1, target.id, 0, "ann", "2.25.7")
    (box.settings.data / "settings.toml").write_text("quarantine_max_mb = 77\ndicom_port = 104\n")
    box.remember_how_to_reach(11999, None)
    box.database.set_setting("identity_key", "never leaves")
    return box


def _names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def _box(data: Path) -> Box:
    return Box(load(data, command_line={}, environ={}))


def test_nothing_is_backed_up_without_a_key(full: Box, tmp_path: Path) -> None:
    """And nothing is written."""
    with pytest.raises(NoRecoveryKey):
        full.backup.run(tmp_path / "usb")
    assert not (tmp_path / "usb").exists()


def test_a_restored_box_is_the_former_one(full: Box, tmp_path: Path) -> None:
    """Studies, people, the unit, the open case, AE title, port and settings; the identity key is not among them."""
    key = full.recovery_keys.make()
    full.backup.run(tmp_path / "usb")
    done = restore(tmp_path / "usb", Key(key.lower()), tmp_path / "new")
    assert (done.lost, done.ae_title, done.dicom_port) == (0, "BUCKY", 11999)
    new = _box(tmp_path / "new")
    new.recover()
    assert new.reconcile() == {}
    for table in ("study", "series", "account", "sender", "reading_request", "destination"):
        query = f"SELECT * FROM {table}"  # noqa: S608 - names of our own tables
        assert list(new.database.read.query(query)) == list(full.database.read.query(query)), table
    assert [i.dataset_sha256 for i in new.catalogue.instances(1)] == [
        i.dataset_sha256 for i in full.catalogue.instances(1)
    ]
    assert all(
        i.path.read_bytes() == full.catalogue.instance(i.id).path.read_bytes() for i in new.catalogue.instances(1)
    )
    assert new.database.setting("identity_key") is None
    assert (new.settings.dicom_port, new.settings.quarantine_max_mb) == (11999, 77)
    assert [n.code for n in new.notices.unread()] == ["restored"]
    run = new.checker.begin("asked")
    assert {looked.found for looked in new.checker.go_on(run)} == {"good"}


def test_a_backup_holds_nothing_readable(full: Box, tmp_path: Path) -> None:
    """No patient's name and no token in any file, and none in any name."""
    full.recovery_keys.make()
    full.backup.run(tmp_path / "usb")
    for path in (tmp_path / "usb").rglob("*"):
        assert SENTINEL not in path.name
        if path.is_file():
            content = path.read_bytes()
            assert SENTINEL.encode() not in content
            assert b"secret token" not in content


def test_a_second_backup_writes_only_what_is_new(full: Box, tmp_path: Path) -> None:
    """And keeps the last three databases."""
    full.recovery_keys.make()
    first = full.backup.run(tmp_path / "usb")
    assert first.files == 5
    take_dataset(full.intake, small_study("cervical-spine")[0], UNIT)
    assert full.backup.run(tmp_path / "usb").files == 2
    for _ in range(3):
        assert full.backup.run(tmp_path / "usb").files == 1
    assert len(list((tmp_path / "usb").glob("*/manifest-*"))) == 3


def test_a_backup_that_was_cut_short_goes_on(full: Box, tmp_path: Path) -> None:
    """A torn line of the journal costs one file; half files are removed."""
    key = full.recovery_keys.make()
    full.backup.run(tmp_path / "usb")
    (folder,) = (tmp_path / "usb").iterdir()
    for path in (*folder.glob("manifest-*"), *folder.glob("database-*")):
        path.unlink()
    journal = folder / "done.jsonl"
    journal.write_text(journal.read_text()[:-30])
    (folder / "instances" / "half.dcm.age.part").write_bytes(b"half")
    assert full.backup.run(tmp_path / "usb").files == 2
    assert not [name for name in _names(folder) if name.endswith(".part")]
    assert restore(tmp_path / "usb", Key(key), tmp_path / "new").lost == 0


def test_a_restore_that_was_cut_short_goes_on(full: Box, tmp_path: Path) -> None:
    """Until then there is no database, so that the box does not start with half of its pictures."""
    key = Key(full.recovery_keys.make())
    full.backup.run(tmp_path / "usb")

    class Cut(Exception):
        """The plug is pulled."""

    def pull(done: int, total: int) -> None:
        if done == 2:
            raise Cut

    with pytest.raises(Cut):
        restore(tmp_path / "usb", key, tmp_path / "new", pull)
    assert not (tmp_path / "new" / "bucky.sqlite").exists()
    assert restore(tmp_path / "usb", key, tmp_path / "new").lost == 0
    with pytest.raises(NotBare):
        restore(tmp_path / "usb", key, tmp_path / "new")


def test_wrong_keys_and_wrong_folders_are_told_apart(full: Box, tmp_path: Path) -> None:
    """In words."""
    full.recovery_keys.make()
    full.backup.run(tmp_path / "usb")
    other = full.recovery_keys.make()
    with pytest.raises(WrongRecoveryKey):
        restore(tmp_path / "usb", Key(other), tmp_path / "new")
    with pytest.raises(WrongRecoveryKey):
        Key("no key at all")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NoBackup):
        restore(tmp_path / "empty", Key(other), tmp_path / "new")


def test_damage_in_the_backup_costs_only_what_is_damaged(full: Box, tmp_path: Path) -> None:
    """A changed picture is told; a changed newest database leads to the one before."""
    key = Key(full.recovery_keys.make())
    full.backup.run(tmp_path / "usb")
    full.backup.run(tmp_path / "usb")
    (folder,) = (tmp_path / "usb").iterdir()
    newest = max(folder.glob("database-*"))
    newest.write_bytes(newest.read_bytes()[:-1])
    picture = next(folder.glob("instances/*/*.age"))
    content = bytearray(picture.read_bytes())
    content[-5] ^= 1
    picture.write_bytes(content)
    assert restore(tmp_path / "usb", key, tmp_path / "new").lost == 1
    new = _box(tmp_path / "new")
    new.recover()
    assert new.reconcile() == {"file-missing": 1}


def test_a_damaged_picture_never_replaces_the_backups_good_one(full: Box, tmp_path: Path) -> None:
    """It is found on the way, set aside, and had back from the backup."""
    key = Key(full.recovery_keys.make())
    full.backup.run(tmp_path / "usb")
    (folder,) = (tmp_path / "usb").iterdir()
    instance = full.catalogue.instance(1)
    instance.path.write_bytes(instance.path.read_bytes()[:-1] + b"\x01")
    sealed = folder / "instances" / instance.dataset_sha256[:2] / f"{instance.dataset_sha256}.dcm.age"
    sealed.unlink()
    full.backup.run(tmp_path / "usb")
    assert not sealed.exists()
    assert full.catalogue.instance(1).file_state == "damaged"
    assert restore(tmp_path / "usb", key, tmp_path / "new").lost == 0


def test_a_schedule_never_writes_into_an_empty_mount_point(full: Box, tmp_path: Path) -> None:
    """The disk was pulled: its place is a folder of this box's own disk."""
    full.recovery_keys.make()
    full.backup.run(tmp_path / "usb")
    shutil.move(tmp_path / "usb", tmp_path / "away")
    (tmp_path / "usb").mkdir()
    with pytest.raises(BackupFolder, match="not there"):
        full.backup.run(tmp_path / "usb", scheduled=True)
    good = full.backup.last_good()
    assert good is not None
    assert good.files == 5


def test_a_backup_that_fails_says_why_and_leaves_the_last_good_one(full: Box, tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    full.recovery_keys.make()
    full.backup.run(tmp_path / "usb")
    (tmp_path / "file").write_text("x")
    with pytest.raises(BackupFolder, match="not a directory"):
        full.backup.run(tmp_path / "file")
    last, good = full.backup.last(), full.backup.last_good()
    assert last is not None
    assert good is not None
    assert last.message is not None
    assert good.folder == str(tmp_path / "usb")


def test_the_snapshot_is_consistent_while_others_write(full: Box, tmp_path: Path) -> None:
    """Every file named by the backed-up database is in the backup."""
    key = Key(full.recovery_keys.make())
    take = iter(small_study("cervical-spine") + small_study())

    def meanwhile(done: int, total: int) -> None:
        take_dataset(full.intake, next(take), UNIT)

    full.backup.run(tmp_path / "usb", progress=meanwhile)
    restore(tmp_path / "usb", key, tmp_path / "new")
    with sqlite3.connect(tmp_path / "new" / "bucky.sqlite") as conn:
        digests = {row[0] for row in conn.execute("SELECT dataset_sha256 FROM instance")}
        listens = json.loads(conn.execute("SELECT value FROM setting WHERE key = 'listens'").fetchone()[0])
    assert digests == {path.stem for path in (tmp_path / "new" / "instances").rglob("*.dcm")}
    assert len(digests) == 4
    assert listens["dicom_port"] == 11999
