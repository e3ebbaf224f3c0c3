"""Every client with every service, transfer syntax and character set that a modality could meet."""

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from copy import deepcopy
from io import BytesIO
from pathlib import Path

import imagecodecs
import pytest
import requests
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid
from pynetdicom import build_role, evt
from pynetdicom.sop_class import (
    ModalityPerformedProcedureStep,
    ModalityWorklistInformationFind,
    StorageCommitmentPushModel,
)

from appliance.association import RequestorAE
from appliance.phantom.unit import send
from appliance.settings import load
from appliance.wiring import Box as Parts
from tests.box import HOST, Box
from tests.conftest import SENTINEL
from tests.interop.matrix import CHARACTER_SETS, SYNTAXES, UNCOMPRESSED, Matrix
from tests.orthanc import Orthanc, free_port, need
from tests.pictures import small_study
from tests.waiting import wait_for

NAMES = {
    "": f"{SENTINEL}^Ann",
    "ISO_IR 100": f"{SENTINEL}^Jürgen",
    "ISO_IR 192": f"{SENTINEL}^Łukasz",
    "ISO_IR 144": f"{SENTINEL}^Иван",
    "\\ISO 2022 IR 87": f"{SENTINEL}^Tarou=山田^太郎",
    "GB18030": f"{SENTINEL}^小东",
}
COMPRESSORS = {
    "1.2.840.10008.1.2.5": ["dcmcrle"],
    "1.2.840.10008.1.2.4.50": ["dcmcjpeg", "+eb", "+un"],
    "1.2.840.10008.1.2.4.51": ["dcmcjpeg", "+ee", "+un"],
    "1.2.840.10008.1.2.4.57": ["dcmcjpeg", "+el"],
    "1.2.840.10008.1.2.4.70": ["dcmcjpeg", "+e1"],
    "1.2.840.10008.1.2.4.80": ["dcmcjpls", "+el"],
    "1.2.840.10008.1.2.4.81": ["dcmcjpls", "+en", "+un"],
}
PROPOSALS = dict(
    zip(SYNTAXES, ("-xi", "-xe", "-xb", "-xr", "-xy", "-xx", None, "-xs", "-xt", "-xu", "-xv", "-xw"), strict=True)
)
"""storescu's options; it cannot propose JPEG lossless other than by selection value 1."""
TLS_CLIENT = "storescu +tls"
STORES = ("storescu", TLS_CLIENT, "dcmsend", "Orthanc", "pynetdicom")
TITLES = ("STORESCU", "DCMSEND", "ORTHANC", "PYNETDICOM", "FINDSCU", "MOVESCU", "GETSCU", "PHANTOM-DX", "ECHOSCU")
QUERIES = {
    "findscu -W": ("-W", "worklist"),
    "findscu -S": ("-S", "query, study root"),
    "findscu -P": ("-P", "query, patient root"),
}
VERIFICATION = "1.2.840.10008.1.1"
COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A box that accepts all clients, with an exam for each character set."""
    need("storescu", "dcmsend", "findscu", "movescu", "getscu", *{command[0] for command in COMPRESSORS.values()})
    made = Box(tmp_path_factory.mktemp("matrix") / "box").set_up().start()
    for title in TITLES:
        made.accept(title)
    folder = made.data / "worklist"
    folder.mkdir()
    (folder / "exams.json").write_text(json.dumps([{"patient": name} for name in NAMES.values()]))
    wait_for(lambda: len(made.facts("worklist", "list")) == len(NAMES), 30, "the exams")
    yield made
    made.stop()
    assert SENTINEL.lower() not in made.log.read_text().lower(), "a log names a patient"


@pytest.fixture(scope="module")
def parts(box: Box) -> Parts:
    """The box's own services, to look into its index."""
    return Parts(load(box.data, command_line={}))


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory, box: Box) -> Iterator[Orthanc]:
    """An Orthanc that knows the box, and that the box knows."""
    with Orthanc(tmp_path_factory.mktemp("orthanc") / "data") as made:
        modality = {"AET": "BUCKY", "Host": HOST, "Port": box.dicom_port, "Manufacturer": "Generic"}
        requests.put(f"{made.url}/modalities/bucky", json=modality, timeout=10).raise_for_status()
        listens_at(box, "ORTHANC", made.dicom_port)
        yield made


def listens_at(box: Box, title: str, port: int) -> None:
    """Tell the box where a peer listens."""
    with sqlite3.connect(box.data / "bucky.sqlite", timeout=10) as db:
        db.execute("UPDATE sender SET listen_port = ? WHERE name = ?", [port, title])
    db.close()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, box: Box) -> dict[str, list[Path]]:
    """By transfer syntax a file for each character set."""
    folder = tmp_path_factory.mktemp("pictures")
    (ds,) = small_study("cervical-spine", 0.05)
    template = {syntax: in_syntax(ds, syntax, folder) for syntax in SYNTAXES}
    return {syntax: [named(template[syntax], term, folder) for term in NAMES] for syntax in SYNTAXES}


