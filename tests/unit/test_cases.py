"""The clinic's cases: gate, prices, release, guard, notes; over real services."""

import io
import json
from dataclasses import replace

import pytest
from PIL import Image
from pydicom import dcmread

from appliance.archive.blobs import Provenance
from appliance.archive.part10 import take_dataset
from appliance.clock import stamp
from appliance.courier.requests import NotComplete
from appliance.errors import BadInput, NotFound
from appliance.reading.note import Note
from appliance.reading.story import LABELS, Story, from_form, from_json
from appliance.reading.workitem import expected_uids, story_of
from appliance.wiring import Box
from tests.pictures import small_study

UNIT = Provenance("local", "DX1", "", stamp())
TOLD = Story(
    patient="Rex", owner="Ann Miller", species="Canine", breed="Boxer dog", sex="male", neutered="yes", age="7 years",
    weight="31.5", region="Thorax", question="Pneumonia?\nHeart size?", history="Coughs at night.", medication="none",
)  # fmt: skip


@pytest.fixture
def study_id(box: Box) -> int:
    """A received study of three views, and a reader."""
    box.destinations.add("Reader", "http://127.0.0.1:9/dicom-web")
    for ds in small_study():
        take_dataset(box.intake, ds, UNIT)
    box.queue.route_new()
    return 1


def _released(box: Box, study_id: int, story: Story = TOLD, urgency: str = "routine"):
    case = box.casebook.draft(study_id, "ann", 1)
    box.casebook.save(case.id, story, urgency, 1)
    return box.requests.release(case.id, "ann")


def test_the_form_begins_with_what_the_pictures_tell(box: Box, study_id: int) -> None:
    """Species, breed, owner, age and region are not typed again; a second draft is the same one."""
    case = box.casebook.draft(study_id, "ann", 1)
    story = case.story
    assert (story.species, story.sex, story.neutered, story.age) == ("Canine", "male", "yes", "7 years")
    assert (story.region, story.weight) == ("Thorax", "31.5")
    assert story.question == ""
    assert box.casebook.draft(study_id, "bob", 1).id == case.id


@pytest.mark.parametrize(
    ("practice", "changed", "urgency", "missing"),
    [
        ("vet", {}, "routine", []),
        ("vet", {"question": " "}, "routine", ["question"]),
        ("vet", {"medication": ""}, "routine", ["medication"]),
        ("vet", {"medication": "", "region": "Abdomen"}, "routine", []),
        ("vet", {"region": "Pelvis", "breed": ""}, "routine", ["breed"]),
        ("vet", {}, "STAT", ["stat_reason", "callback"]),
        ("chiro", {"owner": "", "species": "", "breed": "", "region": "Cervical spine"}, "routine", []),
        ("chiro", {"region": "lumbar spine"}, "urgent", ["prior_findings"]),
    ],
)
def test_the_gate_asks_by_practice_species_region_and_urgency(
    box: Box, practice: str, changed: dict[str, str], urgency: str, missing: list[str]
) -> None:
    """The customary table."""
    box.database.set_setting("practice_kind", practice)
    assert box.gate.missing(replace(TOLD, **changed), urgency) == missing  # type: ignore[arg-type]  # fields of several types


def test_a_clinic_changes_the_rules(box: Box) -> None:
    """A row of its own adds to the others; one without fields is taken off."""
    box.gate.put("vet", "canine", "Thorax", ["callback"])
    assert box.gate.missing(TOLD, "routine") == ["callback"]
    box.gate.put("vet", "canine", "Thorax", [])
    box.gate.put("vet", "*", "*", [])
    assert box.gate.missing(Story(species="Canine"), "routine") == []


def test_a_case_that_is_not_complete_is_not_released(box: Box, study_id: int) -> None:
    """Nothing is queued, and the draft stays."""
    case = box.casebook.draft(study_id, "ann", 1)
    with pytest.raises(NotComplete, match="Question, History"):
        box.requests.release(case.id, "ann")
    assert box.casebook.get(case.id).state == "draft"
    assert box.queue.progress(study_id) == []


