"""Healing, eviction and recall against a reader that holds the pictures, over real sockets."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.uid import JPEGLSLossless, generate_uid

from appliance.archive.blobs import Provenance
from appliance.archive.part10 import take_dataset
from appliance.archive.retention import ANY_KIND, Rules
from appliance.clock import after, stamp
from appliance.courier.keeping import last_night
from appliance.errors import BadInput
from appliance.wiring import Box
from tests.peers import Mode, Peer
from tests.pictures import small_study

UNIT = Provenance("local", "x", "", stamp())
_DAY_S = 86_400


@pytest.fixture
def peer(make_peer: Callable[[Mode], Peer]) -> Peer:
    """A reader's archive."""
    return make_peer("healthy")


def _content(ds: Dataset) -> bytes:
    buffer = DicomBytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _delivered(box: Box, peer: Peer, datasets: list[Dataset]) -> int:
    """A study that is here and verified there; returns its row."""
    known = {d.name: d for d in box.destinations.all()}
    target = known.get("Reader") or box.destinations.add("Reader", peer.url)
    for ds in datasets:
        receipt = take_dataset(box.intake, ds, UNIT)
        path = box.catalogue.instance(receipt.instance_id).path
        peer.keep(ds, path.read_bytes())
        with box.database.write() as db:
            db.conn.execute(
                "UPDATE instance SET routed = 1, preview_state = 'ready' WHERE id = ?", [receipt.instance_id]
            )
            db.conn.execute(
                "INSERT INTO delivery (destination_id, instance_id, state, next_attempt_at)"
                " VALUES (?, ?, 'verified', ?)",
                [target.id, receipt.instance_id, stamp()],
            )
    return box.catalogue.study_by_uid(str(datasets[0].StudyInstanceUID)).id


def _old(box: Box, study_id: int, days: int = 100) -> None:
    with box.database.write() as db:
        db.conn.execute("UPDATE study SET last_received_at = ? WHERE id = ?", [after(-days * _DAY_S), study_id])


def _run(box: Box, keeper: str) -> None:
    """Until it would rest."""
    worker = box.keepers()[keeper]
    while worker.run_once() == 0:
        pass


def _damage(box: Box, instance_id: int, at: int = -7) -> bytes:
    """One flipped bit, found by a check; returns what the file held."""
    path = box.catalogue.instance(instance_id).path
    good = path.read_bytes()
    bad = bytearray(good)
    bad[at] ^= 1
    path.write_bytes(bad)
    list(box.checker.go_on(box.checker.begin("asked")))
    assert box.catalogue.instance(instance_id).file_state == "damaged"
    return good


def test_a_damaged_picture_comes_back_bit_by_bit(box: Box, peer: Peer) -> None:
    """With our own file meta, so that even the file is the former one."""
    _delivered(box, peer, small_study("cervical-spine"))
    good = _damage(box, 1)
    _run(box, "healing")
    assert box.catalogue.instance(1).path.read_bytes() == good
    (damage,) = box.damages.latest()
    assert (damage.state, damage.destination_name) == ("same bytes", "Reader")
    assert "picture-healed" in {n.code for n in box.notices.unread()}
    assert box.damages.count_open() == 0
    assert box.reconcile() == {}


def test_a_copy_that_was_compressed_on_the_way_is_decoded_to_the_very_bytes(box: Box, peer: Peer) -> None:
    """The far side holds JPEG-LS; the data set becomes what the unit sent."""
    (ds,) = small_study("cervical-spine")
    _delivered(box, peer, [ds])
    good = _damage(box, 1)
    ds.compress(JPEGLSLossless, encoding_plugin="pyjpegls", generate_instance_uid=False)
    peer.keep(ds, _content(ds))
    _run(box, "healing")
    assert box.damages.latest()[0].state == "same bytes"
    assert box.catalogue.instance(1).path.read_bytes() == good


def test_a_copy_with_another_header_counts_if_its_pixels_are_the_same(box: Box, peer: Peer) -> None:
    """The proof was taken while the file was good; the page says that it is the pixels only."""
    (ds,) = small_study("cervical-spine")
    _delivered(box, peer, [ds])
    _run(box, "proofs")
    _damage(box, 1)
    ds.InstitutionName = "Changed by the archive"
    peer.keep(ds, _content(ds))
    _run(box, "healing")
    assert box.damages.latest()[0].state == "same pixels"
    healed = box.catalogue.instance(1)
    assert healed.file_state == "here"
    assert dcmread(healed.path).pixel_array.tobytes() == ds.pixel_array.tobytes()
    assert "picture-healed-pixels" in {n.code for n in box.notices.unread()}


