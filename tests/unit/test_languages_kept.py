"""What the box keeps in English and shows in one's own language: exams, templates, requests, tables, answers."""

import csv
import io
import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from appliance.archive.blobs import Provenance
from appliance.archive.part10 import take_dataset
from appliance.clock import stamp
from appliance.dicom.vocabulary import PROTOCOLS
from appliance.logs import Log
from appliance.reading.note import Note
from appliance.reading.report import LANGUAGES
from appliance.reading.templates import CUSTOMARY
from appliance.wiring import Box
from appliance.wiring.web import build_app
from tests.box import PASSWORD
from tests.pictures import small_study
from tests.unit.test_cases import TOLD
from tests.unit.test_languages import OTHERS
from tests.unit.test_webui import CLINIC, _post, facts_of
from webui import languages, words

GERMAN = {"Accept-Language": "de"}


@pytest.fixture
def app(box: Box) -> Flask:
    """A box that is set up, with a reader and a dog."""
    box.first_run.set_up(**CLINIC)
    box.destinations.add("Reader", "http://127.0.0.1:9/dicom-web")
    take_dataset(box.intake, small_study()[0], Provenance("local", "DX", "", stamp()))
    return build_app(box, facts_of(box, "box"), Log("web"))


@pytest.fixture
def german(app: Flask) -> Iterator[FlaskClient]:
    """The administrator, who reads German."""
    with app.test_client() as client:
        _post(client, "/login", "/login", name="Ann", password=PASSWORD)
        _post(client, "/me", "/language", language="de", next="/me")
        yield client


def _table(text: str) -> list[dict[str, str]]:
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text[1:]), delimiter=";"))


def test_the_statement_opens_in_a_german_spreadsheet(german: FlaskClient, box: Box) -> None:
    """Headings, words, days and amounts; on the page too, with what the subscription adds."""
    form = {"currency": "eur", "routine": "60,50", "urgent": "70", "STAT": "80", "monthly": "100", "included": "0"}
    assert _post(german, "/settings/prices", "/settings/prices/1", **form).status_code == 302
    assert 'value="60,50"' in german.get("/settings/prices").text
    case = box.casebook.draft(1, "Ann", 1)
    box.casebook.save(case.id, TOLD, "routine", 1)
    assert "60,50 EUR (normal, je Befund)" in german.get(f"/requests/{case.id}").text
    box.requests.release(case.id, "Ann")
    (row,) = _table(german.get("/statement.csv").text)
    assert (row["Befunder"], row["Dringlichkeit"], row["Preis"]) == ("Reader", "normal", "60,50")
    assert re.fullmatch(r"\d\d\.\d\d\.\d{4} \d\d:\d\d", row["gesendet"])
    page = german.get("/statement").text
    assert "160,50 EUR" in page
    assert "mit dem Abonnement, 100,00 EUR" in page


@pytest.mark.parametrize("tag", OTHERS)
def test_what_is_customary_has_a_name_in_each_language(tag: str) -> None:
    """No two exams, and no two templates, are called the same."""
    for names in ([p.name for p in PROTOCOLS], [t.name for t in CUSTOMARY]):
        assert len({languages.in_language(tag, name) for name in names}) == len(names)
    for template in CUSTOMARY:
        assert languages.in_language(tag, template.findings).count("\n") == template.findings.count("\n")
        assert languages.in_language(tag, template.findings) != template.findings


def test_an_exam_is_chosen_in_german_and_kept_in_english(german: FlaskClient, box: Box) -> None:
    """The unit's worklist and the expected views do not depend on who put the patient on it."""
    page = german.get("/exams").text
    assert '<option value="Thorax 3 views">Thorax, 3 Aufnahmen</option>' in page
    _post(german, "/exams", "/exams", patient="Rex", protocol="Thorax 3 views")
    (exam,) = box.worklist.open()
    assert (exam.protocol, exam.description) == ("Thorax 3 views", "Thorax 3 views")
    listed = german.get("/exams/list").text
    assert "<span>Thorax, 3 Aufnahmen</span>" in listed
    assert "views" not in listed.replace('class="views"', "")


def test_views_are_typed_in_german(german: FlaskClient, box: Box) -> None:
    """Those that the box knows; a customary exam is changed, not doubled, whatever its name is made of."""
    right = languages.in_language("de", "Right lateral")
    assert right in german.get("/exams").text
    form = {"name": "Fuß AP + lateral + schräg", "views": f"{right}\nVD\nTangential"}
    assert _post(german, "/exams", "/exams/protocols", **form).status_code == 302
    assert box.protocols.views("Foot AP + lateral + oblique") == ("Right lateral", "VD", "Tangential")
    assert len(box.protocols.all()) == len(PROTOCOLS)
    assert german.get("/find?view=Ellbogen").status_code == 200


def test_a_template_is_shown_changed_and_taken_off_in_german(german: FlaskClient, box: Box) -> None:
    """Its texts are in the language of the reports, that of the box if nobody chose another."""
    assert "Thorax, Hund" in german.get("/templates").text
    assert "Thoracic wall" in german.get("/templates").text
    box.database.set_setting("language", "de")
    page = german.get("/templates").text
    assert "Thoraxwand" in page
    assert "Thoracic" not in page
    form = german.get("/templates?change=Thorax, Hund").text
    assert 'name="species" value="Hund"' in form
    changed = {"name": "Thorax, Hund", "species": "Hund", "region": "Thorax", "findings": "Herz:"}
    assert _post(german, "/templates", "/templates", **changed).status_code == 302
    found = box.templates.named("Thorax, dog")
    assert found
    assert (found.species, found.findings) == ("Canine", "Herz:")
    assert len(box.templates.all()) == len(CUSTOMARY)
    _post(german, "/templates", "/templates", **(changed | {"findings": ""}))
    assert "Thorax, Hund" not in german.get("/templates").text


