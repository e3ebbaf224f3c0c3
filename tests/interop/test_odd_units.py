"""A unit with wrong text, names, numbers and orientation: rules on the page's index and in every copy that leaves."""

import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import requests
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom.sop_class import ModalityPerformedProcedureStep

from appliance.association import RequestorAE
from appliance.phantom.unit import send
from tests.box import HOST, Box
from tests.conftest import SENTINEL
from tests.interop.workstation import compressed
from tests.orthanc import Orthanc, need
from tests.pictures import small_study
from tests.waiting import wait_for

UNIT = "ODDUNIT"
RULES = ("--character-set", "ISO_IR 192", "--name-order", "animal-first", "--identifiers", "--turn", "90")
TRUE_NAME = f"{SENTINEL}müller^Rex"


def odd_study() -> list[Dataset]:
    """UTF-8 that calls itself Latin-1, the animal first, no patient number, a study UID with a leading zero."""
    pictures = small_study()
    for ds in pictures:
        ds.SpecificCharacterSet = "ISO_IR 100"
        ds.PatientName = f"Rex ({SENTINEL}müller)".encode().decode("latin-1")
        ds.ResponsiblePerson, ds.PatientID = "", ""
        ds.StudyInstanceUID = "1.2.826.0.1.0042"
    return pictures


@pytest.fixture
def box(make_box: Callable[..., Box]) -> Iterator[Box]:
    """A box that has accepted the unit and holds its study."""
    started = make_box().set_up().start()
    for title in (UNIT, "GETSCU"):
        started.accept(title)
    return started


def names(box: Box) -> set[str]:
    """Patients of all studies."""
    return {row["patient_name"] for row in box.facts("study", "list")}


def got(box: Box, folder: Path, uid: str) -> list[Dataset]:
    """By getscu, in whatever transfer syntax it is stored."""
    need("getscu")
    folder.mkdir(exist_ok=True)
    keys = ("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={uid}")
    command = ["getscu", "-S", "-aet", "GETSCU", "+B", "-od", str(folder), *keys, HOST, str(box.dicom_port)]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    return [dcmread(path) for path in sorted(folder.iterdir())]


def test_rules_are_tried_used_and_undone_and_every_copy_follows_them(
    box: Box, orthanc: Orthanc, tmp_path: Path
) -> None:
    """Preview, index, C-GET, WADO-RS, delivery; the originals stay, and undo brings back what was."""
    pictures = odd_study()
    assert set(send(pictures, HOST, box.dicom_port, calling_ae=UNIT)) == {0}
    (as_received,) = names(box)
    kept = {
        row["sop_instance_uid"]: Path(row["file"]).read_bytes()
        for row in box.facts("study", "show", "1.2.826.0.1.0042")
    }

    tried = box.facts("modality", "rules", UNIT, *RULES)
    assert tried["rules"] == {}
    assert {preview["patient_after"] for preview in tried["preview"]} == {TRUE_NAME}
    assert names(box) == {as_received}, "a preview changes nothing"

    box.bucky("modality", "rules", UNIT, "--set", *RULES)
    wait_for(
        lambda: box.facts("modality", "rules", UNIT)["waiting"] == 0 and names(box) == {TRUE_NAME}, 30, "the rules"
    )
    (study,) = box.facts("study", "list")
    uid = study["study_instance_uid"]
    assert uid.startswith("2.25.") and study["patient_id"].startswith("BUCKY-") and study["instances"] == 3
    originals = {ds.SOPInstanceUID: ds for ds in pictures}
    copies = got(box, tmp_path / "got", uid)
    check_copies(copies, originals)

    token = box.bucky("token", "create", "viewer", "--role", "viewer")
    answer = requests.get(
        f"{box.dicomweb}/studies/{uid}/series/{copies[0].SeriesInstanceUID}/instances/{copies[0].SOPInstanceUID}",
        headers={"Authorization": f"Bearer {token}", "Accept": "application/dicom; transfer-syntax=*"},
        timeout=30,
    )
    assert dcmread(BytesIO(answer.content)) == copies[0]

    box.deliver_to("Orthanc", orthanc.dicomweb, auto=False)
    box.bucky("study", "send", uid, "Orthanc")
    box.wait_verified(uid)
    check_copies([dcmread(BytesIO(orthanc.file(str(ds.SOPInstanceUID)))) for ds in pictures], originals)

    assert set(send(odd_study(), HOST, box.dicom_port, calling_ae=UNIT)) == {0}
    assert names(box) == {TRUE_NAME}, "new pictures follow at once"
    box.bucky("modality", "rules", UNIT, "--undo")
    wait_for(lambda: names(box) == {as_received}, 30, "the undo")
    for row in box.facts("study", "show", "1.2.826.0.1.0042"):
        if row["sop_instance_uid"] in kept:
            assert Path(row["file"]).read_bytes() == kept[row["sop_instance_uid"]], "originals are never altered"
    assert next(ds.PatientName for ds in got(box, tmp_path / "undone", "1.2.826.0.1.0042")) != TRUE_NAME


