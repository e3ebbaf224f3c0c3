"""Matching by PS3.4 C.2.2.2 over a real index."""

import pytest

from appliance.archive.blobs import Provenance
from appliance.archive.matching import person_matches, text_matches, time_of_day
from appliance.archive.part10 import take_dataset
from appliance.archive.search import Search
from appliance.clock import stamp
from appliance.dicomweb.qido import as_json
from appliance.wiring import Box
from tests.pictures import small_study

LOCAL = Provenance("local", "test", "", stamp())


@pytest.mark.parametrize(
    ("stored", "wanted", "matches"),
    [
        ("Müller^Rex", "MÜLLER^REX", True),
        ("Müller^Rex", "mu\u0308ller*", True),
        ("Müller^Rex^^^", "Müller^Rex", True),
        ("Müller^Rex", "Müller", False),
        ("Müller^Rex", "M?ller^*", True),
        ("Müller^Rex", "*rex", True),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "山田^太郎", True),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "山田*", True),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "yamada^tarou", True),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada^Tarou=山田*", True),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada^Tarou=鈴木*", False),
        ("a.c", "a?c", True),
        ("abc", "a.c", False),
        ("100%_sure", "100%_*", True),
        ("1000_sure", "100%_*", False),
        (None, "Rex", False),
    ],
)
def test_person_names(stored: str | None, wanted: str, matches: bool) -> None:
    """C.2.2.2.1: in any case, with wildcards, trailing delimiters ignored, in any component group."""
    assert person_matches(stored, wanted) is matches


@pytest.mark.parametrize(
    ("stored", "pattern", "matches"),
    [("Thorax", "Th*", True), ("Thorax", "th*", False), ("Thorax", "T?orax", True), ("T[a]", "T[?]", True)],
)
def test_other_texts_match_in_the_case_as_given(stored: str, pattern: str, matches: bool) -> None:
    """C.2.2.2.4."""
    assert text_matches(stored, pattern) is matches


def test_a_hostile_pattern_is_quick() -> None:
    """Twenty stars over a long text would take years in a naive matcher."""
    assert not text_matches("a" * 1000, "*a" * 20 + "b")


@pytest.mark.parametrize(
    ("value", "shown"),
    [("10", "100000.000000"), ("101530.5", "101530.500000"), ("10:15", "101500.000000"), ("noon", None), ("", None)],
)
def test_times(value: str, shown: str | None) -> None:
    """Every precision of TM."""
    assert time_of_day(value) == shown


@pytest.fixture
def search(box: Box) -> Search:
    """Five studies of four patients, of which two share a name."""
    for number, (name, patient_id, day, time, modality) in enumerate(
        [
            ("Müller^Rex", "A-1", "20240101", "101530.5", "DX"),
            ("MULLER^REX", "A-2", "20240102", "1015", "CR"),
            ("Müller^Rex", "A-1", "20240215", "235959", "CT"),
            ("Yamada^Tarou=山田^太郎", "J-1", "20250101", "000000", "DX"),
            ("100%_sure", "P%1", "20231231", "12", "US"),
        ]
    ):
        (ds,) = small_study("cervical-spine")
        ds.PatientName, ds.PatientID, ds.StudyDate, ds.StudyTime, ds.Modality = name, patient_id, day, time, modality
        ds.StudyID = f"S{number}"
        ds.SpecificCharacterSet = "ISO_IR 192"
        take_dataset(box.intake, ds, LOCAL)
    return Search(box.database)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, "01234"),
        ({"PatientName": "*"}, "01234"),
        ({"PatientName": "müller^rex"}, "02"),
        ({"PatientName": "m?ller*"}, "012"),
        ({"PatientName": "山田*"}, "3"),
        ({"PatientID": "A-?"}, "012"),
        ({"PatientID": "a-1"}, ""),
        ({"PatientID": "P%*"}, "4"),
        ({"PatientID": "%"}, ""),
        ({"PatientID": "' OR 1=1 --"}, ""),
        ({"StudyDate": "20240101-20240131"}, "01"),
        ({"StudyDate": "20240102-"}, "123"),
        ({"StudyDate": "-20240101"}, "04"),
        ({"StudyDate": "20250101"}, "3"),
        ({"StudyTime": "10-1015"}, "01"),
        ({"StudyTime": "101530.5"}, "0"),
        ({"StudyTime": "1015"}, "01"),
        ({"StudyTime": "2300-"}, "2"),
        ({"StudyTime": "-1000"}, "3"),
        ({"StudyTime": "rubbish"}, ""),
        ({"StudyTime": "rubbish-"}, ""),
        ({"ModalitiesInStudy": "DX"}, "03"),
        ({"ModalitiesInStudy": "DX\\CT"}, "023"),
        ({"ModalitiesInStudy": "C*"}, "12"),
        ({"PatientSpeciesDescription": "Homo*"}, ""),
        ({"NoSuchKeyword": "x"}, "01234"),
    ],
)
def test_study_level(query: dict[str, str], found: str, search: Search) -> None:
    """Single values, wildcards, ranges, lists, universal matching."""
    rows = search.find("study", query, limit=100, offset=0)
    assert "".join(sorted(row["study_id"][1:] for row in rows)) == found