def test_a_request_is_told_in_german_and_kept_in_english(german: FlaskClient, box: Box) -> None:
    """Age, weight, species and region from the pictures; what somebody typed otherwise stays as it is."""
    case = box.casebook.draft(1, "Ann", 1)
    page = german.get(f"/requests/{case.id}").text
    assert 'value="7 Jahre"' in page
    assert 'value="31,5"' in page
    form = {
        "age": "7 jahre",
        "weight": "31,5",
        "species": "Hund",
        "region": "Ellbogen",
        "wanted_by": "2026-11-30T14:00",
    }
    _post(german, f"/requests/{case.id}", f"/requests/{case.id}/save", **form)
    story = box.casebook.get(case.id).story
    assert (story.age, story.weight, story.species, story.region) == ("7 years", "31.5", "Canine", "Elbow")
    _post(german, f"/requests/{case.id}", f"/requests/{case.id}/save", **(form | {"age": "fast 8"}))
    assert box.casebook.get(case.id).story.age == "fast 8"
    with german.application.test_request_context(headers=GERMAN):
        told = dict(words.told(story))
    assert told["Alter"] == "7 Jahre"
    assert told["Tierart"] == "Hund"
    assert told["Region"] == "Ellbogen"
    assert "30.11.2026 14:00" in told.values()


@pytest.mark.parametrize(("tag", "own", "french"), [("en", "English", "French"), ("de", "Englisch", "Französisch")])
def test_languages_of_reports_are_named_in_the_reader_s_language(app: Flask, tag: str, own: str, french: str) -> None:
    """Each has a name."""
    with app.test_request_context(headers={"Accept-Language": tag}):
        assert (words.language_name("en"), words.language_name("fr")) == (own, french)
        assert all(words.language_name(each) for each in LANGUAGES)


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("69.4 GB free.", "69,4 GB frei."),
        (
            "1069.0 GB free, enough for about 12 days at today’s rate.",
            "1.069,0 GB frei, genug für etwa 12 Tage beim heutigen Tempo.",
        ),
        ("x GB free.", "x GB frei."),
        ("Release 1.2, asked for on 2026-11-03.", "Version 1.2, verlangt am 03.11.2026."),
    ],
)
def test_figures_have_the_language_s_decimal_point(english: str, german: str) -> None:
    """A release that looks like a figure is none."""
    assert languages.in_language("de", english) == german


def test_a_box_that_waits_for_its_wizard_speaks_the_browser_s_language(box: Box) -> None:
    """Whatever page is asked for first, and what a wrong code is answered."""
    client = build_app(box, facts_of(box, "box"), Log("web")).test_client()
    answer = client.get("/exams", headers=GERMAN, follow_redirects=True)
    assert '<html lang="de"' in answer.text
    shown = re.sub(r"<script.*?</script>|<[^>]+>", " ", answer.text, flags=re.DOTALL)
    assert not re.search(r"\b(the|of|set|your|Setup|Password|at least)\b", shown)
    token = re.search(r'name="csrf_token" value="([^"]+)"', answer.text)
    assert token
    refused = client.post("/setup", data={"csrf_token": token[1], "code": "WRONG", **CLINIC}, headers=GERMAN)
    assert refused.status_code == 403
    assert "Einrichtungscode" in refused.text
    assert "code is" not in refused.text


def test_bare_answers_speak_the_browser_s_language(app: Flask, german: FlaskClient) -> None:
    """To a foreign name, a page that is not there, a form that is too old, a program that asks for too much."""
    foreign = app.test_client().get("/", headers=GERMAN | {"Host": "evil.example"})
    assert foreign.status_code == 421
    assert foreign.text == "Diese Box antwortet nicht auf diesen Namen. Nehmen Sie http://127.0.0.1:8080/.\n"
    assert "Diese Seite gibt es nicht." in german.get("/nowhere").text
    assert "So lässt sich diese Seite nicht aufrufen." in german.get("/exams/protocols").text
    assert "zu lange offen" in german.post("/exams", data={"csrf_token": "x"}).text


def test_what_a_request_lacks_is_named_in_one_s_own_language(german: FlaskClient, box: Box) -> None:
    """Each field of the list."""
    case = box.casebook.draft(1, "Ann", 1)
    page = _post(german, f"/requests/{case.id}", f"/requests/{case.id}/send", destination="1", patient="Rex", age="7")
    assert page.status_code == 400
    assert "Besitzer, Tierart, Geschlecht, Region, Frage, Anamnese" in page.text


def test_what_clinic_and_reader_tell_each_other_has_a_german_title(german: FlaskClient, box: Box) -> None:
    """And an attachment a German label; the name of the file is left alone."""
    box.casebook.note(1, Note("question", [("Question", "Since when?")], "Rita", "Far Readers"))
    state = german.get("/studies/1/state").text
    assert "Rückfrage" in state
    assert "Frage: Since when?" in state
    with german.application.test_request_context(headers=GERMAN):
        said = ("Species: Canine", "Urgency: urgent", "History: Female: no", "About it")
        assert [words.note_paragraph(text) for text in said] == [
            *("Tierart: Hund", "Dringlichkeit: dringend", "Anamnese: Female: no", "About it"),
        ]
    case = box.casebook.draft(1, "Ann", 1)
    picture = io.BytesIO()
    Image.new("RGB", (8, 8)).save(picture, "PNG")
    box.casebook.attach(1, picture.getvalue(), "Lateral.png", "Ann")
    assert "<li>Foto: Lateral.png</li>" in german.get(f"/requests/{case.id}").text
