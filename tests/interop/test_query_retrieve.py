"""The Query/Retrieve SCP against dcmtk's tools, Orthanc and pynetdicom's SCU."""

import re
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_role, evt
from pynetdicom.association import Association
from pynetdicom.events import Event

from appliance.association import RequestorAE
from tests.bench.fill import fill
from tests.box import HOST
from tests.conftest import SENTINEL
from tests.interop.workstation import (
    COMPRESSORS,
    JAPANESE,
    JPEG_2000,
    TITLE,
    UMLAUT,
    Clinic,
    compressed,
    many,
    open_clinic,
)
from tests.orthanc import Orthanc, free_port, need
from tests.waiting import wait_for

FIND = {"-P": "1.2.840.10008.5.1.4.1.2.1.1", "-S": "1.2.840.10008.5.1.4.1.2.2.1"}
MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
GET = "1.2.840.10008.5.1.4.1.2.2.3"
DX = DigitalXRayImageStorageForPresentation


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """One clinic for all tests, whose logs must not name a patient."""
    need("findscu", "movescu", "getscu", "dcmcjpeg", "dcmcjpls", "dcmcrle")
    opened = open_clinic(tmp_path_factory.mktemp("clinic"))
    yield opened
    opened.box.stop()
    log = opened.box.log.read_text()
    assert SENTINEL.lower() not in log.lower(), "a log names a patient"
    assert "1.2.826" not in log and "2.25." not in log, "a log holds a UID"


@contextmanager
def associated(clinic: Clinic, *classes: str, title: str = TITLE, **options: object) -> Iterator[Association]:
    """pynetdicom's SCU on an association with the box."""
    ae = RequestorAE(ae_title=title)
    for uid in classes:
        ae.add_requested_context(uid)
    association = ae.associate(HOST, clinic.box.dicom_port, **options)  # type: ignore[arg-type]  # options are handed on
    assert association.is_established
    yield association
    association.release()


def keys(level: str, **values: str) -> Dataset:
    """An identifier."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.QueryRetrieveLevel = level
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


# --- C-FIND ---


def test_every_level_of_study_root(clinic: Clinic, tmp_path: Path) -> None:
    """Study, series and image, each with the unique keys above it; the counts are those of the study."""
    study = clinic.find(
        tmp_path / "study", "-S", "STUDY", "PatientID=ID-1", "StudyInstanceUID", "ModalitiesInStudy",
        "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances", "PatientName", "PatientSpeciesDescription",
    )[0]  # fmt: skip
    assert (study.NumberOfStudyRelatedSeries, study.NumberOfStudyRelatedInstances) == (3, 3)
    assert (study.ModalitiesInStudy, study.PatientSpeciesDescription, study.PatientName) == ("DX", "Canine", UMLAUT)
    assert (study.RetrieveAETitle, study.InstanceAvailability) == ("BUCKY", "ONLINE")
    assert study.SpecificCharacterSet == "ISO_IR 192"
    assert "StudyDate" not in study
    uid = f"StudyInstanceUID={study.StudyInstanceUID}"
    series = clinic.find(tmp_path / "series", "-S", "SERIES", uid, "Modality", "NumberOfSeriesRelatedInstances")
    assert len(series) == 3
    assert {(ds.Modality, ds.NumberOfSeriesRelatedInstances) for ds in series} == {("DX", 1)}
    above = [uid, f"SeriesInstanceUID={series[0].SeriesInstanceUID}"]
    (image,) = clinic.find(tmp_path / "image", "-S", "IMAGE", *above, "SOPClassUID", "Rows", "InstanceNumber")
    assert image.SOPClassUID == DX
    assert image.SOPInstanceUID in {ds.SOPInstanceUID for ds in clinic.stored}


def test_every_level_of_patient_root(clinic: Clinic, tmp_path: Path) -> None:
    """Patient first, then as in Study Root with the patient's id."""
    patients = clinic.find(
        tmp_path / "patient", "-P", "PATIENT", "PatientID=ID-*", "PatientName", "NumberOfPatientRelatedStudies",
        "PatientBreedDescription", "ResponsiblePerson",
    )  # fmt: skip
    assert sorted(ds.PatientID for ds in patients) == ["ID-1", "ID-2", "ID-3"]
    assert {ds.NumberOfPatientRelatedStudies for ds in patients} == {1}
    (study,) = clinic.find(tmp_path / "study", "-P", "STUDY", "PatientID=ID-2", "StudyInstanceUID", "StudyDate")
    assert study.StudyDate == "20240102"
    above = ["PatientID=ID-2", f"StudyInstanceUID={study.StudyInstanceUID}"]
    series = clinic.find(tmp_path / "series", "-P", "SERIES", *above, "SeriesInstanceUID")
    assert len(series) == 3
    above.append(f"SeriesInstanceUID={series[0].SeriesInstanceUID}")
    assert len(clinic.find(tmp_path / "image", "-P", "IMAGE", *above, "SOPInstanceUID")) == 1


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (["PatientID=ID-?"], "123"),
        (["PatientName=zzSENTINELzz*"], "123"),
        (["StudyDate=20240102-20240131", "PatientID=ID-*"], "23"),
        (["StudyDate=-20240102", "PatientID=ID-*"], "12"),
        (["ModalitiesInStudy=CT\\DX", "PatientID=ID-*"], "123"),
        (["ModalitiesInStudy=CT"], ""),
        (["PatientSpeciesDescription=Can*", "PatientID=ID-*"], "123"),
        (["PatientBreedDescription=*dog", "PatientID=ID-*"], "123"),
        (["PatientID=STRANGE"], ""),
    ],
)
def test_matching(query: list[str], found: str, clinic: Clinic, tmp_path: Path) -> None:
    """Wildcards, ranges, lists, veterinary keys; what a stranger sent is not there."""
    answers = clinic.find(tmp_path / "found", "-S", "STUDY", "StudyID", *query)
    assert "".join(sorted(ds.StudyID for ds in answers)) == found