def in_syntax(ds: Dataset, syntax: str, folder: Path) -> Path:
    """The picture in a transfer syntax, by dcmtk where it can."""
    plain, target = folder / "plain.dcm", folder / f"{syntax}.dcm"
    ds.save_as(plain, enforce_file_format=True)
    if syntax in UNCOMPRESSED:
        option = {"1.2.840.10008.1.2": "+ti", "1.2.840.10008.1.2.1": "+te", "1.2.840.10008.1.2.2": "+tb"}[syntax]
        subprocess.run(["dcmconv", option, str(plain), str(target)], check=True, timeout=60)
    elif syntax in COMPRESSORS:
        subprocess.run([*COMPRESSORS[syntax], str(plain), str(target)], check=True, timeout=60, capture_output=True)
    else:
        copy, level = deepcopy(ds), 0 if syntax.endswith("90") else 60
        frame = imagecodecs.jpeg2k_encode(copy.pixel_array, level=level, codecformat="j2k", reversible=level == 0)
        copy.PixelData = encapsulate([frame])
        copy["PixelData"].VR, copy["PixelData"].is_undefined_length = "OB", True
        copy.file_meta.TransferSyntaxUID = UID(syntax)
        copy.save_as(target, enforce_file_format=True)
    return target


def named(template: Path, term: str, folder: Path) -> Path:
    """A copy whose patient has a name in this character set."""
    ds = dcmread(template)
    syntax = ds.file_meta.TransferSyntaxUID
    for element in ds.iterall():
        assert element.VR  # decoded before the character set changes
    ds.SpecificCharacterSet = term.split("\\") if "\\" in term else term
    if not term:
        del ds.SpecificCharacterSet
    ds.PatientName, ds.ResponsiblePerson = NAMES[term], ""
    path = folder / f"{SYNTAXES[syntax]}-{CHARACTER_SETS[term]}.dcm"
    ds.save_as(path, enforce_file_format=True)
    return path


def for_client(client: str, files: list[Path], folder: Path) -> list[Path]:
    """Copies with UIDs and a patient's number of the client's own."""
    made = []
    for path in files:
        ds = dcmread(path)
        ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        ds.PatientID = f"{client}-{SYNTAXES[ds.file_meta.TransferSyntaxUID]}"
        made.append(folder / path.name)
        ds.save_as(made[-1], enforce_file_format=True)
    return made


def store(client: str, syntax: str, files: list[Path], box: Box, reader: Orthanc) -> None:
    """Send the files of one transfer syntax."""
    names = list(map(str, files))
    if client in ("storescu", TLS_CLIENT):
        tls = ["+tla", "+cf", str(box.data / "tls" / "certificate.pem")] if client == TLS_CLIENT else []
        port = box.tls_port if tls else box.dicom_port
        command = ["storescu", "-aet", "STORESCU", *tls, str(PROPOSALS[syntax]), HOST, str(port), *names]
        subprocess.run(command, check=True, timeout=60, capture_output=True)
    elif client == "dcmsend":
        command = ["dcmsend", "-aet", "DCMSEND", HOST, str(box.dicom_port), *names]
        subprocess.run(command, check=True, timeout=60, capture_output=True)
    elif client == "Orthanc":
        for path in files:
            reader.upload(path.read_bytes())
        found = [requests.post(f"{reader.url}/tools/lookup", data=dcmread(p).SOPInstanceUID, timeout=30) for p in files]
        ids = [answer.json()[0]["ID"] for answer in found]
        requests.post(f"{reader.url}/modalities/bucky/store", json=ids, timeout=60).raise_for_status()
    else:
        assert set(send([dcmread(p) for p in files], HOST, box.dicom_port, calling_ae="PYNETDICOM")) == {0}


@pytest.mark.parametrize("client", STORES)
def test_pictures_arrive_as_they_were_sent(
    client: str,
    box: Box,
    parts: Parts,
    reader: Orthanc,
    pictures: dict[str, list[Path]],
    matrix: Matrix,
    tmp_path: Path,
) -> None:
    """Transfer syntax, pixels, and the name as people read it."""
    for syntax, templates in pictures.items():
        if client in ("storescu", TLS_CLIENT) and PROPOSALS[syntax] is None:
            continue
        files = for_client(client, templates, tmp_path)
        store(client, syntax, files, box, reader)
        for term, path in zip(NAMES, files, strict=True):
            sent = dcmread(path)
            kept = parts.catalogue.instance_by_uid(sent.SOPInstanceUID)
            assert parts.catalogue.study(kept.study_id).patient_name == NAMES[term], (client, syntax, term)
            stored = dcmread(kept.path)
            if kept.transfer_syntax_uid == syntax:
                assert stored.PixelData == sent.PixelData, (client, syntax, term)
            matrix.note(client, "storage", kept.transfer_syntax_uid, [term])


