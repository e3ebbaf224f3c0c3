"""The worklist against dcmtk's findscu and pynetdicom's SCU; procedure steps and commitment against pynetdicom's."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID, generate_uid
from pynetdicom import build_role, evt
from pynetdicom.sop_class import (
    ModalityPerformedProcedureStep,
    ModalityWorklistInformationFind,
    StorageCommitmentPushModel,
)

from appliance.association import RequestorAE
from appliance.exams.exam import SAMPLE
from appliance.phantom.unit import send
from tests.box import HOST, Box
from tests.conftest import SENTINEL
from tests.orthanc import need
from tests.pictures import small_study
from tests.waiting import wait_for

INSTANCE = "1.2.840.10008.1.20.1.1"
EXAMS = [
    {"patient": "Rex", "owner": f"{SENTINEL}, Anna", "species": "dog", "date": "2026-11-24", "time": "09:00"},
    {
        "patient": "Mimi",
        "owner": "Großmüller, Jörg",
        "species": "cat",
        "breed": "Boxer dog",
        "date": "2026-11-25",
        "time": "14:15",
        "modality": "CR",
    },
    {"patient": "山田^太郎", "date": "2026-11-26", "time": "10:30", "modality": "MR", "station": "MR1"},
]


def prepared(box: Box) -> Box:
    """A running box with three exams that accepts the tools of this test."""
    started = box.set_up().start()
    for name in ("FINDSCU", "DX1", "PHANTOM-DX"):
        started.accept(name)
    folder = started.data / "worklist"
    folder.mkdir()
    (folder / "exams.json").write_text(json.dumps(EXAMS))
    wait_for(lambda: len(started.facts("worklist", "list")) == len(EXAMS), 30, "the exams")
    return started


@pytest.fixture
def box(make_box: Callable[..., Box]) -> Box:
    """A box of the test's own."""
    return prepared(make_box())


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """One box for the tests that only ask."""
    made = prepared(Box(tmp_path_factory.mktemp("worklist") / "box"))
    yield made
    made.stop()


def findscu(box: Box, folder: Path, *keys: str) -> list[Dataset]:
    """What dcmtk's findscu gets for these keys."""
    need("findscu")
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    arguments = [part for key in keys for part in ("-k", key)]
    command = ["findscu", "-W", "-X", "-od", str(folder), *arguments, "-aet", "FINDSCU", HOST, str(box.dicom_port)]
    subprocess.run(command, check=True, timeout=30, capture_output=True)
    return [dcmread(path, force=True) for path in sorted(folder.iterdir())]


STEP = "ScheduledProcedureStepSequence[0]"
QUERIES = {
    "universal": (("PatientName",), 3),
    "asterisk": (("PatientName=*",), 3),
    "single name, any case": ((f"PatientName={SENTINEL.upper()}^rex",), 1),
    "wildcard": (("PatientName=*mimi*",), 1),
    "question mark": (("PatientName=*^R?x",), 1),
    "by owner": (("PatientName=Gro*^J*", "SpecificCharacterSet=ISO_IR 192"), 1),
    "date": ((f"{STEP}.ScheduledProcedureStepStartDate=20261124",), 1),
    "date range": ((f"{STEP}.ScheduledProcedureStepStartDate=20261124-20261125",), 2),
    "from a date": ((f"{STEP}.ScheduledProcedureStepStartDate=20261125-",), 2),
    "until a date": ((f"{STEP}.ScheduledProcedureStepStartDate=-20261124",), 1),
    "time range": ((f"{STEP}.ScheduledProcedureStepStartTime=0830-0930",), 1),
    "modality, one room": ((f"{STEP}.Modality=DX",), 2),
    "modality": ((f"{STEP}.Modality=MR",), 1),
    "a station that was named": ((f"{STEP}.ScheduledStationAETitle=MR1",), 3),
    "another station": ((f"{STEP}.ScheduledStationAETitle=DX1",), 2),
    "species": (("PatientSpeciesDescription=Canine",), 1),
    "nothing": (("PatientName=Nobody",), 0),
    "SQL": (("PatientName=' OR 1=1 --",), 0),
}