def test_a_list_of_uids(clinic: Clinic, tmp_path: Path) -> None:
    """Two of the studies by their UIDs."""
    uids = sorted({str(ds.StudyInstanceUID) for ds in clinic.stored})[:2]
    answers = clinic.find(tmp_path / "found", "-S", "STUDY", "StudyInstanceUID=" + "\\".join(uids))
    assert sorted(ds.StudyInstanceUID for ds in answers) == uids


@pytest.mark.parametrize(
    ("charset", "name", "found"),
    [
        ("ISO_IR 100", "ZZSENTINELZZMÜLLER^REX", UMLAUT),
        ("ISO_IR 100", "*mü*", UMLAUT),
        ("ISO_IR 192", "*MÜLLER*", UMLAUT),
        ("ISO_IR 192", "山田^太郎", JAPANESE),
        ("\\ISO 2022 IR 87", "*=山田*", JAPANESE),
        ("\\ISO 2022 IR 87", "*=*太郎=*", JAPANESE),
    ],
)
def test_a_name_is_found_in_whatever_character_set_it_is_asked_for(
    charset: str, name: str, found: str, clinic: Clinic, tmp_path: Path
) -> None:
    """Stored in UTF-8, asked for in Latin-1 or ISO 2022."""
    query = keys("STUDY", StudyInstanceUID="")
    query.SpecificCharacterSet = charset.split("\\")
    query.PatientName = name
    query.ensure_file_meta()
    query.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    query.save_as(tmp_path / "query.dcm")
    clinic.tool("findscu", "-S", "-X", "-od", str(tmp_path), files=[str(tmp_path / "query.dcm")])
    (answer,) = [dcmread(path) for path in tmp_path.glob("rsp*.dcm")]
    assert answer.PatientName == found


@pytest.mark.parametrize(
    ("root", "query"),
    [
        ("-S", keys("SERIES", Modality="DX")),
        ("-S", keys("SERIES", StudyInstanceUID="1.2\\1.3")),
        ("-S", keys("IMAGE", StudyInstanceUID="1.2")),
        ("-S", keys("PATIENT", PatientID="ID-1")),
        ("-S", keys("NONSENSE", PatientID="ID-1")),
        ("-P", keys("STUDY", PatientName="*")),
        ("-P", keys("STUDY", PatientID="ID-*")),
        ("-P", keys("IMAGE", PatientID="ID-1", StudyInstanceUID="1.2")),
    ],
)
def test_an_identifier_that_breaks_the_hierarchy_is_refused(root: str, query: Dataset, clinic: Clinic) -> None:
    """0xA900, and no answers."""
    with associated(clinic, FIND[root]) as association:
        assert [status.Status for status, _ in association.send_c_find(query, FIND[root])] == [0xA900]