@pytest.mark.parametrize("client", QUERIES)
def test_names_are_found_in_every_character_set(client: str, box: Box, matrix: Matrix, tmp_path: Path) -> None:
    """dcmtk's findscu asks by the name in that set and gets the name back."""
    option, service = QUERIES[client]
    for syntax in UNCOMPRESSED:
        for term, name in NAMES.items():
            query = tmp_path / "query.dcm"
            asked(option, term, name).save_as(query, enforce_file_format=False)
            folder = tmp_path / f"{SYNTAXES[syntax]}{CHARACTER_SETS[term]}"
            folder.mkdir()
            command = ["findscu", option, PROPOSALS[syntax], "-X", "-od", str(folder), HOST, str(box.dicom_port)]
            subprocess.run([*command, str(query)], check=True, timeout=60, capture_output=True)
            answers = [dcmread(path, force=True) for path in folder.iterdir()]
            assert answers, (client, syntax, term)
            assert {str(answer.PatientName) for answer in answers} == {name}
            matrix.note("findscu", service, syntax, [term])


def asked(option: str, term: str, name: str) -> Dataset:
    """An identifier."""
    ds = Dataset()
    if term:
        ds.SpecificCharacterSet = term.split("\\") if "\\" in term else term
    ds.PatientName = name
    if option == "-S":
        ds.QueryRetrieveLevel, ds.StudyInstanceUID = "STUDY", ""
    if option == "-P":
        ds.QueryRetrieveLevel, ds.PatientID = "PATIENT", ""
    ds.ensure_file_meta()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


@pytest.mark.parametrize("client", ["movescu", "getscu", "Orthanc"])
def test_pictures_are_given_as_they_are_stored(
    client: str, box: Box, reader: Orthanc, matrix: Matrix, tmp_path: Path
) -> None:
    """C-MOVE to dcmtk and to Orthanc, C-GET by dcmtk: all character sets of one transfer syntax at a time."""
    listens = free_port()
    listens_at(box, "MOVESCU", listens)
    for column in SYNTAXES.values():
        folder = tmp_path / column
        folder.mkdir()
        keys = ["-P", "-k", "QueryRetrieveLevel=PATIENT", "-k", f"PatientID=pynetdicom-{column}"]
        where = [HOST, str(box.dicom_port)]
        if client == "getscu":
            command = ["getscu", "+B", "-od", str(folder), *keys, *where]
        elif client == "movescu":
            command = ["movescu", "-aem", "MOVESCU", "+P", str(listens), "-od", str(folder), "+xa", *keys, *where]
        else:
            command = ["movescu", "-aem", "ORTHANC", *keys, *where]
        subprocess.run(command, check=True, timeout=60, capture_output=True)
        given = [dcmread(path) for path in folder.iterdir()] if client != "Orthanc" else held(reader, column)
        assert len(given) == len(NAMES), (client, column)
        assert {str(ds.PatientName) for ds in given} == set(NAMES.values())
        service = "C-GET" if client == "getscu" else "C-MOVE"
        for ds in given:
            term = next(term for term, name in NAMES.items() if name == str(ds.PatientName))
            matrix.note(client, service, str(ds.file_meta.TransferSyntaxUID), [term])


def held(reader: Orthanc, column: str) -> list[Dataset]:
    """What Orthanc holds of a patient."""
    body = {"Level": "Instance", "Query": {"PatientID": f"pynetdicom-{column}"}}
    found = requests.post(f"{reader.url}/tools/find", json=body, timeout=30).json()
    files = [requests.get(f"{reader.url}/instances/{name}/file", timeout=30).content for name in found]
    return [dcmread(BytesIO(content)) for content in files]


def test_the_connection_test_of_every_client(box: Box, reader: Orthanc, matrix: Matrix) -> None:
    """C-ECHO, over TLS too."""
    need("echoscu")
    trust = ["+tla", "+cf", str(box.data / "tls" / "certificate.pem")]
    for client, command in (
        ("echoscu", ["echoscu", HOST, str(box.dicom_port)]),
        ("echoscu +tls", ["echoscu", *trust, HOST, str(box.tls_port)]),
    ):
        subprocess.run(command, check=True, timeout=20)
        matrix.note(client, "verification", str(ImplicitVRLittleEndian), None)
    requests.post(f"{reader.url}/modalities/bucky/echo", json={}, timeout=20).raise_for_status()
    matrix.note("Orthanc", "verification", str(ImplicitVRLittleEndian), None)
    for syntax in UNCOMPRESSED:
        ae = RequestorAE(ae_title="PYNETDICOM")
        ae.add_requested_context(VERIFICATION, syntax)
        association = ae.associate(HOST, box.dicom_port)
        assert association.send_c_echo().Status == 0
        association.release()
        matrix.note("pynetdicom", "verification", syntax, None)