def test_patients_are_grouped_by_id_and_name(search: Search) -> None:
    """Same id and name are one patient with the counts of all studies."""
    rows = search.find("patient", {"PatientID": "A-*"}, limit=100, offset=0)
    assert sorted((row["patient_id"], row["patient_study_count"]) for row in rows) == [("A-1", 2), ("A-2", 1)]


def test_a_list_of_uids(search: Search) -> None:
    """C.2.2.2.2, at every level that has them."""
    rows = search.find("instance", {}, limit=2, offset=0)
    for level, keyword, column in [
        ("study", "StudyInstanceUID", "study_instance_uid"),
        ("series", "SeriesInstanceUID", "series_instance_uid"),
        ("instance", "SOPInstanceUID", "sop_instance_uid"),
    ]:
        wanted = [row[column] for row in rows]
        found = search.find(level, {keyword: "\\".join(wanted)}, limit=10, offset=0)
        assert sorted(row[column] for row in found) == sorted(wanted)


def test_veterinary_keys_match(box: Box) -> None:
    """Species, breed and owner."""
    (ds, *_) = small_study()
    take_dataset(box.intake, ds, LOCAL)
    search = Search(box.database)
    for query in (
        {"PatientSpeciesDescription": "Canine"},
        {"PatientBreedDescription": "Labrador*"},
        {"ResponsiblePerson": "zzsentinelzz^*"},
    ):
        assert len(search.find("study", query, limit=10, offset=0)) == 1


def test_what_a_stranger_sent_is_neither_found_nor_counted(box: Box) -> None:
    """Not even the modality of a quarantined series in a study that is known."""
    (ds,) = small_study("cervical-spine")
    take_dataset(box.intake, ds, LOCAL)
    ds.SeriesInstanceUID += ".1"
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID + ".1"
    ds.Modality = "MG"
    take_dataset(box.intake, ds, Provenance("dimse", "DX1", "10.0.0.7", stamp()))
    search = Search(box.database)
    (row,) = search.find("study", {}, limit=10, offset=0)
    assert (row["modalities"], row["series_count"], row["instance_count"]) == ("DX", 1, 1)
    assert search.find("study", {"ModalitiesInStudy": "MG"}, limit=10, offset=0) == []
    assert len(search.stored({"StudyInstanceUID": [ds.StudyInstanceUID]}, limit=10)) == 1


def test_a_study_has_each_modality_once_and_counts_every_series(box: Box) -> None:
    """A series that names none counts too."""
    (ds,) = small_study("cervical-spine")
    for number, modality in enumerate(("DX", "SR", "DX", "")):
        ds.SeriesInstanceUID += f".{number}"
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID + f".{number}"
        ds.Modality = modality
        take_dataset(box.intake, ds, LOCAL)
    (row,) = Search(box.database).find("study", {}, limit=10, offset=0)
    assert (row["modalities"], row["series_count"], row["instance_count"]) == ("DX\\SR", 4, 4)
    assert as_json("study", row, "")["00080061"] == {"vr": "CS", "Value": ["DX", "SR"]}


def test_a_series_of_which_everything_was_taken_out_is_not_counted(box: Box) -> None:
    """Neither it nor its modality; one of which a picture is left is."""
    (ds,) = small_study("cervical-spine")
    for series, modality in ((".1", "DX"), (".2", "SR"), (".2", "SR"), (".3", "OT")):
        ds.SeriesInstanceUID = ds.SeriesInstanceUID.removesuffix(".1").removesuffix(".2") + series
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID + series
        ds.Modality = modality
        take_dataset(box.intake, ds, LOCAL)
    box.removals.replace(1, [2, 4], [], reason="made twice", by="Ann")  # half of the reports, all of OT
    (row,) = Search(box.database).find("study", {}, limit=10, offset=0)
    assert (row["modalities"], row["series_count"], row["instance_count"]) == ("DX\\SR", 2, 2)