@pytest.mark.parametrize("name", QUERIES)
def test_findscu_finds_what_matches(name: str, asked: Box, tmp_path: Path) -> None:
    """All matching kinds of PS3.4 C.2.2.2 that a worklist has."""
    keys, expected = QUERIES[name]
    assert len(findscu(asked, tmp_path / "found", *keys)) == expected


def test_answers_hold_the_return_keys_and_the_veterinary_attributes(asked: Box, tmp_path: Path) -> None:
    """Asked for keys come back, unknown ones empty, codes too."""
    names = ("PatientID", "PatientSpeciesCodeSequence", "ResponsiblePerson", "PatientBreedDescription", "MedicalAlerts")
    keys = ("PatientName=Gro*", *names, "StudyInstanceUID", f"{STEP}.Modality", f"{STEP}.ScheduledStationAETitle")
    (found,) = findscu(asked, tmp_path / "found", "SpecificCharacterSet=ISO_IR 100", *keys)
    assert str(found.PatientName) == "Großmüller^Mimi"
    assert found.SpecificCharacterSet == "ISO_IR 100"
    assert str(found.ResponsiblePerson) == "Großmüller^Jörg"
    assert found.PatientSpeciesCodeSequence[0].CodeMeaning == "Felis catus"
    assert found.PatientBreedDescription == "Boxer dog"
    assert UID(found.StudyInstanceUID).is_valid
    assert found.MedicalAlerts is None or found.MedicalAlerts == ""
    step = found.ScheduledProcedureStepSequence[0]
    assert (step.Modality, step.ScheduledStationAETitle) == ("CR", "FINDSCU")


def test_a_list_of_uids_and_names_in_japanese(asked: Box) -> None:
    """List of UID matching; the answer is in UTF-8 where nothing else can write it."""
    uids = [exam["study_instance_uid"] for exam in asked.facts("worklist", "list")]
    query = Dataset()
    query.PatientName, query.StudyInstanceUID = None, [uids[0], uids[2]]
    found = worklist_query(asked, query)
    assert sorted(ds.StudyInstanceUID for ds in found) == sorted([uids[0], uids[2]])
    (japanese,) = [ds for ds in found if ds.StudyInstanceUID == uids[2]]
    assert (str(japanese.PatientName), japanese.SpecificCharacterSet) == ("山田^太郎", "ISO_IR 192")


def worklist_query(box: Box, query: Dataset, calling: str = "DX1") -> list[Dataset]:
    """What pynetdicom's SCU gets."""
    ae = RequestorAE(ae_title=calling)
    ae.add_requested_context(ModalityWorklistInformationFind)
    association = ae.associate(HOST, box.dicom_port)
    answers = list(association.send_c_find(query, ModalityWorklistInformationFind))
    association.release()
    assert answers[-1][0].Status in (0x0000, 0x0124)
    return [ds for status, ds in answers if ds is not None]


def test_an_unknown_device_gets_no_worklist_and_appears_on_the_list_of_devices(box: Box) -> None:
    """Names of patients go to accepted devices only."""
    query = Dataset()
    query.PatientName = None
    assert worklist_query(box, query, calling="STRANGER") == []
    assert {"STRANGER": "unknown"}.items() <= {m["ae_title"]: m["state"] for m in box.facts("modality", "list")}.items()
    box.accept("STRANGER")
    assert len(worklist_query(box, query, calling="STRANGER")) == 3


def test_a_query_can_be_cancelled(box: Box) -> None:
    """C-CANCEL after the first answer ends it with 0xFE00 before all 303 are out."""
    (box.data / "worklist" / "many.json").write_text(json.dumps([{"patient": f"Animal {n}"} for n in range(300)]))
    wait_for(lambda: len(box.facts("worklist", "list")) > 300, 30, "many exams")
    ae = RequestorAE(ae_title="DX1")
    ae.add_requested_context(ModalityWorklistInformationFind)
    association = ae.associate(HOST, box.dicom_port)
    query = Dataset()
    query.PatientName = None
    statuses = []
    for status, _ in association.send_c_find(query, ModalityWorklistInformationFind, msg_id=7):
        if not statuses:
            association.send_c_cancel(7, 1)
        statuses.append(status.Status)
    association.release()
    assert statuses[-1] == 0xFE00
    assert len(statuses) < 303