def check_copies(copies: list[Dataset], originals: dict[str, Dataset]) -> None:
    """Each says the truth, and what it said before."""
    assert len(copies) == 3
    for copy in copies:
        assert (str(copy.PatientName), str(copy.ResponsiblePerson)) == (TRUE_NAME, f"{SENTINEL}müller")
        assert copy.SpecificCharacterSet == "ISO_IR 192"
        assert copy.PatientID.startswith("BUCKY-")
        original = originals[copy.SOPInstanceUID]
        assert np.array_equal(copy.pixel_array, np.rot90(original.pixel_array, -1))
        assert copy.OriginalAttributesSequence[0].ModifiedAttributesSequence[0].StudyInstanceUID == "1.2.826.0.1.0042"


def test_a_compressed_picture_stays_compressed_unless_it_is_turned(box: Box, tmp_path: Path) -> None:
    """Text rules leave the pixels as they are."""
    need("dcmcjpls")
    jpeg_ls = "1.2.840.10008.1.2.4.80"
    ds = compressed(small_study("cervical-spine")[0], jpeg_ls, tmp_path / "work")
    ds.PatientName = f"Rex, {SENTINEL}"
    assert send([ds], HOST, box.dicom_port, calling_ae=UNIT) == [0]
    pixels = []
    for extra in ((), ("--turn", "180")):
        box.bucky("modality", "rules", UNIT, "--set", "--name-order", "animal-first", *extra)
        wait_for(lambda: box.facts("modality", "rules", UNIT)["waiting"] == 0, 30, "the rules")
        token = box.bucky("token", "create", f"t{len(extra)}", "--role", "viewer")
        answer = requests.get(
            f"{box.dicomweb}/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}/instances/{ds.SOPInstanceUID}",
            headers={"Authorization": f"Bearer {token}", "Accept": "application/dicom; transfer-syntax=*"},
            timeout=30,
        )
        copy = dcmread(BytesIO(answer.content))
        assert str(copy.PatientName) == f"{SENTINEL}^Rex"
        pixels.append((str(copy.file_meta.TransferSyntaxUID), copy.pixel_array))
    assert [syntax for syntax, _ in pixels] == [jpeg_ls, "1.2.840.10008.1.2.1"]
    assert np.array_equal(pixels[0][1], np.rot90(pixels[1][1], 2))


def test_commitment_finds_a_picture_by_the_number_that_the_unit_gave_it(box: Box) -> None:
    """The index has a valid one since."""
    (ds,) = small_study("cervical-spine")
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "1.2.826.007"
    box.bucky("modality", "rules", UNIT, "--set", "--identifiers")
    assert send([ds], HOST, box.dicom_port, calling_ae=UNIT) == [0]
    (row,) = box.facts("study", "show", str(ds.StudyInstanceUID))
    assert row["sop_instance_uid"].startswith("2.25.")
    assert row["repairs"] == ["identifiers"]
    from appliance.settings import load
    from appliance.wiring import Box as Parts

    commitments = Parts(load(box.data, command_line={})).commitments
    commitments.ask("1.2.3", UNIT, HOST, [(str(ds.SOPClassUID), "1.2.826.007")])
    (asked,) = [c for c in commitments.waiting() if c.transaction_uid == "1.2.3"]
    assert commitments.check(asked) == {}


def test_a_wrong_clock_is_noticed_by_pictures_and_by_procedure_steps(box: Box) -> None:
    """Two hours behind, three hours ahead; what a right clock says is no news."""
    for title, behind in ((UNIT, 2.0), ("DX-RIGHT", 0.01)):
        box.accept(title)
        pictures = small_study()
        made = datetime.now().astimezone() - timedelta(hours=behind)
        for ds in pictures:
            ds.ContentDate, ds.ContentTime = made.strftime("%Y%m%d"), made.strftime("%H%M%S")
        assert set(send(pictures, HOST, box.dicom_port, calling_ae=title)) == {0}
    box.accept("DX-MPPS")
    ae = RequestorAE(ae_title="DX-MPPS")
    ae.add_requested_context(ModalityPerformedProcedureStep)
    association = ae.associate(HOST, box.dicom_port)
    step, begun = Dataset(), datetime.now().astimezone() + timedelta(hours=3)
    step.PerformedProcedureStepStatus = "IN PROGRESS"
    step.PerformedProcedureStepStartDate = begun.strftime("%Y%m%d")
    step.PerformedProcedureStepStartTime = begun.strftime("%H%M%S")
    step.PerformedSeriesSequence, step.ScheduledStepAttributesSequence = [], [Dataset()]
    assert association.send_n_create(step, ModalityPerformedProcedureStep, generate_uid())[0].Status == 0
    association.release()

    def skews() -> dict[str, int | None]:
        return {row["ae_title"]: row["clock_skew_s"] for row in json.loads(box.bucky("modality", "list", "--json"))}

    def all_seen() -> bool:
        return None not in [skews()[title] for title in (UNIT, "DX-RIGHT", "DX-MPPS")]

    wait_for(all_seen, 60, "the clocks")
    found = skews()
    assert abs(found[UNIT] + 7200) < 60
    assert abs(found["DX-MPPS"] - 10800) < 60
    assert abs(found["DX-RIGHT"]) < 120
