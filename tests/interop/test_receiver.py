"""The receiver against dcmtk's tools, pynetdicom's SCU, and the real files where they are present."""

import contextlib
import os
import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from threading import Timer

import pydicom
import pytest
from pydicom import dcmread
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, generate_uid
from pynetdicom import _config, evt
from pynetdicom._handlers import standard_dimse_sent_handler
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import encode
from pynetdicom.sop_class import _STORAGE_CLASSES

from appliance.association import RequestorAE
from appliance.dicom.transfer_syntaxes import REFUSED
from appliance.phantom.unit import AssociationRejected, send, write
from tests.box import HOST, Box
from tests.orthanc import need
from tests.pictures import shared_files, small_study
from tests.waiting import wait_for

TRANSFER_SYNTAXES = [
    "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.5",
    *(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 53, 57, 70, 80, 81, 90, 91, 92, 100, 102, 107, 110, 112, 201, 203)),
]  # fmt: skip


@pytest.fixture
def box(make_box: Callable[..., Box]) -> Box:
    """A running box that accepts the tools of this test."""
    started = make_box().set_up().start()
    for name in ("STORESCU", "DCMSEND", "PHANTOM-DX", "PYNETDICOM"):
        started.accept(name)
    return started


def test_echoscu_gets_an_answer(box: Box) -> None:
    """C-ECHO succeeds, whatever the called AE title."""
    need("echoscu")
    for called in ("BUCKY", "SOMETHING"):
        command = ["echoscu", "-v", "-aec", called, HOST, str(box.dicom_port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        assert (done.returncode, "Success" in done.stdout + done.stderr) == (0, True)


@pytest.mark.parametrize("tool", ["storescu", "dcmsend"])
def test_dcmtk_stores_and_the_data_set_is_kept_bit_identical(tool: str, box: Box, tmp_path: Path) -> None:
    """The stored file's data set is what was sent, behind a zeroed preamble."""
    need(tool)
    (ds,) = small_study("cervical-spine")
    (path,) = write([ds], tmp_path / "files")
    subprocess.run([tool, HOST, str(box.dicom_port), str(path)], check=True, timeout=30)
    (row,) = box.facts("study", "show", str(ds.StudyInstanceUID))
    kept = Path(row["file"])
    assert kept.read_bytes()[:132] == b"\x00" * 128 + b"DICM"
    assert dcmread(kept).PixelData == ds.PixelData
    assert dcmread(kept) == dcmread(path)


def test_every_real_file_is_stored_or_refused_with_a_reason(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sent byte by byte as they are; the table is printed; the receiver answers C-ECHO afterwards."""
    monkeypatch.setattr(_config, "STORE_SEND_CHUNKED_DATASET", True)
    outcomes: dict[str, int] = {}
    bundled = Path(pydicom.__file__).parent / "data" / "test_files"
    files = sorted(bundled.glob("*.dcm")) + shared_files()
    for path in files:
        outcome = _send_raw(box, path)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        print(f"{outcome:28} {path.name}")
    print(outcomes)
    assert set(outcomes) <= {"0x0000", "no DICOM file", "syntax refused", "0xC000", "association ended"}
    assert outcomes.get("association ended", 0) == 0
    assert outcomes["0x0000"] >= len(files) * 0.8
    test_echoscu_gets_an_answer(box)


def _send_raw(box: Box, path: Path) -> str:
    """C-STORE of the file's own bytes by its own transfer syntax."""
    try:
        ds = dcmread(path, stop_before_pixels=True)
        meta = ds.file_meta
        syntax, sop_class, _ = meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
        assert sop_class
    except Exception:
        return "no DICOM file"
    ae = RequestorAE(ae_title="PYNETDICOM")
    ae.add_requested_context(sop_class, syntax)
    association = ae.associate(HOST, box.dicom_port)
    if not association.accepted_contexts:
        association.release() if association.is_established else None
        return "syntax refused"
    answer = association.send_c_store(path)
    status = getattr(answer, "Status", None)
    association.release()
    return "association ended" if status is None else f"0x{status:04X}"


@pytest.mark.parametrize("syntax", TRANSFER_SYNTAXES)
def test_every_transfer_syntax_of_modalities_is_accepted(syntax: str, box_port: int) -> None:
    """Negotiated for a private SOP class and for a standard one."""
    ae = RequestorAE(ae_title="PYNETDICOM")
    for sop_class in ("1.2.840.10008.5.1.4.1.1.1.1", "1.3.12.2.1107.5.9.1"):
        ae.add_requested_context(sop_class, syntax)
    association = ae.associate(HOST, box_port)
    assert len(association.accepted_contexts) == 2
    association.release()


def test_every_storage_class_is_accepted_and_the_deflated_syntax_never(box_port: int) -> None:
    """All classes that pynetdicom knows, in several associations of 128 contexts at the most."""
    classes = [str(uid) for uid in _STORAGE_CLASSES.values()]
    for start in range(0, len(classes), 100):
        ae = RequestorAE(ae_title="PYNETDICOM")
        for uid in classes[start : start + 100]:
            ae.add_requested_context(uid, ExplicitVRLittleEndian)
        association = ae.associate(HOST, box_port)
        assert len(association.accepted_contexts) == len(classes[start : start + 100])
        association.release()
    for syntax in (*REFUSED, DeflatedExplicitVRLittleEndian):
        ae = RequestorAE(ae_title="PYNETDICOM")
        ae.add_requested_context("1.2.840.10008.5.1.4.1.1.2", syntax)
        association = ae.associate(HOST, box_port)
        assert association.accepted_contexts == []


@pytest.fixture(scope="module")
def box_port(tmp_path_factory: pytest.TempPathFactory) -> int:
    """One box for the tests that only negotiate."""
    box = Box(tmp_path_factory.mktemp("negotiation") / "box").set_up().start()
    yield box.dicom_port
    box.stop()


def test_an_unknown_private_class_is_stored(box: Box) -> None:
    """An object whose class nobody knows is kept like any other."""
    (ds,) = small_study("cervical-spine")
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = UID("1.3.12.2.1107.5.9.1")
    assert send([ds], HOST, box.dicom_port) == [0]
    (row,) = box.facts("study", "show", str(ds.StudyInstanceUID))
    assert row["sop_class_uid"] == "1.3.12.2.1107.5.9.1"


def test_a_picture_without_class_and_number_is_refused_with_a_reason_and_the_next_one_stored(box: Box) -> None:
    """On the same association; the reason is among the last refusals."""
    (ds,) = small_study("cervical-spine")
    ae = RequestorAE(ae_title="PHANTOM-DX")
    ae.add_requested_context(ds.SOPClassUID, ExplicitVRLittleEndian)
    association = ae.associate(HOST, box.dicom_port)
    association.unbind(evt.EVT_DIMSE_SENT, standard_dimse_sent_handler)  # it logs a name that is not there
    association._reactor_checkpoint.clear()  # as its own send_c_store does while it waits for the answer
    wait_for(lambda: association._is_paused, 10, "a quiet association")
    content = encode(ds, is_implicit_vr=False, is_little_endian=True)
    assert content is not None
    nameless = C_STORE()
    nameless.MessageID, nameless.Priority, nameless.DataSet = 1, 0, BytesIO(content)
    association.dimse.send_msg(nameless, association.accepted_contexts[0].context_id)
    _, answer = association.dimse.get_msg(block=True)
    assert isinstance(answer, C_STORE)
    assert answer.Status == 0xC000
    association._reactor_checkpoint.set()
    assert association.send_c_store(ds).Status == 0
    association.release()
    (refusal,) = box.facts("modality", "refusals")
    assert (refusal["code"], refusal["name"]) == ("not-usable", "PHANTOM-DX")
    assert "did not say its class" in refusal["detail"]


def test_same_bytes_again_add_nothing_and_other_bytes_are_kept_and_flagged(box: Box) -> None:
    """Invariant 4, over the wire."""
    (ds,) = small_study("cervical-spine")
    uid = str(ds.StudyInstanceUID)
    assert send([ds], HOST, box.dicom_port) == [0]
    assert send([ds], HOST, box.dicom_port) == [0]
    assert len(box.facts("study", "show", uid)) == 1
    ds.PixelData = bytes(len(ds.PixelData))
    assert send([ds], HOST, box.dicom_port) == [0]
    rows = box.facts("study", "show", uid)
    assert len(rows) == 2
    assert all(row["conflict"] and Path(row["file"]).exists() for row in rows)


def test_an_unknown_sender_is_kept_apart_until_accepted_and_a_blocked_one_refused(box: Box) -> None:
    """Invariant 6: nothing of an unknown device is listed; accepting it brings its pictures in."""
    (ds,) = small_study("cervical-spine")
    assert send([ds], HOST, box.dicom_port, calling_ae="STRANGER") == [0]
    assert box.facts("study", "list") == []
    box.accept("STRANGER")
    assert [row["study_instance_uid"] for row in box.facts("study", "list")] == [str(ds.StudyInstanceUID)]
    box.bucky("modality", "block", "STRANGER")
    with pytest.raises(AssociationRejected, match="does not know this unit"):
        send(small_study("cervical-spine"), HOST, box.dicom_port, calling_ae="STRANGER")


def test_memory_does_not_grow_with_the_size_of_the_image(box: Box) -> None:
    """A data set of 160 MB raises the receiver's peak by less than a tenth of that."""
    (ds,) = small_study("cervical-spine")
    assert send([ds], HOST, box.dicom_port) == [0]
    before = _peak_bytes(box)
    (big,) = small_study("cervical-spine")
    big.SOPInstanceUID = big.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    big.Rows, big.Columns = 8000, 10000
    big.PixelData = os.urandom(1 << 20) * 153
    assert send([big], HOST, box.dicom_port) == [0]
    assert _peak_bytes(box) - before < 16 * 2**20


def _peak_bytes(box: Box) -> int:
    status = Path(f"/proc/{box.roles()['receiver'].pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def test_a_connection_cut_in_the_middle_of_an_image_leaves_nothing_behind(box: Box) -> None:
    """The part that arrived is forgotten; the same picture sent again is stored."""
    (ds,) = small_study("cervical-spine", 0.5)
    ae = RequestorAE(ae_title="PHANTOM-DX")
    ae.add_requested_context(ds.SOPClassUID, ExplicitVRLittleEndian)
    ae.dimse_timeout = 2
    association = ae.associate(HOST, box.dicom_port)
    Timer(0.01, association.abort).start()
    with contextlib.suppress(RuntimeError, ValueError, AttributeError):
        association.send_c_store(ds)
    assert send([ds], HOST, box.dicom_port) == [0]
    assert len(box.facts("study", "show", str(ds.StudyInstanceUID))) == 1
    wait_for(lambda: not list((box.data / "incoming").iterdir()), 10, "an empty incoming folder")


def test_no_process_loads_what_it_does_not_need(box: Box) -> None:
    """Receiver and supervisor no web framework, no numpy and no codec; no role at rest GDCM. Seen in their maps."""
    assert box.process is not None
    pids = {name: role.pid for name, role in box.roles().items()} | {"supervisor": box.process.pid}
    for role, pid in pids.items():
        maps = Path(f"/proc/{pid}/maps").read_text().lower()
        bare = role in ("receiver", "supervisor")
        for name in ("gdcm", "numpy", "imagecodecs", "openjpeg", "_imaging", "markupsafe") if bare else ("gdcm",):
            assert name not in maps, f"{name} in {role}"
