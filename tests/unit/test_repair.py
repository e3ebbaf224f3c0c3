"""Rules for odd units: each rule on a data set, and as it is kept."""

from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from appliance.dicom.record import CommandUids, read_record
from appliance.dicom.repair import CHARACTER_SETS, Rules, repair, split_name, turned_orientation
from appliance.dicom.uids import replaced_uid
from appliance.errors import BadInput
from appliance.imaging.transcode import transcode
from appliance.imaging.turning import turned
from appliance.phantom.unit import write
from appliance.validators import valid_uid
from tests.pictures import small_study

EXPLICIT, IMPLICIT = str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian)


def written(folder: Path, **values: object) -> Path:
    """A file of a phantom picture with these attributes, the name in raw bytes."""
    (ds,) = small_study("cervical-spine", 0.05)
    for keyword, value in values.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    (path,) = write([ds], folder)
    return path


def record(path: Path, rules: Rules) -> object:
    """The index's view of a file."""
    meta = dcmread(path).file_meta
    said = CommandUids(meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID, meta.TransferSyntaxUID)
    return read_record(path, said, rules)


def said_wrongly(folder: Path, name: str, encoding: str, said: str | None) -> Path:
    """A file whose name is in another encoding than it says."""
    mark = "Zzsentinelzz^" + "x" * (len(name.encode(encoding)))
    path = written(folder, PatientName=mark, SpecificCharacterSet=said or "")
    if said is None:
        path = written(folder, PatientName=mark, SpecificCharacterSet=None)
    content = path.read_bytes()
    wanted = b"Zzsentinelzz^" + name.encode(encoding)
    assert content.count(mark.encode()) == 1
    path.write_bytes(content.replace(mark.encode(), wanted))
    return path


@pytest.mark.parametrize(
    ("term", "encoding", "said", "name"),
    [
        ("ISO_IR 192", "utf-8", None, "Müller"),
        ("ISO_IR 192", "utf-8", "ISO_IR 100", "Jürgen"),
        ("ISO_IR 100", "latin-1", "ISO_IR 192", "Großmüller"),
        ("ISO_IR 144", "iso8859-5", None, "Иванов"),
        ("ISO_IR 126", "iso8859-7", "ISO_IR 100", "Διονυσιος"),
        ("GB18030", "gb18030", None, "王小东"),
    ],
)
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_text_is_read_in_the_assumed_character_set_and_sent_so(
    term: str, encoding: str, said: str | None, name: str, syntax: str, tmp_path: Path
) -> None:
    """Index and copy say the right name; the bytes of the name are those that came."""
    path = said_wrongly(tmp_path, name, encoding, said)
    before, after = record(path, Rules()), record(path, Rules(character_set=term))
    assert before.study["patient_name"] != f"Zzsentinelzz^{name}"
    assert after.study["patient_name"] == f"Zzsentinelzz^{name}"
    assert after.repairs == ["character-set"]
    transcode(path, tmp_path / "copy.dcm", syntax, rules=Rules(character_set=term))
    copy = dcmread(tmp_path / "copy.dcm")
    assert str(copy.PatientName) == f"Zzsentinelzz^{name}"
    assert copy.file_meta.TransferSyntaxUID == syntax
    assert name.encode(encoding) in (tmp_path / "copy.dcm").read_bytes()
    assert copy.PixelData == dcmread(path).PixelData


@pytest.mark.parametrize("term", CHARACTER_SETS)
def test_every_character_set_offered_can_be_read_and_written(term: str, tmp_path: Path) -> None:
    """No term that pydicom does not know."""
    path = written(tmp_path, SpecificCharacterSet="ISO_IR 6", PatientName="Zzsentinelzz^Rex")
    transcode(path, tmp_path / "copy.dcm", EXPLICIT, rules=Rules(character_set=term, name_order="owner-first"))
    copy = dcmread(tmp_path / "copy.dcm")
    assert "\\".join(np.atleast_1d(copy.SpecificCharacterSet)) == term
    assert str(copy.PatientName) == "Zzsentinelzz^Rex"


@pytest.mark.parametrize(
    ("written_as", "order", "found"),
    [
        ("Smith^Rex", "owner-first", ("Smith", "Rex")),
        ("Rex^Smith", "animal-first", ("Smith", "Rex")),
        ("Smith, Rex", "owner-first", ("Smith", "Rex")),
        ("Rex (Smith)", "animal-first", ("Smith", "Rex")),
        ("Rex / van der Berg", "animal-first", ("van der Berg", "Rex")),
        ("Smith - Rex", "owner-first", ("Smith", "Rex")),
        ("Jones-Smith Rex", "owner-first", ("Jones-Smith", "Rex")),
        ("Rex^^^^", "owner-first", None),
        ("", "owner-first", None),
        ("^^", "animal-first", None),
    ],
)
def test_names_are_split(written_as: str, order: str, found: tuple[str, str] | None) -> None:
    """As units write them."""
    assert split_name(written_as, order) == found


def test_the_owner_becomes_the_responsible_person_and_one_that_is_named_stays() -> None:
    """PS3.3 C.7.1.1."""
    ds = Dataset()
    ds.PatientName = "Rex (Zzsentinelzz)"
    changes = repair(ds, Rules(name_order="animal-first"))
    assert (str(ds.PatientName), str(ds.ResponsiblePerson)) == ("Zzsentinelzz^Rex", "Zzsentinelzz")
    assert ds.ResponsiblePersonRole == "OWNER"
    assert {change.code for change in changes} == {"name"}
    ds.PatientName, ds.ResponsiblePerson = "Rex, Zzsentinelzz", "Zzsentinelzz^Ann"
    repair(ds, Rules(name_order="animal-first"))
    assert str(ds.ResponsiblePerson) == "Zzsentinelzz^Ann"
    assert repair(ds, Rules(name_order="owner-first")) == []