def test_without_a_proof_the_damaged_files_own_pixels_decide(box: Box, peer: Peer) -> None:
    """The bit that flipped was in the header."""
    (ds,) = small_study("cervical-spine")
    _delivered(box, peer, [ds])
    where = box.catalogue.instance(1).path.read_bytes().index(b"Zzsentinelzz")
    _damage(box, 1, where)
    ds.InstitutionName = "Changed by the archive"
    peer.keep(ds, _content(ds))
    _run(box, "healing")
    assert box.damages.latest()[0].state == "same pixels"


def test_another_picture_under_the_same_number_is_never_taken(box: Box, peer: Peer) -> None:
    """It is told, and the damaged file is still there."""
    (ds,) = small_study("cervical-spine")
    _delivered(box, peer, [ds])
    _run(box, "proofs")
    _damage(box, 1)
    pixels = bytearray(ds.PixelData)
    pixels[100] ^= 1
    ds.PixelData = bytes(pixels)
    peer.keep(ds, _content(ds))
    _run(box, "healing")
    (damage,) = box.damages.latest()
    assert damage.state == "differs"
    assert box.catalogue.instance(1).file_state == "damaged"
    assert box.blobs.damaged(str(damage.set_aside)).exists()


def test_what_is_nowhere_else_waits_and_is_told(box: Box) -> None:
    """No destination has it."""
    take_dataset(box.intake, small_study("cervical-spine")[0], UNIT)
    _damage(box, 1)
    _run(box, "healing")
    assert box.damages.latest()[0].state == "nowhere"
    assert box.damages.count_open() == 1


def test_nothing_leaves_without_rules(box: Box, peer: Peer) -> None:
    """Eviction is the clinic's decision."""
    study_id = _delivered(box, peer, small_study())
    _old(box, study_id, 9999)
    _run(box, "retention")
    assert {i.file_state for i in box.catalogue.instances(study_id)} == {"here"}


def test_an_old_study_that_is_safe_leaves_and_comes_back(box: Box, peer: Peer) -> None:
    """It stays in the list; opening it brings the very files back; then it stays for a while."""
    study_id = _delivered(box, peer, small_study())
    before = {i.path: i.path.read_bytes() for i in box.catalogue.instances(study_id)}
    _old(box, study_id)
    box.retention.set_rules(Rules({ANY_KIND: 90}))
    _run(box, "retention")
    assert not any(path.exists() for path in before)
    assert {i.file_state for i in box.catalogue.line(box.catalogue.study(study_id)).images} == {"evicted"}
    assert box.reconcile() == {}
    box.recalls.ask(study_id)
    assert box.recalls.of(study_id) is not None
    _run(box, "recall")
    assert {path: path.read_bytes() for path in before} == before
    assert box.recalls.of(study_id) is None
    _run(box, "retention")
    assert all(path.exists() for path in before)


def test_a_recall_says_what_is_wrong_and_goes_on_later(box: Box, peer: Peer) -> None:
    """The line is dead; then it is back."""
    study_id = _delivered(box, peer, small_study())
    _old(box, study_id)
    box.retention.set_rules(Rules({"DX": 90}))
    _run(box, "retention")
    peer.mode = "refusing"
    box.recalls.ask(study_id)
    _run(box, "recall")
    recall = box.recalls.of(study_id)
    assert recall is not None
    assert (recall.state, recall.done, recall.total) == ("trouble", 0, 3)
    assert recall.message
    peer.mode = "healthy"
    with box.database.write() as db:
        db.conn.execute("UPDATE recall SET next_attempt_at = ''")
    _run(box, "recall")
    assert {i.file_state for i in box.catalogue.instances(study_id)} == {"here"}


def _kept_for_ever(box: Box, peer: Peer, study_id: int) -> None:
    box.retention.keep_for_ever(study_id, keep=True)


def _waiting(box: Box, peer: Peer, study_id: int) -> None:
    with box.database.write() as db:
        db.conn.execute("UPDATE delivery SET state = 'waiting' WHERE id = 2")