def test_who_is_not_accepted_gets_nothing(clinic: Clinic, tmp_path: Path) -> None:
    """Unknown and quarantined peers: 0x0124 for every operation, and no file; a blocked one gets no association."""
    clinic.box.accept("ENEMY")
    clinic.box.bucky("modality", "block", "ENEMY")
    enemy = RequestorAE(ae_title="ENEMY")
    enemy.add_requested_context(MOVE)
    assert enemy.associate(HOST, clinic.box.dicom_port).is_rejected
    for title in ("NOBODY", "STRANGER"):
        role = build_role(DX, scp_role=True)
        with associated(clinic, FIND["-S"], MOVE, GET, DX, title=title, ext_neg=[role]) as association:
            query = keys("STUDY", StudyInstanceUID=str(clinic.stored[0].StudyInstanceUID))
            answers = [
                *association.send_c_find(query, FIND["-S"]),
                *association.send_c_move(query, TITLE, MOVE),
                *association.send_c_get(query, GET),
            ]
        assert [(status.Status, bool(ds)) for status, ds in answers] == [(0x0124, False)] * 3


def test_a_query_can_be_cancelled(clinic: Clinic) -> None:
    """0xFE00 before all answers are given."""
    fill(clinic.box.data, 4900)
    with sqlite3.connect(clinic.box.data / "bucky.sqlite") as db:  # 15 MB of answers: more than is under way at once
        db.execute("UPDATE study SET study_description = ? WHERE patient_id LIKE 'BENCH-%'", ["long " * 600])
    query = keys("STUDY", PatientID="BENCH-*", StudyDescription="")
    with associated(clinic, FIND["-S"]) as association:
        connection = association.dul.socket.socket if association.dul.socket else None
        assert connection is not None
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)  # else it grows
        statuses = []
        for status, _ in association.send_c_find(query, FIND["-S"], msg_id=7):
            statuses.append(status.Status)
            if len(statuses) == 1:
                association.send_c_cancel(7, None, FIND["-S"])
        assert statuses[-1] == 0xFE00
        assert len(statuses) < 4900


def many_studies(count: int) -> list[Dataset]:
    """As many studies of one instance."""
    found = many(count)
    for number, ds in enumerate(found):
        ds.StudyInstanceUID, ds.PatientID = f"{ds.StudyInstanceUID[:50]}.{number}", f"MANY-{number}"
    return found


# --- C-MOVE and C-GET ---


LEVELS = [("-S", level) for level in ("STUDY", "SERIES", "IMAGE")]  # Study Root has no patient level
LEVELS += [("-P", level) for level in ("PATIENT", "STUDY", "SERIES", "IMAGE")]


@pytest.mark.parametrize(("root", "level"), LEVELS)
@pytest.mark.parametrize("operation", ["move", "get"])
def test_retrieval_at_every_level(operation: str, level: str, root: str, clinic: Clinic, tmp_path: Path) -> None:
    """The files are what was stored, data set by data set."""
    ds = next(ds for ds in clinic.stored if ds.PatientID == "ID-2")
    unique = ["PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"]
    depth = ["PATIENT", "STUDY", "SERIES", "IMAGE"].index(level)
    given = [f"{keyword}={ds.get(keyword)}" for keyword in unique[root == "-S" : depth + 1]]
    options = [part for key in (f"QueryRetrieveLevel={level}", *given) for part in ("-k", key)]
    run = clinic.move if operation == "move" else clinic.get
    done = run(tmp_path / "out", root, *options)
    assert done.returncode == 0, done.stderr
    files = [dcmread(path) for path in (tmp_path / "out").iterdir()]
    assert len(files) == (3 if depth < 2 else 1)
    by_uid = {known.SOPInstanceUID: known for known in clinic.stored}
    for file in files:
        assert file == by_uid[file.SOPInstanceUID]


def got_in_implicit_vr(clinic: Clinic, study_instance_uid: str) -> list[Dataset]:
    """C-GET by a client that takes nothing else."""
    got: list[Dataset] = []

    def keep(event: Event) -> int:
        assert event.context.transfer_syntax == ImplicitVRLittleEndian
        got.append(event.dataset)
        return 0

    ae = RequestorAE(ae_title=TITLE)
    ae.add_requested_context(GET)
    ae.add_requested_context(DX, ImplicitVRLittleEndian)
    role, handlers = build_role(DX, scp_role=True), [(evt.EVT_C_STORE, keep)]
    association = ae.associate(HOST, clinic.box.dicom_port, ext_neg=[role], evt_handlers=handlers)
    *_, (status, _) = association.send_c_get(keys("STUDY", StudyInstanceUID=study_instance_uid), GET)
    association.release()
    assert status.Status == 0
    return got