def test_missing_and_invalid_identifiers_are_put_right_alike_in_index_and_copy(tmp_path: Path) -> None:
    """References to an invalid UID go on leading to the same object; what was there is written down."""
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.03"
    path = written(
        tmp_path, PatientID="", StudyInstanceUID="1.2.03", SeriesInstanceUID="", ReferencedImageSequence=[item]
    )
    rules = Rules(identifiers=True)
    seen = record(path, rules)
    transcode(path, tmp_path / "copy.dcm", EXPLICIT, rules=rules)
    copy = dcmread(tmp_path / "copy.dcm")
    assert copy.StudyInstanceUID == seen.study_instance_uid == replaced_uid("1.2.03")
    assert copy.SeriesInstanceUID == seen.series_instance_uid
    assert copy.SOPInstanceUID == seen.sop_instance_uid == copy.file_meta.MediaStorageSOPInstanceUID
    assert copy.PatientID == seen.study["patient_id"]
    assert copy.ReferencedImageSequence[0].ReferencedSOPInstanceUID == copy.StudyInstanceUID
    assert all(valid_uid(uid) for uid in (copy.StudyInstanceUID, copy.SeriesInstanceUID))
    (noted,) = copy.OriginalAttributesSequence
    assert noted.ModifiedAttributesSequence[0].StudyInstanceUID == "1.2.03"
    assert (noted.ModifyingSystem, noted.ReasonForTheAttributeModification) == ("BUCKY", "CORRECT")
    assert (seen.problems, seen.repairs) == ([], ["identifiers"])


def test_pictures_of_one_visit_without_a_study_uid_stay_together(tmp_path: Path) -> None:
    """By patient, day and numbers."""
    found = [
        record(
            written(
                tmp_path / name, StudyInstanceUID="", SOPInstanceUID=f"1.2.{name}", StudyDate=day, AccessionNumber="A1"
            ),
            Rules(identifiers=True),
        )
        for name, day in (("1", "20260101"), ("2", "20260101"), ("3", "20260102"))
    ]
    first, second, other = (seen.study_instance_uid for seen in found)
    assert first == second != other


@pytest.mark.parametrize(
    ("turn", "mirror"), [(0, True), (90, False), (90, True), (180, False), (180, True), (270, False), (270, True)]
)
def test_a_picture_is_turned_with_its_header(turn: int, mirror: bool, tmp_path: Path) -> None:
    """Pixel by pixel, with rows, columns, spacing and the patient's directions."""
    path = written(
        tmp_path, PatientOrientation=["A", "F"], ImagerPixelSpacing=[0.1, 0.2], AnatomicalOrientationType=None
    )
    rules = Rules(turn=turn, mirror=mirror)
    transcode(path, tmp_path / "copy.dcm", EXPLICIT, rules=rules)
    original, copy = dcmread(path), dcmread(tmp_path / "copy.dcm")
    assert np.array_equal(copy.pixel_array, turned(original.pixel_array, rules))
    corner = copy.pixel_array[0, -1 if mirror else 0]
    whole = original.pixel_array
    assert corner == {0: whole[0, 0], 90: whole[-1, 0], 180: whole[-1, -1], 270: whole[0, -1]}[turn]
    assert list(copy.ImagerPixelSpacing) == ([0.2, 0.1] if turn in (90, 270) else [0.1, 0.2])
    seen = record(path, rules)
    assert (seen.instance["rows"], seen.instance["columns"]) == (copy.Rows, copy.Columns)
    assert seen.repairs == ["orientation"]


@pytest.mark.parametrize(
    ("turn", "mirror", "expected"),
    [(0, True, ["P", "F"]), (90, False, ["H", "A"]), (180, False, ["P", "H"]), (270, False, ["F", "P"])],
)
def test_directions_turn_with_the_picture(turn: int, mirror: bool, expected: list[str]) -> None:
    """Rows that go to the anterior, columns that go to the feet (PS3.3 C.7.6.1.1.1)."""
    assert turned_orientation(["A", "F"], Rules(turn=turn, mirror=mirror)) == expected


def test_a_slice_that_knows_where_it_lies_is_not_turned() -> None:
    """Its position in the volume would be wrong."""
    ds = Dataset()
    ds.Modality, ds.Rows, ds.Columns = "CT", 10, 20
    assert repair(ds, Rules(turn=90)) == []


def test_rules_are_kept_as_they_are_given() -> None:
    """Only what differs from the default is written."""
    rules = Rules.given({"character_set": "GBK", "turn": "90", "mirror": "1", "identifiers": ""})
    assert rules == Rules("GBK", "", False, 90, True)
    assert Rules.from_json(rules.to_json()) == rules
    assert Rules().to_json() == "{}"
    assert not Rules.from_json(None)


@pytest.mark.parametrize(
    "form", [{"turn": "45"}, {"turn": "x"}, {"character_set": "latin"}, {"name_order": "'; DROP TABLE sender"}]
)
def test_other_rules_are_refused(form: dict[str, str]) -> None:
    """With what is allowed."""
    with pytest.raises(BadInput, match="allowed"):
        Rules.given(form)
