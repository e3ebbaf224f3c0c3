"""Destinations that speak DIMSE: Orthanc with C-FIND and C-GET, dcmtk's storescp with TLS and nothing else."""

import io
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from appliance.archive.digest import dataset_digest
from appliance.dicomweb.credentials import tls_context
from appliance.dimse.scu import DimseClient
from appliance.dimse.tls import ensure_certificate
from appliance.peer_errors import Altered, CannotConfirm, SyntaxRefused, Unreachable
from appliance.reading.arrival import Sent
from tests.orthanc import Orthanc, free_port, need
from tests.waiting import wait_for

NAMES = ("CT_small.dcm", "MR_small_implicit.dcm", "MR_small_jpeg_ls_lossless.dcm", "rtdose.dcm")


def _bundled(name: str) -> Path:
    return Path(str(get_testdata_file(name, download=False)))


def _sent(path: Path, digest: str | None = None) -> Sent:
    ds = dcmread(path, stop_before_pixels=True)
    uids = str(ds.StudyInstanceUID), str(ds.SeriesInstanceUID), str(ds.SOPInstanceUID)
    files = (path,) if digest is None else ()
    return Sent(*uids, str(ds.SOPClassUID), frozenset({digest or dataset_digest(path)}), files)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """An Orthanc that answers everybody."""
    found = Orthanc(tmp_path_factory.mktemp("archive") / "orthanc")
    found.configure(DicomAlwaysAllowFind=True, DicomAlwaysAllowGet=True)
    with found:
        yield found


@pytest.mark.parametrize("name", NAMES)
def test_an_instance_is_stored_and_its_content_comes_back(archive: Orthanc, name: str, tmp_path: Path) -> None:
    """In the transfer syntax in which it went; listed, and found to be what was sent."""

    @contextmanager
    def scratch() -> Iterator[Path]:
        yield tmp_path / "scratch"

    path = tmp_path / name
    original = dcmread(_bundled(name))
    original.StudyInstanceUID, original.SeriesInstanceUID = generate_uid(), generate_uid()
    original.SOPInstanceUID = original.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    original.save_as(path)  # of its own UIDs: variants of one file share theirs
    client = DimseClient(f"ORTHANC@127.0.0.1:{archive.dicom_port}", calling_ae="BUCKY", scratch=scratch)
    client.probe()
    assert client.confirm(_sent(path)) is None
    client.store(path, _sent(path).sop_instance_uid)
    client.close()
    confirmation = client.confirm(_sent(path))
    assert confirmation is not None
    assert confirmation.by == "content"
    with pytest.raises(Altered):
        client.confirm(_sent(path, "0" * 64))
    sink = io.BytesIO()
    sent = _sent(path)
    client.fetch(sent.study_instance_uid, sent.series_instance_uid, sent.sop_instance_uid, sink)
    assert dcmread(io.BytesIO(sink.getvalue())).SOPInstanceUID == sent.sop_instance_uid
    assert [r.sop_instance_uid for r in client.instances(sent.study_instance_uid)] == [sent.sop_instance_uid]


def test_storescp_over_tls_gets_the_picture_and_is_never_green(tmp_path: Path) -> None:
    """It checks our certificate and we its; it offers no query, so nothing can be confirmed."""
    need("storescp")
    ours = ensure_certificate(tmp_path / "ours", common_name="box", addresses=["127.0.0.1"])
    theirs = ensure_certificate(tmp_path / "theirs", common_name="far", addresses=["127.0.0.1"])
    port, kept = free_port(), tmp_path / "kept"
    kept.mkdir()
    words = ["storescp", "+tls", str(theirs[1]), str(theirs[0]), "+cf", str(ours[0]), "-od", str(kept), "-aet", "FAR"]
    process = subprocess.Popen([*words, "+xa", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        tls = tls_context(
            ca_pem=theirs[0].read_text(), certificate_pem=ours[0].read_text(), key_pem=ours[1].read_text()
        )
        client = DimseClient(f"FAR@127.0.0.1:{port}", calling_ae="BUCKY", tls=tls)
        wait_for(lambda: _answers(client), 60, "storescp")
        path = _bundled("CT_small.dcm")
        client.store(path, _sent(path).sop_instance_uid)
        with pytest.raises(CannotConfirm):
            client.confirm(_sent(path))
        client.close()
        assert len(list(kept.iterdir())) == 1
        with pytest.raises(Unreachable):
            DimseClient(f"FAR@127.0.0.1:{port}", calling_ae="BUCKY", tls=tls_context()).probe()
    finally:
        process.terminate()
        process.wait(30)


def _answers(client: DimseClient) -> bool:
    try:
        client.probe()
    except Unreachable:
        return False
    return True


def test_a_syntax_that_is_not_taken_is_told(tmp_path: Path) -> None:
    """So that the original can go instead of a compressed copy."""
    need("storescp")
    port = free_port()
    process = subprocess.Popen(["storescp", "+xi", "-od", str(tmp_path), str(port)], stdout=subprocess.DEVNULL)
    try:
        client = DimseClient(f"ANY@127.0.0.1:{port}", calling_ae="BUCKY")
        wait_for(lambda: _answers(client), 60, "storescp")
        path = _bundled("MR_small_jpeg_ls_lossless.dcm")
        with pytest.raises(SyntaxRefused):
            client.store(path, _sent(path).sop_instance_uid)
    finally:
        process.terminate()
        process.wait(30)