def test_a_released_case_is_queued_and_says_everything_in_the_workitem(box: Box, study_id: int) -> None:
    """Without any line: it waits."""
    case = _released(box, study_id)
    assert case.state == "released"
    assert case.where == "waits for the line to the reader"
    assert [p.total for p in box.queue.progress(study_id)] == [3]
    document = json.loads(case.document or "")
    assert story_of(document) == TOLD
    assert sorted(expected_uids(document)) == sorted(i.sop_instance_uid for i in box.catalogue.instances(study_id))
    with pytest.raises(NotFound):
        box.casebook.save(case.id, TOLD, "STAT", 1)


def test_open_cases_go_stat_urgent_oldest(box: Box, study_id: int) -> None:
    """The order in which they are announced when the line is back."""
    for number in range(3):
        for ds in small_study("cervical-spine"):
            take_dataset(box.intake, ds, UNIT)
        urgency = ("routine", "urgent", "STAT")[number]
        _released(box, 2 + number, replace(TOLD, stat_reason="dyspnoea", callback="555"), urgency)
    _released(box, study_id)
    assert [(c.urgency, c.study_id) for c in box.casebook.open()] == [
        ("STAT", 4), ("urgent", 3), ("routine", 2), ("routine", 1),
    ]  # fmt: skip


def test_pictures_after_the_release_do_not_slip_in(box: Box, study_id: int) -> None:
    """They wait for a person; with a reason they join the open case, and a note tells the reader."""
    case = _released(box, study_id)
    (late,) = small_study("cervical-spine")
    late.StudyInstanceUID = box.catalogue.study(study_id).study_instance_uid
    take_dataset(box.intake, late, UNIT)
    box.queue.route_new()
    (waiting,) = box.casebook.late_pictures(case)
    assert waiting.sop_instance_uid == late.SOPInstanceUID
    assert not any(box.queue.progress(study_id)[0].complete for _ in [0])
    with pytest.raises(BadInput, match="Reason"):
        box.requests.add_late(case.id, [waiting.id], " ", "ann")
    box.requests.add_late(case.id, [waiting.id], "Forgot the oblique.", "ann")
    box.queue.route_new()
    assert box.casebook.late_pictures(case) == []
    (note,) = [d for d in box.documents.of_study(study_id) if d.kind == "late pictures"]
    assert "Forgot the oblique." in note.text
    assert late.SOPInstanceUID in note.text


def test_late_pictures_of_an_automatic_destination_wait_too(box: Box) -> None:
    """The guard holds for a reader that gets every picture."""
    box.destinations.add("Reader", "http://127.0.0.1:9/dicom-web", auto=True)
    for ds in small_study():
        take_dataset(box.intake, ds, UNIT)
    box.queue.route_new()
    case = _released(box, 1)
    (late,) = small_study("cervical-spine")
    late.StudyInstanceUID = box.catalogue.study(1).study_instance_uid
    take_dataset(box.intake, late, UNIT)
    box.queue.route_new()
    assert len(box.casebook.late_pictures(case)) == 1


def test_a_new_case_for_late_pictures_names_them(box: Box, study_id: int) -> None:
    """The earlier story is kept, so that only the question is new."""
    first = _released(box, study_id)
    (late,) = small_study("cervical-spine")
    late.StudyInstanceUID = box.catalogue.study(study_id).study_instance_uid
    take_dataset(box.intake, late, UNIT)
    box.queue.route_new()
    second = box.casebook.draft(study_id, "ann", 1)
    assert second.story == TOLD
    second = box.requests.release(second.id, "ann")
    assert str(late.SOPInstanceUID) in expected_uids(json.loads(second.document or ""))
    assert second.workitem_uid != first.workitem_uid


def test_prices_are_quoted_kept_and_summed(box: Box, study_id: int) -> None:
    """A subscription pays the first report of the month; then the list counts."""
    amounts = {"routine": "45", "urgent": "60,50", "STAT": "90.00"}
    box.prices.put(1, "eur", amounts, monthly="100", included="1")
    month = stamp()[:7]
    quote = box.prices.quote(1, "routine", month)
    assert quote
    assert quote.text == "EUR 0.00"
    _released(box, study_id)
    quote = box.prices.quote(1, "urgent", month)
    assert quote
    assert (quote.text, quote.basis) == ("EUR 60.50", "urgent, per report")
    second = box.casebook.draft(study_id, "ann", 1)
    box.casebook.save(second.id, TOLD, "urgent", 1)
    box.requests.release(second.id, "ann")
    assert [line.cents for line in box.prices.statement(month)] == [0, 6050]
    assert [(name, count, price.text) for name, count, price in box.prices.totals(month)] == [
        ("Reader", 2, "EUR 160.50")
    ]