def test_csv_import_takes_good_rows_and_reports_bad_ones(box: Box, tmp_path: Path) -> None:
    """The sample is taken whole; a bad row is named with its number and reason; the same number again changes."""
    sample = tmp_path / "sample.csv"
    assert box.bucky("worklist", "sample") == SAMPLE.strip()
    sample.write_text(SAMPLE)
    assert box.facts("worklist", "import", str(sample)) == {"taken": 2, "bad_rows": []}
    bad = tmp_path / "bad.csv"
    bad.write_text("patient;date;accession_number\nBello;24.11.2026;A1\n;2026-11-24;A2\nKitty;soon;A3\n", "cp1252")
    done = box.facts("worklist", "import", str(bad), expect=1)
    assert done["taken"] == 1
    assert [row["row"] for row in done["bad_rows"]] == [3, 4]
    assert "date" in done["bad_rows"][1]["reason"]
    bad.write_text("patient,accession_number\nBello the 2nd,A1\n")
    assert box.facts("worklist", "import", str(bad)) == {"taken": 1, "bad_rows": []}
    assert [e["patient_name"] for e in box.facts("worklist", "list") if e["accession_number"] == "A1"] == [
        "2nd^Bello the"
    ]


def test_a_watched_folder_is_taken_and_files_end_in_done_or_failed(box: Box) -> None:
    """CSV and JSON; a bad file gets a report beside it."""
    folder = box.data / "worklist"
    folder.mkdir(exist_ok=True)
    (folder / "today.json").write_text(json.dumps([{"patient": "Hasso", "accession_number": "J1"}]))
    (folder / "broken.csv").write_text("name\nx\n")
    wait_for(lambda: (folder / "done" / "today.json").exists(), 20, "the good file")
    wait_for(lambda: (folder / "failed" / "broken.csv.txt").exists(), 20, "the bad file's report")
    assert "patient" in (folder / "failed" / "broken.csv.txt").read_text()
    assert "J1" in {exam["accession_number"] for exam in box.facts("worklist", "list")}


def step_association(box: Box) -> object:
    """An association for procedure steps."""
    ae = RequestorAE(ae_title="DX1")
    ae.add_requested_context(ModalityPerformedProcedureStep)
    return ae.associate(HOST, box.dicom_port)


def begun(exam: dict[str, str]) -> Dataset:
    """What a unit reports when it begins an exam."""
    ds = Dataset()
    ds.PerformedProcedureStepStatus = "IN PROGRESS"
    item = Dataset()
    item.StudyInstanceUID, item.AccessionNumber = exam["study_instance_uid"], exam["accession_number"]
    ds.ScheduledStepAttributesSequence = [item]
    ds.PerformedSeriesSequence = []
    return ds


def test_procedure_steps_move_the_exam_along_and_keep_the_state_rules(box: Box) -> None:
    """Begun, ended, and what the rules forbid: twice, unknown, not in progress, after its end."""
    exam = box.facts("worklist", "list")[0]
    association = step_association(box)
    uid = generate_uid()
    wrong = begun(exam)
    wrong.PerformedProcedureStepStatus = "COMPLETED"
    create = association.send_n_create
    assert create(wrong, ModalityPerformedProcedureStep, generate_uid())[0].Status == 0x0106
    assert create(begun(exam), ModalityPerformedProcedureStep, uid)[0].Status == 0x0000
    assert create(begun(exam), ModalityPerformedProcedureStep, uid)[0].Status == 0x0111
    assert {e["accession_number"]: e["state"] for e in box.facts("worklist", "list")}[
        exam["accession_number"]
    ] == "in progress"
    done = Dataset()
    done.PerformedProcedureStepStatus = "COMPLETED"
    change = association.send_n_set
    assert change(done, ModalityPerformedProcedureStep, generate_uid())[0].Status == 0x0112
    assert change(done, ModalityPerformedProcedureStep, uid)[0].Status == 0x0000
    again = change(done, ModalityPerformedProcedureStep, uid)[0]
    assert (again.Status, again.ErrorID) == (0x0110, 0xA506)
    association.release()
    assert exam["accession_number"] not in {e["accession_number"] for e in box.facts("worklist", "list")}