@pytest.mark.parametrize("syntax", [*COMPRESSORS, JPEG_2000])
def test_compressed_pictures_are_decompressed_for_who_takes_only_implicit_vr(
    syntax: str, clinic: Clinic, tmp_path: Path
) -> None:
    """By C-MOVE and C-GET, with the same pixels; who takes the stored transfer syntax gets it as it is."""
    original = clinic.stored[0]
    ds = compressed(original, syntax, tmp_path / "work")
    clinic.send([ds])
    options = ["-S", "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={ds.StudyInstanceUID}"]
    assert clinic.move(tmp_path / "move", *options, "+xi").returncode == 0
    assert clinic.get(tmp_path / "get", *options).returncode == 0
    moved, got = (dcmread(path) for name in ("move", "get") for path in (tmp_path / name).iterdir())
    assert moved.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    assert got.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    for file in (moved, got, *got_in_implicit_vr(clinic, str(ds.StudyInstanceUID))):
        assert file.SOPInstanceUID == ds.SOPInstanceUID
        assert file.PatientName == UMLAUT
        assert file.PixelData == original.PixelData
    assert clinic.move(tmp_path / "all", *options, "+xa").returncode == 0
    (path,) = (tmp_path / "all").iterdir()
    file = dcmread(path)
    assert file.file_meta.TransferSyntaxUID == syntax
    assert file.PixelData == ds.PixelData
    assert list((clinic.box.data / "incoming").iterdir()) == []


def test_an_explicit_data_set_is_rewritten_for_who_takes_only_implicit_vr(clinic: Clinic) -> None:
    """Sequences, names and pixels stay the same."""
    files = got_in_implicit_vr(clinic, str(clinic.stored[0].StudyInstanceUID))
    by_uid = {known.SOPInstanceUID: known for known in clinic.stored}
    assert all(file == by_uid[file.SOPInstanceUID] for file in files)
    assert len(files) == 3


def test_a_hundred_and_twenty_instances_with_their_counts(clinic: Clinic, tmp_path: Path) -> None:
    """Remaining falls from 119 to 0; both operations bring all of them."""
    pictures = many(120)
    clinic.send(pictures)
    query = keys("STUDY", StudyInstanceUID=str(pictures[0].StudyInstanceUID))
    got: list[str] = []

    def keep(event: Event) -> int:
        got.append(event.request.AffectedSOPInstanceUID)
        return 0

    role = build_role(DX, scp_role=True)
    with associated(clinic, GET, DX, ext_neg=[role], evt_handlers=[(evt.EVT_C_STORE, keep)]) as association:
        answers = [status for status, _ in association.send_c_get(query, GET)]
    assert sorted(got) == sorted(ds.SOPInstanceUID for ds in pictures)
    assert [a.NumberOfRemainingSuboperations for a in answers[:-1]] == list(range(119, 0, -1))
    assert (answers[-1].Status, answers[-1].NumberOfCompletedSuboperations) == (0, 120)
    options = ["-S", "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={query.StudyInstanceUID}"]
    assert clinic.move(tmp_path / "out", *options).returncode == 0
    assert len(list((tmp_path / "out").iterdir())) == 120
    with associated(clinic, GET, DX, ext_neg=[role], evt_handlers=[(evt.EVT_C_STORE, keep)]) as association:
        cancelled = []
        for status, _ in association.send_c_get(query, GET, msg_id=9):
            cancelled.append(status)
            if len(cancelled) == 3:
                association.send_c_cancel(9, None, GET)
    assert cancelled[-1].Status == 0xFE00
    assert cancelled[-1].NumberOfRemainingSuboperations + cancelled[-1].NumberOfCompletedSuboperations == 120
    done = clinic.move(tmp_path / "cancelled", *options, "--cancel", "3")
    assert "Cancel" in done.stderr + done.stdout
    assert 3 <= len(list((tmp_path / "cancelled").iterdir())) < 120


def test_a_client_without_the_role_of_a_receiver_gets_no_picture(clinic: Clinic) -> None:
    """All sub-operations fail, and are listed."""
    query = keys("STUDY", StudyInstanceUID=str(clinic.stored[0].StudyInstanceUID))
    with associated(clinic, GET, DX) as association:
        *_, (status, failed) = association.send_c_get(query, GET)
    assert status.Status == 0xA702
    assert status.NumberOfFailedSuboperations == len(failed.FailedSOPInstanceUIDList) == 3


