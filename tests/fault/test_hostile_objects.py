"""Hostile objects by association, STOW-RS and import: inert or refused, within bounds, and nobody else suffers."""

import shutil
import subprocess
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from pydicom import dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, generate_uid
from pynetdicom import _config

from appliance.association import RequestorAE
from appliance.phantom.unit import send
from tests.box import HOST, Box
from tests.fault.hostile import CLASS, HOSTILE, MARKUP, SQL, part10
from tests.fault.siege import peak_bytes
from tests.orthanc import need
from tests.pictures import small_study
from tests.waiting import wait_for

BOUND_BYTES = 200 * 2**20
MZ = b"MZ" + b"\x90" * 126


@pytest.fixture
def box(make_box: Callable[..., Box]) -> Box:
    """A box with two accepted units."""
    started = make_box().set_up().start()
    for title in ("PHANTOM-DX", "HOSTILE", "STORESCU"):
        started.accept(title)
    return started


@pytest.fixture
def bystander(box: Box) -> Iterator[list[int]]:
    """Another unit that stores all the while; its statuses."""
    statuses: list[int] = []
    over = threading.Event()

    def store() -> None:
        (ds,) = small_study("cervical-spine")
        while not over.is_set():
            ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
            statuses.extend(send([ds], HOST, box.dicom_port))
            over.wait(0.5)

    thread = threading.Thread(target=store)
    thread.start()
    wait_for(lambda: statuses, 60, "the other unit's first picture")
    yield statuses
    over.set()
    thread.join(60)
    assert not thread.is_alive()


def stored_raw(box: Box, path: Path) -> int | None:
    """C-STORE of a file's own bytes; None if there was no answer."""
    ae = RequestorAE(ae_title="HOSTILE")
    ae.add_requested_context(CLASS, ExplicitVRLittleEndian)
    ae.network_timeout = ae.dimse_timeout = 60
    association = ae.associate(HOST, box.dicom_port)
    assert association.is_established
    try:
        return getattr(association.send_c_store(path), "Status", None)
    finally:
        association.release()


def test_the_hostile_set_over_an_association(
    box: Box, bystander: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is kept as it came or refused by a status; memory is bounded; the other unit stores every picture."""
    monkeypatch.setattr(_config, "STORE_SEND_CHUNKED_DATASET", True)
    receiver, before = box.roles()["receiver"].pid, peak_bytes(box)
    for name, make in HOSTILE.items():
        uid = generate_uid()
        path = tmp_path / "hostile.dcm"
        path.write_bytes(part10(make(uid), uid))
        status = stored_raw(box, path)
        assert status is not None, name
        assert status == 0 or status & 0xF000 in (0xA000, 0xC000), name
    need("storescu")
    uid = generate_uid()
    path.write_bytes(part10(HOSTILE["SQL"](uid), uid, preamble=MZ))
    subprocess.run(["storescu", HOST, str(box.dicom_port), str(path)], check=True, timeout=60)
    check_unharmed(box, bystander, receiver, before)


def check_unharmed(box: Box, bystander: list[int], receiver: int, before: int) -> None:
    """What must hold after every hostile set."""
    seen = len(bystander)
    wait_for(lambda: len(bystander) > seen, 60, "the other unit")
    assert set(bystander) == {0}, "the other unit was harmed"
    assert box.roles()["receiver"].pid == receiver, "the receiver was started anew"
    assert peak_bytes(box) - before < BOUND_BYTES
    for stored in (box.data / "instances").rglob("*.dcm"):
        with stored.open("rb") as file:
            assert file.read(128) == b"\0" * 128, "a preamble was kept"


def test_the_hostile_set_by_stow_and_import(box: Box, bystander: list[int], tmp_path: Path) -> None:
    """Web and command line: inert or refused with a reason; a deflated bomb is refused before it is unpacked."""
    receiver, before = box.roles()["receiver"].pid, peak_bytes(box)
    web, web_before = box.roles()["web"], rss_peak(box.roles()["web"].pid)
    token = box.bucky("token", "create", "pacs", "--role", "technician")
    folder = tmp_path / "files"
    folder.mkdir()
    for name, make in HOSTILE.items():
        uid = generate_uid()
        content = part10(make(uid), uid, preamble=MZ)
        (folder / f"{len(list(folder.iterdir()))}.dcm").write_bytes(part10(make(f"{uid}.1"), f"{uid}.1", preamble=MZ))
        assert stowed(box, token, content) in (200, 202, 409, 400), name
    bomb = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    packed = b"".join(bomb.compress(b"\0" * 2**20) for _ in range(400)) + bomb.flush()
    deflated = part10(packed, generate_uid(), str(DeflatedExplicitVRLittleEndian))
    assert stowed(box, token, deflated) == 409
    (folder / "deflated.dcm").write_bytes(deflated)
    rows = box.facts("import", str(folder), expect=None)
    assert len(rows) == len(HOSTILE) + 1
    assert all(row["outcome"] == "stored" or row["reason"] for row in rows)
    assert next(row for row in rows if row["file"].endswith("deflated.dcm"))["outcome"] == "refused"
    assert web.is_running() and rss_peak(web.pid) - web_before < BOUND_BYTES
    check_unharmed(box, bystander, receiver, before)
    shutil.rmtree(folder)


def stowed(box: Box, token: str, content: bytes) -> int:
    """STOW-RS of one file; its HTTP status."""
    body = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + content + b"\r\n--x--\r\n"
    kind = 'multipart/related; type="application/dicom"; boundary=x'
    headers = {"Authorization": f"Bearer {token}", "Content-Type": kind, "Accept": "application/dicom+json"}
    return requests.post(f"{box.dicomweb}/studies", data=body, headers=headers, timeout=120).status_code


def rss_peak(pid: int) -> int:
    """The most memory that a process ever had, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def test_text_that_looks_like_markup_or_sql_is_text(box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Escaped on the page, found by queries as it is, and every table still there."""
    monkeypatch.setattr(_config, "STORE_SEND_CHUNKED_DATASET", True)
    for name in ("markup", "SQL", "a path as UID"):
        uid = generate_uid()
        (tmp_path / "file.dcm").write_bytes(part10(HOSTILE[name](uid), uid))
        assert stored_raw(box, tmp_path / "file.dcm") == 0
    names = {row["patient_name"] for row in box.facts("study", "list")}
    assert {MARKUP[:64], SQL[:64]} <= names
    uids = {row["study_instance_uid"] for row in box.facts("study", "list")}
    assert all(set(uid) <= set("0123456789.") for uid in uids), "a path became a UID"
    kept = list((box.data / "instances").rglob("*.dcm"))
    assert len(kept) == 3
    assert all(dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in kept)