class CommitmentUnit:
    """A unit that asks for commitment and listens for the report."""

    def __init__(self, port: int | None) -> None:
        self.reports: list[tuple[int, Dataset]] = []
        self._ae = RequestorAE(ae_title="PHANTOM-DX")
        self._ae.add_requested_context(StorageCommitmentPushModel)
        self._server = None
        self._handlers = [(evt.EVT_N_EVENT_REPORT, self._heard)]
        if port:
            self._ae.add_supported_context(StorageCommitmentPushModel, scu_role=False, scp_role=True)
            self._server = self._ae.start_server((HOST, port), block=False, evt_handlers=self._handlers)

    def _heard(self, event: evt.Event) -> tuple[int, None]:
        self.reports.append((event.request.EventTypeID, event.event_information))
        return 0x0000, None

    def connect(self, box: Box) -> object:
        """An association on which reports may come too."""
        return self._ae.associate(
            HOST,
            box.dicom_port,
            evt_handlers=self._handlers,
            ext_neg=[build_role(StorageCommitmentPushModel, scu_role=True, scp_role=True)],
        )

    def ask(self, association: object, references: list[tuple[str, str]]) -> int:
        """N-ACTION; returns its status."""
        ds = Dataset()
        ds.TransactionUID = generate_uid()
        ds.ReferencedSOPSequence = []
        for sop_class, uid in references:
            item = Dataset()
            item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
            ds.ReferencedSOPSequence.append(item)
        return association.send_n_action(ds, 1, StorageCommitmentPushModel, INSTANCE)[0].Status

    def close(self) -> None:
        """Stop listening."""
        if self._server:
            self._server.shutdown()


@pytest.fixture
def make_unit() -> Iterator[Callable[[int | None], CommitmentUnit]]:
    """Makes units that end with the test."""
    made: list[CommitmentUnit] = []

    def make(port: int | None = None) -> CommitmentUnit:
        made.append(CommitmentUnit(port))
        return made[-1]

    yield make
    for unit in made:
        unit.close()


def test_commitment_is_told_on_the_same_association_with_the_reason_of_each_failure(
    box: Box, make_unit: Callable[..., CommitmentUnit]
) -> None:
    """One safe, one damaged on the disk, one of another class, one unknown."""
    pictures = small_study()
    assert send(pictures, HOST, box.dicom_port) == [0, 0, 0]
    rows = {row["sop_instance_uid"]: row for row in box.facts("study", "show", str(pictures[0].StudyInstanceUID))}
    safe, damaged, other = (str(ds.SOPInstanceUID) for ds in pictures)
    kept = Path(rows[damaged]["file"])
    content = bytearray(kept.read_bytes())
    content[-1] ^= 1
    kept.write_bytes(content)
    unit = make_unit()
    association = unit.connect(box)
    sop_class, unknown = str(pictures[0].SOPClassUID), str(generate_uid())
    asked = [(sop_class, safe), (sop_class, damaged), ("1.2.840.10008.5.1.4.1.1.2", other), (sop_class, unknown)]
    assert unit.ask(association, asked) == 0x0000
    wait_for(lambda: unit.reports, 20, "the report")
    association.release()
    kind, ds = unit.reports[0]
    assert kind == 2
    assert [item.ReferencedSOPInstanceUID for item in ds.ReferencedSOPSequence] == [safe]
    reasons = {item.ReferencedSOPInstanceUID: item.FailureReason for item in ds.FailedSOPSequence}
    assert reasons == {damaged: 0x0110, other: 0x0119, unknown: 0x0112}


def test_commitment_outlives_a_killed_receiver_and_is_told_when_the_unit_comes_back(
    box: Box, make_unit: Callable[..., CommitmentUnit]
) -> None:
    """The unit leaves at once, the receiver is killed; the next association brings the report."""
    pictures = small_study("cervical-spine")
    assert send(pictures, HOST, box.dicom_port) == [0]
    unit = make_unit()
    association = unit.connect(box)
    reference = [(str(pictures[0].SOPClassUID), str(pictures[0].SOPInstanceUID))]
    assert unit.ask(association, reference) == 0x0000
    association.abort()
    box.kill("receiver")
    first = len(unit.reports)

    def told() -> bool:
        again = unit.connect(box)
        if not again.is_established:
            return False
        wait_for(lambda: len(unit.reports) > first, 8, "the report")
        again.release()
        return True

    wait_for(told, 60, "an association")
    assert unit.reports[-1][0] == 1
