"""De-identification by PS3.15 annex E: nothing that names anybody stays, references still fit."""

from pathlib import Path

import pytest
from dicomanonymizer.dicom_anonymization_databases import dicomfields_2026c as table
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import UID

from appliance.dicom.deidentify import Deidentifier, burned_in_risk, cleaned
from tests.conftest import SENTINEL
from tests.pictures import shared_files, small_study

SECRET = "Qqsecretqq"
_VALUES = {
    "DA": "20010203", "TM": "010203", "DT": "20010203010203", "AS": "007Y", "IS": "4711", "DS": "4711", "US": 4711,
    "SS": 4711, "UL": 4711, "SL": 4711, "FL": 4711.0, "FD": 4711.0, "OB": SECRET.encode(), "OW": SECRET.encode(),
    "UN": SECRET.encode(), "UI": "1.2.3.4711",
}  # fmt: skip


def _full() -> Dataset:
    """A data set with every attribute of table E.1-1."""
    ds = small_study("cervical-spine")[0]
    for tag in (t for t in table.ALL_TAGS if len(t) == 2):
        number = Tag(tag)
        if not dictionary_has_tag(number) or number.group < 8 or (number.group, number.element) == (8, 0x18):
            continue
        vr = dictionary_VR(number).split(" or ")[0]
        if vr == "SQ":
            item = Dataset()
            item.PatientName = item.TextValue = SECRET
            ds.add_new(number, "SQ", Sequence([item]))
        elif vr != "NONE":
            ds.add_new(number, vr, _VALUES.get(vr, SECRET[:16]))
    ds.add_new(0x00190010, "LO", "SOMEBODY")
    ds.add_new(0x00191001, "LO", SECRET)
    ds.add_new(0x60004000, "LT", SECRET)
    return ds


def _values(ds: Dataset) -> str:
    return " ".join(str(element.value) for element in ds.iterall() if element.VR != "SQ")


def test_no_attribute_of_the_table_keeps_its_value() -> None:
    """Every attribute that the table names is removed, emptied, replaced or given a new UID."""
    ds = _full()
    before = {element.tag: element.value for element in ds if element.VR != "SQ"}
    Deidentifier().apply(ds)
    named = {Tag(tag) for tag in table.ALL_TAGS if len(tag) == 2}
    kept = [str(tag) for tag in named if tag in ds and tag in before and ds[tag].value == before[tag] != None]  # noqa: E711 - an empty element equals None in pydicom
    assert kept == []
    assert SECRET not in _values(ds) and SENTINEL.lower() not in _values(ds).lower()
    assert not any(element.tag.is_private for element in ds.iterall())


def test_what_was_done_is_said() -> None:
    """Patient Identity Removed, the method and its codes (PS3.15 E.1.1, CID 7050)."""
    (ds,) = small_study("cervical-spine")
    Deidentifier(patient="Case^1", patient_id="1", clean_descriptors=True).apply(ds)
    assert (ds.PatientIdentityRemoved, ds.PatientName, ds.PatientID) == ("YES", "Case^1", "1")
    assert [code.CodeValue for code in ds.DeidentificationMethodCodeSequence] == ["113100", "113105"]
    assert ds.LongitudinalTemporalInformationModified == "REMOVED"


def test_references_still_fit_inside_an_export_and_say_nothing_outside() -> None:
    """The same UID becomes the same new one in one export, another one in the next; classes stay."""
    one, two, three = small_study()
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = two.SOPClassUID, two.SOPInstanceUID
    one.ReferencedImageSequence = [reference]
    original, study, sop_class = str(two.SOPInstanceUID), str(one.StudyInstanceUID), one.SOPClassUID
    worker = Deidentifier()
    for ds in (one, two):
        worker.apply(ds)
    Deidentifier().apply(three)
    assert one.ReferencedImageSequence[0].ReferencedSOPInstanceUID == two.SOPInstanceUID != original
    assert one.StudyInstanceUID == two.StudyInstanceUID != study
    assert three.StudyInstanceUID not in (study, one.StudyInstanceUID)
    assert one.SOPClassUID == sop_class
    assert UID(two.SOPInstanceUID).is_valid


def test_the_options_keep_what_they_say_and_no_more() -> None:
    """Species and breed stay for teaching; of a description only the field's own words."""
    (ds,) = small_study("canine-thorax")[:1]
    species, breed = ds.PatientSpeciesDescription, ds.PatientBreedDescription
    ds.StudyDescription = f"Thorax 3 views {SENTINEL}"
    ds.OperatorsName = f"{SENTINEL}^Op"
    Deidentifier(keep_characteristics=True, clean_descriptors=True).apply(ds)
    assert (ds.PatientSpeciesDescription, ds.PatientBreedDescription) == (species, breed)
    assert ds.StudyDescription == "Thorax 3 views"
    assert SENTINEL.lower() not in _values(ds).lower()


@pytest.mark.parametrize(
    ("said", "kept"),
    [("LAT C-Spine, flexed", "LAT C Spine flexed"), ("Dr. Miller 5551234 knee", "knee"), ("", ""), ("Bello", "")],
)
def test_descriptions_keep_the_words_of_the_field(said: str, kept: str) -> None:
    """PS3.15 E.3.6 by a list of what is allowed, never of what is not."""
    assert cleaned(said) == kept


@pytest.mark.parametrize(
    ("facts", "risky"),
    [
        ({"Modality": "DX"}, False),
        ({"Modality": "DX", "BurnedInAnnotation": "YES"}, True),
        ({"Modality": "US"}, True),
        ({"Modality": "US", "BurnedInAnnotation": "NO"}, False),
        ({"Modality": "CR", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, True),
        ({"Modality": "CT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7", "BurnedInAnnotation": "NO"}, True),
        ({"Modality": "XX", "EncapsulatedDocument": b"%PDF"}, True),
    ],
)
def test_burned_in_text_is_warned_of(facts: dict[str, object], risky: bool) -> None:
    """By the object's own word, and by the kind of picture where it says nothing."""
    ds = Dataset()
    for keyword, value in facts.items():
        setattr(ds, keyword, value)
    assert (burned_in_risk(ds) is not None) is risky


def test_a_structured_report_keeps_its_shape_and_loses_its_words() -> None:
    """Content is cleaned inside, so that the report stays a report."""
    ds = dcmread(str(get_testdata_file("test-SR.dcm", download=False)))
    names = {str(e.value) for e in ds.iterall() if e.VR == "PN" and e.value}
    Deidentifier().apply(ds)
    assert ds.ContentSequence
    assert not names & {str(e.value) for e in ds.iterall() if e.VR == "PN"}


@pytest.mark.parametrize("path", shared_files(), ids=lambda p: p.name)
def test_real_files_lose_every_name_and_number(path: Path) -> None:
    """No value of an identifying attribute of the original is found anywhere in the copy."""
    ds = dcmread(path, force=True, stop_before_pixels=True)
    identifying = (
        "PatientName",
        "PatientID",
        "AccessionNumber",
        "ReferringPhysicianName",
        "InstitutionName",
        "StudyID",
    )
    found = {str(ds[k].value) for k in identifying if k in ds and len(str(ds[k].value)) > 5}
    found = {text for text in found if "anonym" not in text.casefold() and text not in str(ds.get("Manufacturer"))}
    ds.file_meta = ds.file_meta if hasattr(ds, "file_meta") else None
    Deidentifier().apply(ds)
    texts = _values(ds)
    assert not [text for text in found if text in texts]