def test_unknown_and_dead_destinations_and_no_match(clinic: Clinic) -> None:
    """0xA801 for who is unknown, blocked or of unknown port; 0xA702 for who does not answer; nothing is a success."""
    clinic.listen_at("DEAD", free_port())
    clinic.listen_at("NOPORT", None)
    clinic.listen_at("BLOCKED", free_port())
    clinic.box.bucky("modality", "block", "BLOCKED")
    query = keys("STUDY", StudyInstanceUID=str(clinic.stored[0].StudyInstanceUID))
    with associated(clinic, MOVE) as association:
        for title, wanted in {"NOBODY": 0xA801, "NOPORT": 0xA801, "BLOCKED": 0xA801, "DEAD": 0xA702}.items():
            ((status, ds),) = association.send_c_move(query, title, MOVE)
            assert status.Status == wanted, title
        assert len(ds.FailedSOPInstanceUIDList) == 3
        nothing = keys("STUDY", StudyInstanceUID="1.2.3")
        ((status, _),) = association.send_c_move(nothing, TITLE, MOVE)
        assert (status.Status, status.NumberOfCompletedSuboperations) == (0, 0)
        for bad in (keys("STUDY", StudyInstanceUID=""), keys("STUDY"), keys("SERIES", SeriesInstanceUID="1.2")):
            ((status, _),) = association.send_c_move(bad, TITLE, MOVE)
            assert status.Status == 0xA900


def test_one_broken_file_fails_only_itself(clinic: Clinic, tmp_path: Path) -> None:
    """A lost file and one with damaged pixels: B000, and the failed ones are listed."""
    damaged = compressed(clinic.stored[0], "1.2.840.10008.1.2.4.80", tmp_path / "work")
    damaged.PixelData = damaged.PixelData[:-2000] + b"\x00" * 2000
    lost, *others = many(3)
    for ds in (lost, *others, damaged):
        ds.StudyInstanceUID, ds.PatientID = damaged.StudyInstanceUID, "BROKEN"
    clinic.send([lost, *others, damaged])
    rows = clinic.box.facts("study", "show", str(damaged.StudyInstanceUID))
    Path(next(row["file"] for row in rows if row["sop_instance_uid"] == lost.SOPInstanceUID)).unlink()
    query = keys("STUDY", StudyInstanceUID=str(damaged.StudyInstanceUID))
    role = build_role(DX, scp_role=True)
    with associated(clinic, GET, DX, ext_neg=[role], evt_handlers=[(evt.EVT_C_STORE, lambda _: 0)]) as association:
        *_, (status, ds) = association.send_c_get(query, GET)
    assert status.Status == 0xB000
    assert (status.NumberOfCompletedSuboperations, status.NumberOfFailedSuboperations) == (2, 2)
    assert set(ds.FailedSOPInstanceUIDList) == {lost.SOPInstanceUID, damaged.SOPInstanceUID}


def test_orthanc_queries_and_is_a_destination(clinic: Clinic, orthanc: Orthanc) -> None:
    """A real Orthanc as SCU and as C-MOVE target."""
    clinic.listen_at("ORTHANC", orthanc.dicom_port)
    modality = {"AET": "BUCKY", "Host": HOST, "Port": clinic.box.dicom_port, "Manufacturer": "Generic"}
    requests.put(f"{orthanc.url}/modalities/bucky", json=modality, timeout=10).raise_for_status()
    body = {"Level": "Study", "Query": {"PatientID": "ID-1", "PatientName": "*MÜLLER*"}}
    query = requests.post(f"{orthanc.url}/modalities/bucky/query", json=body, timeout=30)
    query.raise_for_status()
    answers = f"{orthanc.url}{query.json()['Path']}/answers"
    assert requests.get(answers, timeout=10).json() == ["0"]
    requests.post(f"{answers}/0/retrieve", data="ORTHANC", timeout=60).raise_for_status()
    for ds in clinic.stored:
        if ds.PatientID == "ID-1":
            assert orthanc.file(str(ds.SOPInstanceUID))
    wait_for(lambda: len(requests.get(f"{orthanc.url}/instances", timeout=10).json()) == 3, 10, "three instances")


def test_the_receiver_stays_lean_and_answers_after_all_of_this(clinic: Clinic) -> None:
    """No numpy and no codec was loaded into it; C-ECHO answers."""
    maps = Path(f"/proc/{clinic.box.roles()['receiver'].pid}/maps").read_text().lower()
    for name in ("numpy", "gdcm", "imagecodecs", "openjpeg", "_imaging"):
        assert name not in maps, name
    with associated(clinic, "1.2.840.10008.1.1") as association:
        assert association.send_c_echo().Status == 0
    events = set(re.findall(r'"event": "([a-z-]+)"', clinic.box.log.read_text()))
    assert {"find", "move", "get", "retrieve-failed"} <= events
