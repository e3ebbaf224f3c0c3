"""The DICOMweb service used by dicomweb-client, a client that somebody else wrote."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from dicomweb_client.api import DICOMwebClient
from dicomweb_client.session_utils import create_session_from_auth
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import JPEGLSLossless
from requests.auth import AuthBase
from requests.exceptions import HTTPError

from appliance.imaging.decode import decode_frame
from appliance.imaging.shown import picture
from tests.conftest import SENTINEL
from tests.pictures import small_study
from tests.service import keep, make_box, served

EXPLICIT = "1.2.840.10008.1.2.1"
JPEG_LS = str(JPEGLSLossless)


class Bearer(AuthBase):
    """Sends a token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request):  # type: ignore[no-untyped-def]  # requests' own protocol
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def cine_in_jpeg_ls() -> Dataset:
    """Ten frames of a phantom, each brighter than the one before, in JPEG-LS."""
    (ds,) = small_study("cervical-spine", scale=0.05)
    still = np.frombuffer(ds.PixelData, "<u2")
    ds.PixelData = b"".join((still // 2 + 100 * number).astype("<u2").tobytes() for number in range(10))
    ds.NumberOfFrames = 10
    ds.compress(JPEGLSLossless, generate_instance_uid=False)
    return ds


STUDY = small_study()
CINE = cine_in_jpeg_ls()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DICOMwebClient]:
    """A client of a box with a phantom study and a JPEG-LS CINE."""
    box = make_box(tmp_path_factory.mktemp("dicomweb") / "data")
    keep(box, *STUDY, CINE)
    token = box.tokens.create("client", "technician")
    with served(box) as url:
        yield DICOMwebClient(f"{url}/dicom-web", session=create_session_from_auth(Bearer(token)))


def _uids(ds: Dataset) -> tuple[str, str, str]:
    return str(ds.StudyInstanceUID), str(ds.SeriesInstanceUID), str(ds.SOPInstanceUID)


def test_queries_at_every_level_with_paging(client: DICOMwebClient) -> None:
    """Studies, series and instances; limit and offset; words of a name whatever their order."""
    first = STUDY[0]
    assert len(client.search_for_studies()) == 2
    assert len(client.search_for_studies(limit=1)) == 1
    assert len(client.search_for_studies(limit=1, offset=1)) == 1
    assert client.search_for_studies(offset=2) == []
    assert len(client.search_for_studies(search_filters={"PatientID": f"{first.PatientID[:3]}*"})) == 2
    (found,) = client.search_for_studies(search_filters={"StudyDescription": first.StudyDescription})
    assert found["0020000D"]["Value"] == [first.StudyInstanceUID]
    resembling = {"PatientName": f"rex {SENTINEL[:5].upper()}"}
    assert len(client.search_for_studies(fuzzymatching=True, search_filters=resembling)) == 2
    assert client.search_for_studies(search_filters=resembling) == []
    series = client.search_for_series(first.StudyInstanceUID)
    assert {s["0020000E"]["Value"][0] for s in series} == {ds.SeriesInstanceUID for ds in STUDY}
    instances = client.search_for_instances(first.StudyInstanceUID, fields=["ImagerPixelSpacing", "00181164"])
    assert {i["00080018"]["Value"][0] for i in instances} == {ds.SOPInstanceUID for ds in STUDY}
    assert all(i["00280100"]["Value"] == [16] and len(i["00181164"]["Value"]) == 2 for i in instances)
    every = client.search_for_instances(search_filters={"SOPInstanceUID": first.SOPInstanceUID}, fields=["all"])
    assert every[0]["00180060"]["Value"] == [float(first.KVP)]


def test_instances_come_back_in_the_syntax_that_is_asked_for(client: DICOMwebClient) -> None:
    """As stored with *, or uncompressed; the pixels are the same."""
    as_stored = client.retrieve_instance(*_uids(CINE), media_types=(("application/dicom", "*"),))
    assert as_stored.file_meta.TransferSyntaxUID == JPEG_LS
    assert as_stored.PixelData == CINE.PixelData
    plain = client.retrieve_instance(*_uids(CINE), media_types=(("application/dicom", EXPLICIT),))
    assert plain.file_meta.TransferSyntaxUID == EXPLICIT
    assert np.array_equal(plain.pixel_array, CINE.pixel_array)
    whole = client.retrieve_study(STUDY[0].StudyInstanceUID)
    assert {ds.SOPInstanceUID for ds in whole} == {ds.SOPInstanceUID for ds in STUDY}
    (one,) = client.retrieve_series(STUDY[0].StudyInstanceUID, STUDY[0].SeriesInstanceUID)
    assert one.PixelData == STUDY[0].PixelData
    with pytest.raises(HTTPError) as refused:
        client.retrieve_instance(*_uids(CINE), media_types=(("application/dicom", "1.2.840.10008.1.2.4.70"),))
    assert refused.value.response.status_code == 406


def test_metadata_at_every_level_and_their_bulk_data(client: DICOMwebClient) -> None:
    """Everything but long values, whose addresses lead to them."""
    first = STUDY[0]
    assert len(client.retrieve_study_metadata(first.StudyInstanceUID)) == len(STUDY)
    (series,) = client.retrieve_series_metadata(first.StudyInstanceUID, first.SeriesInstanceUID)
    instance = client.retrieve_instance_metadata(*_uids(first))
    assert series == instance
    assert Dataset.from_json({k: v for k, v in instance.items() if k != "7FE00010"}).PatientID == first.PatientID
    (pixels,) = client.retrieve_bulkdata(_reachable(client, instance))
    assert pixels == first.PixelData
    metadata = client.retrieve_instance_metadata(*_uids(CINE))
    frames = client.retrieve_bulkdata(_reachable(client, metadata))
    assert b"".join(frames) == CINE.pixel_array.astype("<u2").tobytes()


def _reachable(client: DICOMwebClient, metadata: dict) -> str:
    """The address of the pixels; the client's Host header leaves out the port, and so does the box then."""
    path = metadata["7FE00010"]["BulkDataURI"].partition("/dicom-web")[2]
    return client.base_url + path


def test_frames_plain_and_as_they_are_coded(client: DICOMwebClient) -> None:
    """A list of frames in its order, as samples or as JPEG-LS."""
    plain = client.retrieve_instance_frames(*_uids(CINE), [3, 1])
    assert plain == [CINE.pixel_array[2].astype("<u2").tobytes(), CINE.pixel_array[0].astype("<u2").tobytes()]
    (coded,) = client.retrieve_instance_frames(*_uids(CINE), [2], media_types=(("image/jls", JPEG_LS),))
    assert coded.startswith(b"\xff\xd8") and coded in CINE.PixelData
    (anything,) = client.retrieve_instance_frames(*_uids(CINE), [2], media_types=(("application/octet-stream", "*"),))
    assert anything == coded
    with pytest.raises(HTTPError) as missing:
        client.retrieve_instance_frames(*_uids(CINE), [11])
    assert missing.value.response.status_code == 404


def test_rendered_pictures_follow_the_parameters(client: DICOMwebClient, tmp_path: Path) -> None:
    """PNG has the grey values of the pipeline, a viewport gives the size, a window changes the picture."""
    first = STUDY[0]
    png = client.retrieve_instance_rendered(*_uids(first), media_types=("image/png",))
    shown = Image.open(io.BytesIO(png))
    assert shown.size == (first.Columns, first.Rows)
    first.save_as(tmp_path / "first.dcm", enforce_file_format=True)
    assert np.array_equal(np.asarray(shown), np.asarray(picture(decode_frame(tmp_path / "first.dcm"))))
    params = {"viewport": "64,64", "quality": 80, "window": "1000,2,linear", "annotation": "patient"}
    small = client.retrieve_instance_rendered(*_uids(first), media_types=("image/jpeg",), params=params)
    assert max(Image.open(io.BytesIO(small)).size) == 64
    frame = client.retrieve_instance_frames_rendered(*_uids(CINE), [2], media_types=("image/jpeg",))
    assert Image.open(io.BytesIO(frame)).size == (CINE.Columns, CINE.Rows)
    rendered = client.retrieve_series_rendered(
        first.StudyInstanceUID, first.SeriesInstanceUID, media_types=("image/jpeg",)
    )
    assert Image.open(io.BytesIO(rendered[0] if isinstance(rendered, list) else rendered)).format == "JPEG"


def test_storing_answers_for_each_instance(client: DICOMwebClient) -> None:
    """A new study is found afterwards; the same object with other bytes is named as failed."""
    (ds,) = small_study("cervical-spine")
    done = client.store_instances([ds])
    assert [item.ReferencedSOPInstanceUID for item in done.ReferencedSOPSequence] == [ds.SOPInstanceUID]
    assert done.RetrieveURL.endswith(ds.StudyInstanceUID)
    assert len(client.search_for_studies(search_filters={"StudyInstanceUID": ds.StudyInstanceUID})) == 1
    ds.PatientComments = "changed"
    with pytest.raises(HTTPError) as conflict:
        client.store_instances([ds])
    assert conflict.value.response.status_code == 409