def _quarantined(box: Box, peer: Peer, study_id: int) -> None:
    stranger = small_study("cervical-spine")[0]
    stranger.StudyInstanceUID = box.catalogue.study(study_id).study_instance_uid
    take_dataset(box.intake, stranger, Provenance("dimse", "DX9", "10.0.0.9", stamp()))


def _open_case(box: Box, peer: Peer, study_id: int) -> None:
    box.queue.request(study_id, 1, 1, "ann", str(generate_uid()))


def _draft(box: Box, peer: Peer, study_id: int) -> None:
    with box.database.write() as db:
        db.conn.execute("INSERT INTO report_draft (study_id, fields, author, saved_at) VALUES (1, '{}', 'x', '')")


def _gone_there(box: Box, peer: Peer, study_id: int) -> None:
    peer.stored.popitem()


def _unreachable(box: Box, peer: Peer, study_id: int) -> None:
    peer.mode = "refusing"


def _never_sent(box: Box, peer: Peer, study_id: int) -> None:
    with box.database.write() as db:
        db.conn.execute("DELETE FROM delivery WHERE id = 1")


def _removed_reader(box: Box, peer: Peer, study_id: int) -> None:
    box.destinations.remove(1)


def _young(box: Box, peer: Peer, study_id: int) -> None:
    _old(box, study_id, 89)


@pytest.mark.parametrize(
    "circumstance",
    [
        *(_kept_for_ever, _waiting, _quarantined, _open_case, _draft, _gone_there, _unreachable, _never_sent),
        *(_removed_reader, _young),
    ],
)
def test_a_study_stays_while_anything_speaks_against_its_leaving(
    box: Box, peer: Peer, circumstance: Callable[[Box, Peer, int], None]
) -> None:
    """Each by itself."""
    study_id = _delivered(box, peer, small_study())
    _old(box, study_id)
    box.retention.set_rules(Rules({ANY_KIND: 90}))
    circumstance(box, peer, study_id)
    _run(box, "retention")
    assert all(i.path.exists() for i in box.catalogue.instances(study_id))


def test_kinds_have_days_of_their_own(box: Box, peer: Peer) -> None:
    """A rule for DX goes before the one for everything else."""
    study_id = _delivered(box, peer, small_study())
    _old(box, study_id)
    box.retention.set_rules(Rules({ANY_KIND: 90, "DX": 400}))
    assert box.retention.candidates() == []
    box.retention.set_rules(Rules({ANY_KIND: 400, "DX": 90}))
    assert box.retention.candidates() == [study_id]


def test_little_free_space_lets_the_oldest_go_first(box: Box, peer: Peer) -> None:
    """However young; and only as far as the rules say."""
    first, second = _delivered(box, peer, small_study()), _delivered(box, peer, small_study())
    _old(box, second, 2)
    _old(box, first, 1)
    box.retention.set_rules(Rules(min_free_gb=100_000))
    assert box.retention.candidates() == [second, first]
    box.retention.set_rules(Rules(min_free_gb=0))
    assert box.retention.candidates() == []
    with pytest.raises(BadInput):
        box.retention.set_rules(Rules({"DX": 0}))


def test_everything_is_had_back_from_a_reader_when_there_is_no_backup(box: Box, peer: Peer, tmp_path: Path) -> None:
    """Pictures and reports, once, and nothing is sent back to where it came from."""
    report = Dataset()
    images = small_study()
    for ds in images:
        peer.keep(ds, _content(ds))
    report.file_meta = images[0].file_meta.copy()
    report.SOPClassUID, report.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.11", generate_uid()
    report.StudyInstanceUID, report.SeriesInstanceUID = images[0].StudyInstanceUID, generate_uid()
    report.Modality = "SR"
    peer.keep(report, _content(report))
    target = box.destinations.add("Reader", peer.url, auto=True)
    for _ in range(2):
        done = box.from_reader.all_of(target)
        assert (done.studies, done.instances, done.refused) == (1, 4, 0)
    (line,) = box.catalogue.recent()
    assert (len(line.images), len(line.reports)) == (3, 1)
    box.queue.route_new()
    assert box.queue.waiting_count(target.id) == 0


def test_the_night_of_a_backup_is_the_last_one() -> None:
    """At every hour."""
    for hour in range(24):
        due = last_night(hour)
        assert due.hour == hour
        assert 0 <= (due.now(due.tzinfo) - due).total_seconds() <= _DAY_S