@pytest.mark.parametrize("syntax", UNCOMPRESSED)
def test_procedure_steps_worklist_and_commitment_of_pynetdicom(
    syntax: str, box: Box, parts: Parts, matrix: Matrix, pictures: dict[str, list[Path]], tmp_path: Path
) -> None:
    """N-CREATE with the patient's name, the worklist by name, and a promise for what is stored."""
    ae = RequestorAE(ae_title="PYNETDICOM")
    for uid in (ModalityPerformedProcedureStep, ModalityWorklistInformationFind, StorageCommitmentPushModel):
        ae.add_requested_context(uid, syntax)
    told: list[Dataset] = []

    def heard(event: evt.Event) -> tuple[int, None]:
        told.append(event.event_information)
        return 0x0000, None

    role = build_role(StorageCommitmentPushModel, scu_role=True, scp_role=True)
    association = ae.associate(HOST, box.dicom_port, ext_neg=[role], evt_handlers=[(evt.EVT_N_EVENT_REPORT, heard)])
    for term, name in NAMES.items():
        step, uid = asked("-W", term, name), generate_uid()
        step.PerformedProcedureStepStatus = "IN PROGRESS"
        step.ScheduledStepAttributesSequence, step.PerformedSeriesSequence = [Dataset()], []
        assert association.send_n_create(step, ModalityPerformedProcedureStep, uid)[0].Status == 0
        sql = "SELECT document FROM procedure_step WHERE sop_instance_uid = ?"
        (document,) = parts.database.read.conn.execute(sql, [uid]).fetchone()
        assert str(Dataset.from_json(document).PatientName) == name
        matrix.note("pynetdicom", "procedure step", syntax, [term])
        found = list(association.send_c_find(asked("-W", term, name), ModalityWorklistInformationFind))
        assert [str(ds.PatientName) for _, ds in found if ds] == [name]
        matrix.note("pynetdicom", "worklist", syntax, [term])
    (first, *_) = for_client("commitment", pictures[str(ExplicitVRLittleEndian)], tmp_path)
    picture, request, item = dcmread(first), Dataset(), Dataset()
    assert send([picture], HOST, box.dicom_port, calling_ae="PYNETDICOM") == [0]
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = picture.SOPClassUID, picture.SOPInstanceUID
    request.TransactionUID, request.ReferencedSOPSequence = generate_uid(), [item]
    status, _ = association.send_n_action(request, 1, StorageCommitmentPushModel, COMMITMENT_INSTANCE)
    assert status.Status == 0
    wait_for(lambda: told, 20, "the promise")
    association.release()
    assert [ref.ReferencedSOPInstanceUID for ref in told[0].ReferencedSOPSequence] == [picture.SOPInstanceUID]
    assert "FailedSOPSequence" not in told[0]
    matrix.note("pynetdicom", "commitment", syntax, None)


def test_no_cell_that_a_modality_could_meet_is_empty(matrix: Matrix) -> None:
    """After all tests of this file: the whole table, not a part of it.

    dcmsend converts every uncompressed file to Explicit VR Little Endian, dcmtk's tools know one JPEG lossless only,
    and a C-GET is answered uncompressed.
    """
    little = [str(ImplicitVRLittleEndian), str(ExplicitVRLittleEndian)]
    all_syntaxes = list(SYNTAXES)
    by_tool = [syntax for syntax in SYNTAXES if PROPOSALS[syntax]]
    explicit = [syntax for syntax in SYNTAXES if syntax not in (ExplicitVRBigEndian, ImplicitVRLittleEndian)]
    expected = [
        *(("storescu", "storage", by_tool, True), (TLS_CLIENT, "storage", by_tool, True)),
        *(("dcmsend", "storage", explicit, True), ("pynetdicom", "storage", all_syntaxes, True)),
        ("Orthanc", "storage", all_syntaxes, True),
        *(("findscu", service, UNCOMPRESSED, True) for _, service in QUERIES.values()),
        *(("movescu", "C-MOVE", by_tool, True), ("Orthanc", "C-MOVE", all_syntaxes, True)),
        ("getscu", "C-GET", [str(ExplicitVRLittleEndian)], True),
        *(("pynetdicom", service, UNCOMPRESSED, True) for service in ("procedure step", "worklist")),
        *(("pynetdicom", service, UNCOMPRESSED, False) for service in ("verification", "commitment")),
        *((client, "verification", little[:1], False) for client in ("echoscu", "echoscu +tls", "Orthanc")),
    ]
    assert [
        gap
        for client, service, syntaxes, text in expected
        for gap in matrix.missing(client, service, syntaxes, text=text)
    ] == []
