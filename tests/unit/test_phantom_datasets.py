"""The phantom's exams: what their objects say, and that they say it without an error of the standard."""

import shutil
import subprocess
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.sr._concepts_dict import concepts
from pydicom.uid import CTImageStorage, DigitalXRayImageStorageForPresentation

from appliance.dicom.vocabulary import SPECIES, Code
from appliance.phantom import protocols
from appliance.phantom.ct import ct_slice, ct_slices
from appliance.phantom.dataset import phantom_study
from appliance.phantom.patient import PhantomPatient
from appliance.phantom.protocols import PROTOCOLS
from appliance.phantom.unit import write

WHEN = datetime(2026, 3, 4, 10, 15, 30)  # noqa: DTZ001 - DICOM times are local


def _codes() -> list[Code]:
    named = [value for name, value in vars(protocols).items() if name[0] != "_" and name.isupper()]
    codes = [value for value in named if isinstance(value, tuple)]
    assert len(codes) > 5
    return [*codes, *SPECIES.values()]


def _context_groups(code: Code) -> set[int]:
    """The context groups of PS3.16 that hold a code."""
    value, scheme, _ = code
    entries: dict[str, dict[str, tuple[str, list[int]]]] = concepts[scheme]  # type: ignore[assignment] # untyped data
    found = [set(entry[value][1]) for entry in entries.values() if value in entry]
    assert found, "the standard does not know this code"
    return set().union(*found)


@pytest.mark.parametrize("code", _codes(), ids=lambda code: code[2])
def test_every_code_is_in_a_context_group_of_the_standard(code: Code) -> None:
    """PS3.16, as pydicom carries it."""
    assert _context_groups(code)


def test_species_codes_belong_to_their_context_group() -> None:
    """CID 7454."""
    assert [name for name, code in SPECIES.items() if 7454 not in _context_groups(code)] == []


def test_a_canine_thorax_is_three_views_in_three_series_of_one_study() -> None:
    """As most veterinary units send it."""
    study = phantom_study(scale=0.05)
    assert [ds.ViewPosition for ds in study] == ["RL", "LL", "VD"]
    assert len({ds.SeriesInstanceUID for ds in study}) == len({ds.SOPInstanceUID for ds in study}) == 3
    assert len({ds.StudyInstanceUID for ds in study}) == 1
    assert {ds.SOPClassUID for ds in study} == {DigitalXRayImageStorageForPresentation}
    assert [list(ds.PatientOrientation) for ds in study] == [["CD", "V"], ["CD", "V"], ["LE", "CD"]]


def test_a_canine_exam_carries_the_veterinary_attributes() -> None:
    """PS3.3 C.7.1.1 and C.7.2.2."""
    ds = phantom_study(scale=0.05)[0]
    assert ds.PatientSpeciesCodeSequence[0].CodeValue == "448771007"
    assert ds.PatientBreedCodeSequence[0].CodeValue == "62137007"
    assert (ds.ResponsiblePersonRole, ds.PatientSexNeutered) == ("OWNER", "ALTERED")
    assert ds.AnatomicalOrientationType == "QUADRUPED"
    assert "BreedRegistrationSequence" in ds


def test_a_persons_exam_carries_no_veterinary_attribute() -> None:
    """They are for animals only."""
    (ds,) = phantom_study("cervical-spine", scale=0.05)
    veterinary = ("PatientSpeciesDescription", "PatientBreedDescription", "ResponsiblePerson", "PatientSexNeutered")
    assert not [keyword for keyword in (*veterinary, "AnatomicalOrientationType") if keyword in ds]
    assert (ds.BodyPartExamined, ds.AnatomicRegionSequence[0].CodeValue) == ("CSPINE", "122494005")