def test_a_subscription_counts_from_the_month_in_which_it_began_until_its_reader_is_removed(
    box: Box, study_id: int
) -> None:
    """A month before has no cost; a change of its price begins nothing anew; one that is bought again does."""
    month = stamp()[:7]

    def due(when: str) -> list[str]:
        return [price.text for _, _, price in box.prices.totals(when)]

    box.prices.put(1, "EUR", {}, monthly="100", included="1")
    assert (due("2020-01"), due(month), due("2999-01")) == ([], ["EUR 100.00"], ["EUR 100.00"])
    box.prices.put(1, "EUR", {}, monthly="100", included="1", since="2020-02")
    assert (due("2020-01"), due("2020-02")) == ([], ["EUR 100.00"])
    box.prices.put(1, "EUR", {}, monthly="120", included="1")
    assert due("2020-02") == ["EUR 120.00"]
    box.prices.put(1, "EUR", {})
    assert due(month) == []
    box.prices.put(1, "EUR", {}, monthly="90")
    assert (due("2020-02"), due(month)) == ([], ["EUR 90.00"])
    box.destinations.remove(1)
    assert (due(month), due("2999-01")) == (["EUR 90.00"], [])


@pytest.mark.parametrize(
    "given",
    [
        *({"currency": "EURO"}, {"routine": "-1"}, {"routine": "1.234"}, {"included": "many"}, {"monthly": "1e5"}),
        *({"since": "2026-13"}, {"since": "soon"}),
    ],
)
def test_a_price_that_is_none_is_refused(box: Box, study_id: int, given: dict[str, str]) -> None:
    """With the field."""
    with pytest.raises(BadInput):
        box.prices.put(
            study_id,
            given.get("currency", "EUR"),
            {"routine": given.get("routine", "1")},
            monthly=given.get("monthly", ""),
            included=given.get("included", ""),
            since=given.get("since", ""),
        )


def _jpeg(size: tuple[int, int] = (40, 20)) -> bytes:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    Image.new("RGB", size, (200, 10, 10)).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def test_attachments_become_objects_of_the_study(box: Box, study_id: int) -> None:
    """A photograph upright and without what the camera noted; a PDF whole."""
    box.casebook.attach(study_id, _jpeg(), "wound.jpg", "ann")
    box.casebook.attach(study_id, b"%PDF-1.4 lab", "lab.pdf", "ann")
    line = box.catalogue.line(box.catalogue.study(study_id))
    photo = dcmread(next(i for i in line.images if i.modality == "XC").path)
    assert (photo.Rows, photo.Columns) == (40, 20)
    assert photo.PatientSpeciesDescription == "Canine"
    (pdf,) = line.reports
    assert box.desk.document(pdf).startswith(b"%PDF-1.4 lab")
    case = _released(box, study_id)
    assert len(expected_uids(json.loads(case.document or ""))) == 5


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\xff\xd8\xff\xe0 no", b"PK\x03\x04", b"x" * (26 * 2**20)])
def test_other_files_are_refused_in_words(box: Box, study_id: int, content: bytes) -> None:
    """Never a traceback."""
    with pytest.raises(BadInput, match="Attachment"):
        box.casebook.attach(study_id, content, "x", "ann")


def test_notes_hang_on_the_study_and_are_told_apart(box: Box, study_id: int) -> None:
    """As Basic Text SR with who wrote them and what they are about."""
    uid = box.casebook.note(study_id, Note("answer", [("Answer", "Since Monday.\nNo fever.")], "Ann", "Paw", "1.2.3"))
    (note,) = box.documents.of_study(study_id)
    assert (note.kind, note.refers_to, note.author, note.sop_instance_uid) == ("answer", "1.2.3", "Ann", uid)
    assert note.text == "Since Monday.\nNo fever."
    assert not note.from_far


def test_the_story_survives_its_json_and_bad_characters() -> None:
    """Lines stay in long fields only; control characters go."""
    story = from_form({"question": "a\r\nb\x00", "patient": " Rex \n x ", "unknown": "z"})
    assert (story.question, story.patient) == ("a\nb", "Rex x")
    assert from_json(story.as_json()) == story
    assert set(LABELS) == set(Story.__dataclass_fields__)
    with pytest.raises(BadInput, match="Question"):
        from_form({"question": "x" * 4001})
