"""The DICOMweb client against a real Orthanc."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from appliance.dicomweb import errors
from appliance.dicomweb.client import DicomWebClient
from tests.orthanc import Orthanc

CREDENTIALS = ("clinic", "right")
# uncompressed in both lengths of VR, RLE, JPEG baseline, JPEG-LS, JPEG 2000; multi-frame; SR
BUNDLED = (
    "CT_small.dcm",
    "MR_small_implicit.dcm",
    "MR_small_RLE.dcm",
    "SC_rgb_small_odd_jpeg.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "JPEG2000.dcm",
    "rtdose.dcm",
    "test-SR.dcm",
)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """One Orthanc that asks for a user and a password."""
    with Orthanc(tmp_path_factory.mktemp("archive") / "orthanc", credentials=CREDENTIALS) as found:
        yield found


@pytest.fixture
def client(archive: Orthanc) -> DicomWebClient:
    """With the right credentials."""
    return DicomWebClient(archive.dicomweb, basic=CREDENTIALS)


def bundled(name: str) -> Path:
    """A file that comes with pydicom; never one from elsewhere."""
    return Path(str(get_testdata_file(name, download=False)))


def uids(ds: Dataset) -> tuple[str, str, str]:
    """Study, series and instance."""
    return str(ds.StudyInstanceUID), str(ds.SeriesInstanceUID), str(ds.SOPInstanceUID)


@pytest.mark.parametrize("name", BUNDLED)
def test_an_instance_is_stored_confirmed_and_comes_back_with_the_same_pixels(
    archive: Orthanc, client: DicomWebClient, tmp_path: Path, name: str
) -> None:
    """In the transfer syntax in which it went."""
    path = tmp_path / name
    original = dcmread(bundled(name))
    original.StudyInstanceUID, original.SeriesInstanceUID = generate_uid(), generate_uid()
    original.SOPInstanceUID = original.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    original.save_as(path)  # of its own UIDs: variants of one file share theirs
    study, series, instance = uids(original)
    client.store(path, instance)
    client.store(path, instance)  # the same again is a success
    assert client.has_instance(study, series, instance)
    remote = next(r for r in client.instances(study) if r.sop_instance_uid == instance)
    assert (remote.sop_class_uid, remote.series_instance_uid) == (original.SOPClassUID, series)
    assert remote.modality == original.Modality
    sink = io.BytesIO()
    client.fetch(study, series, instance, sink)
    for content in (sink.getvalue(), archive.file(instance)):
        returned = dcmread(io.BytesIO(content))
        assert returned.file_meta.TransferSyntaxUID == original.file_meta.TransferSyntaxUID
        assert returned.get("PixelData") == original.get("PixelData")
        assert returned == original


def test_what_orthanc_does_not_hold_is_not_confirmed(archive: Orthanc, client: DicomWebClient) -> None:
    """Neither an unknown study nor an unknown instance of a known series."""
    path = bundled("CT_small.dcm")
    archive.upload(path.read_bytes())
    study, series, instance = uids(dcmread(path))
    unknown = generate_uid()
    assert client.has_instance(study, series, instance)
    assert not client.has_instance(study, series, unknown)
    assert not client.has_instance(unknown, unknown, unknown)
    assert client.instances(unknown) == []
    with pytest.raises(errors.NotGiven):
        client.fetch(study, series, unknown, io.BytesIO())


def test_many_instances_of_a_study_are_listed_once_each(
    archive: Orthanc, client: DicomWebClient, tmp_path: Path
) -> None:
    """Over several series."""
    ds = dcmread(bundled("CT_small.dcm"))
    ds.StudyInstanceUID = generate_uid()
    expected = set()
    for number in range(12):
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        ds.SeriesInstanceUID = f"{ds.StudyInstanceUID[:50]}.{number % 3 + 1}"
        ds.save_as(tmp_path / "one.dcm")
        archive.upload((tmp_path / "one.dcm").read_bytes())
        expected.add((ds.SeriesInstanceUID, ds.SOPInstanceUID))
    found = client.instances(ds.StudyInstanceUID)
    assert {(r.series_instance_uid, r.sop_instance_uid) for r in found} == expected
    assert len(found) == len(expected)


def test_a_truncated_and_a_foreign_file_are_refused_one_by_one(
    archive: Orthanc, client: DicomWebClient, tmp_path: Path
) -> None:
    """The refusal concerns the instance, and the next one goes through."""
    path = bundled("MR_small.dcm")
    foreign = tmp_path / "foreign.dcm"
    foreign.write_bytes(b"no picture at all" * 100)
    with pytest.raises(errors.InstanceRefused):
        client.store(foreign, "1.2.3")
    study, series, instance = uids(dcmread(path))
    client.store(path, instance)
    assert client.has_instance(study, series, instance)


@pytest.mark.parametrize("basic", [None, ("clinic", "wrong")])
def test_wrong_credentials_are_named_in_every_call(archive: Orthanc, basic: tuple[str, str] | None) -> None:
    """401 is about the token, whatever was asked."""
    client = DicomWebClient(archive.dicomweb, basic=basic)
    path = bundled("CT_small.dcm")
    for ask in (
        client.probe,
        lambda: client.store(path, "1.2.3"),
        lambda: client.instances("1.2.3"),
        lambda: client.fetch("1.2.3", "1.2.3", "1.2.3", io.BytesIO()),
        lambda: client.create_workitem("1.2.3", {}),
    ):
        with pytest.raises(errors.TokenRefused):
            ask()


def test_a_wrong_token_is_named(archive: Orthanc) -> None:
    """A bearer token where the archive wants another."""
    with pytest.raises(errors.TokenRefused):
        DicomWebClient(archive.dicomweb, token="wrong").probe()


@pytest.mark.parametrize("path", ["", "/", "/dicom", "/app/explorer.html", "/instances"])
def test_an_address_beside_the_service_is_a_wrong_address(archive: Orthanc, path: str) -> None:
    """The same machine, another path; also when somebody typed no path at all."""
    client = DicomWebClient(f"{archive.url}{path}", basic=CREDENTIALS)
    with pytest.raises(errors.WrongAddress):
        client.store(bundled("CT_small.dcm"), "1.2.3")
    if path not in ("", "/"):  # Orthanc's own REST has /studies, a list as well
        with pytest.raises(errors.WrongAddress):
            client.probe()


def test_the_right_address_passes_the_probe_and_has_no_worklist(client: DicomWebClient) -> None:
    """Orthanc knows no UPS-RS."""
    client.probe()
    assert client.create_workitem(generate_uid(), {}) is False


def test_a_stopped_archive_is_unreachable_and_keeps_all_over_a_restart(tmp_path: Path) -> None:
    """The same ports and storage; the client's kept connection does no harm."""
    path = bundled("CT_small.dcm")
    study, series, instance = uids(dcmread(path))
    with Orthanc(tmp_path / "orthanc") as archive:
        client = DicomWebClient(archive.dicomweb)
        client.store(path, instance)
        archive.stop()
        with pytest.raises(errors.Unreachable):
            client.probe()
        archive.start()
        assert client.has_instance(study, series, instance)