def test_every_field_of_the_patient_can_be_set() -> None:
    """Each one is found again in the object."""
    text = {field.name: f"Zz{field.name}" for field in fields(PhantomPatient)}
    text |= {"sex": "O", "neutered": "UNALTERED", "age": "003M", "birth_date": "20260101", "weight": "7.25"}
    ds = phantom_study(scale=0.05, patient=replace(PhantomPatient(), **text))[0]
    written = ds.to_json()
    assert [name for name, value in text.items() if value not in written] == []
    assert list(ds.PatientSpeciesCodeSequence) == list(ds.PatientBreedCodeSequence) == []


def test_the_instances_of_a_study_share_no_element() -> None:
    """A change to one of them leaves the others alone."""
    first, second, _ = phantom_study(scale=0.05)
    second.PatientID = "OTHER"
    second.PatientBreedCodeSequence[0].CodeValue = "0"
    assert first.PatientID != "OTHER"
    assert first.PatientBreedCodeSequence[0].CodeValue != "0"


def test_without_a_seed_each_study_is_a_new_one() -> None:
    """Fresh UIDs, so that a box stores it again."""
    first, second = (phantom_study(scale=0.05) for _ in range(2))
    assert _uids(first).isdisjoint(_uids(second))


def test_a_seed_gives_the_same_study_again() -> None:
    """UIDs and pixels; another seed gives other ones."""
    first, second, other = (phantom_study(scale=0.05, seed=seed, when=WHEN) for seed in (5, 5, 6))
    assert first == second
    assert _uids(first).isdisjoint(_uids(other))
    assert first[0].PixelData != other[0].PixelData


def _uids(study: list[Dataset]) -> set[str]:
    keywords = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    return {str(ds[keyword].value) for ds in study for keyword in keywords}


@pytest.mark.parametrize("kind", sorted(PROTOCOLS))
@pytest.mark.parametrize("scale", [0.03, 0.1, 0.17])
def test_the_spacing_agrees_with_the_size_of_the_field(kind: str, scale: float) -> None:
    """Millimetres measured on a small picture are those of the full one."""
    for ds in phantom_study(kind, scale=scale):
        for spacing, count, size in zip(
            ds.ImagerPixelSpacing, (ds.Rows, ds.Columns), ds.FieldOfViewDimensions, strict=True
        ):
            assert float(spacing) * count == pytest.approx(float(size), abs=0.6)
        assert ds.CollimatorLowerHorizontalEdge < ds.Rows
        assert ds.CollimatorRightVerticalEdge < ds.Columns


def test_the_moment_given_is_that_of_the_exam() -> None:
    """Date and time in study and acquisition."""
    (ds,) = phantom_study("cervical-spine", scale=0.05, when=WHEN)
    assert (ds.StudyDate, ds.AcquisitionTime) == ("20260304", "101530")


def test_ct_slices_are_half_a_megabyte_and_one_series() -> None:
    """For measurements of throughput."""
    slices = ct_slices(3)
    assert {ds.SOPClassUID for ds in slices} == {CTImageStorage}
    assert {len(ds.PixelData) for ds in slices} == {512 * 512 * 2}
    assert len({ds.SeriesInstanceUID for ds in slices}) == len({ds.FrameOfReferenceUID for ds in slices}) == 1
    assert len({ds.SOPInstanceUID for ds in slices}) == 3
    assert [float(ds.ImagePositionPatient[2]) for ds in slices] == [1.0, 2.0, 3.0]
    assert slices[1] == ct_slice(2)


def test_part_10_files_are_read_by_dcmtk_and_have_no_error_of_the_standard(tmp_path: Path) -> None:
    """dcmdump parses each file; dciodvfy, where dicom3tools is installed, finds no error in it."""
    study = [*phantom_study(scale=0.05), *phantom_study("cervical-spine", scale=0.05), ct_slice(1)]
    for path in write(study, tmp_path / "files"):
        parsed = subprocess.run(["dcmdump", "-q", path], capture_output=True, text=True, check=True)
        assert "MediaStorageSOPInstanceUID" in parsed.stdout
        if verifier := shutil.which("dciodvfy"):
            found = subprocess.run([verifier, path], capture_output=True, text=True, check=False)
            assert "Error" not in found.stdout + found.stderr
