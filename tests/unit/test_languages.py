"""The pages' languages: all is translated, the choice is kept, and what the box says in English is recognised."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from flask import Flask, render_template_string
from flask.testing import FlaskClient

from appliance.archive.blobs import Provenance
from appliance.archive.part10 import take_dataset
from appliance.clock import stamp
from appliance.errors import BadInput, NotFound
from appliance.logs import Log
from appliance.wiring import Box
from appliance.wiring.web import build_app
from tests.box import PASSWORD
from tests.pictures import small_study
from tests.unit.test_webui import CLINIC, facts_of
from webui import languages, words

ROOT = Path(__file__).parents[2]
OTHERS = ("es", "de", "fr")
PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w+(?:[!:][^}]*)?\}|</?\w+>")
NOT_SHOWN = {
    *("setup from {address}", "pairing from {address}", "name {lower} {where}", "address {address}"),
    *("again {id}", "pin {account_id} pc {pc}", "code {id}", "#{destination_id} removed", "unit {name} at {address}"),
    *("{NAMES}, de-identified", "{title} (PDF)", "owner {owner}", "born {day}", "Bucky", "CANCEL ASKED"),
    *("number, at, kind, outcome, actor, actor_kind, address, detail, hash", "picture is", "pictures are"),
    ", and pictures came later",
}
"""Found by the extraction, but no page shows it: keys of throttling, subjects of the audit trail, words inside others'
templates, and captions, which have the report's language."""


def _po(tag: str) -> Catalog:
    with (languages.FOLDER / tag / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, tag)


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """What the code and the templates say now."""
    pot = tmp_path_factory.mktemp("words") / "messages.pot"
    extract = ("extract", "-F", "webui/translations/babel.cfg", "-k", "N_", "-o", str(pot), ".")
    subprocess.run([sys.executable, "-m", "babel.messages.frontend", "-q", *extract], cwd=ROOT, check=True)
    with pot.open("rb") as file:
        return read_po(file)


@pytest.fixture
def app(box: Box) -> Flask:
    """A box that is set up."""
    box.first_run.set_up(**CLINIC)
    return build_app(box, facts_of(box, "box"), Log("web"))


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    """A browser that has not said what it likes."""
    with app.test_client() as client:
        yield client


def _post(client: FlaskClient, form: str, path: str, **fields: str):
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(form).text)
    assert found
    return client.post(path, data={"csrf_token": found[1], **fields})


@pytest.mark.parametrize("tag", OTHERS)
def test_every_text_has_a_translation(tag: str, wanted: Catalog) -> None:
    """None is missing, empty, fuzzy or left over; run `make translations` and fill in what is new."""
    catalogue = _po(tag)
    missing = []
    for entry in wanted:
        known = catalogue.get(entry.id) if entry.id else None
        if not entry.id or entry.id in NOT_SHOWN:
            continue
        texts = known.string if known and isinstance(known.string, tuple) else (known and known.string,)
        if known is None or known.fuzzy or not all(texts):
            missing.append(entry.id)
    assert missing == []
    assert [entry.id for entry in catalogue if entry.id and wanted.get(entry.id) is None] == []


@pytest.mark.parametrize("tag", OTHERS)
def test_fields_and_tags_are_those_of_the_text(tag: str) -> None:
    """Nothing that is filled in is lost, and no markup comes in."""
    wrong = []
    for entry in _po(tag):
        texts = entry.string if isinstance(entry.string, tuple) else (entry.string,)
        sources = entry.id if isinstance(entry.id, tuple) else (entry.id,)
        for source, text in zip(sources, texts, strict=True):
            if text and source and set(PLACEHOLDER.findall(source)) != set(PLACEHOLDER.findall(text)):
                wrong.append(text)
    assert wrong == []


def test_each_language_is_named_in_itself(client: FlaskClient) -> None:
    """On the page of the log-in, where nobody has chosen yet."""
    page = client.get("/login").text
    assert '<html lang="en"' in page
    assert all(name in page for name in ("English", "Español", "Deutsch", "Français"))
    assert "data-words" not in page


def test_the_browser_says_what_is_liked(client: FlaskClient, box: Box) -> None:
    """Its first language that the box speaks; else the box's own; else English."""
    liked = client.get("/login", headers={"Accept-Language": "it, fr-CA;q=0.9, en;q=0.5"})
    assert '<html lang="fr"' in liked.text
    assert "Mot de passe" in liked.text
    assert '<html lang="en"' in client.get("/login", headers={"Accept-Language": "it"}).text
    box.database.set_setting("language", "es")
    assert "Contraseña" in client.get("/login", headers={"Accept-Language": "it"}).text


def test_a_choice_at_the_log_in_becomes_the_account_s(client: FlaskClient, app: Flask) -> None:
    """It is kept in the browser, and from the log-in on with the person, on every PC."""
    answer = _post(client, "/login", "/language", language="de", next="/login")
    assert answer.location == "/login"
    page = client.get("/login").text
    assert '<html lang="de"' in page
    assert "Anmelden" in page
    _post(client, "/login", "/login", name="Ann", password=PASSWORD)
    assert "Einstellungen" in client.get("/settings").text
    elsewhere = app.test_client()
    _post(elsewhere, "/login", "/login", name="Ann", password=PASSWORD)
    assert "Einstellungen" in elsewhere.get("/settings").text


def test_a_choice_on_one_s_own_page_is_kept(client: FlaskClient, app: Flask) -> None:
    """Over the browser's wish; another one replaces it."""
    _post(client, "/login", "/login", name="Ann", password=PASSWORD)
    for tag, word in (("fr", "Réglages"), ("es", "Ajustes"), ("en", "Settings")):
        assert _post(client, "/me", "/language", language=tag, next="/me").location == "/me"
        assert word in client.get("/me", headers={"Accept-Language": "de"}).text


@pytest.mark.parametrize(
    ("language", "onward"), [("xx", "/me"), ("de", "//evil.example"), ("", "https://evil.example")]
)
def test_a_foreign_choice_does_nothing(client: FlaskClient, language: str, onward: str) -> None:
    """An unknown language is not taken, and nobody is led elsewhere."""
    answer = _post(client, "/login", "/language", language=language, next=onward)
    assert answer.location in ("/", "/me")
    assert (client.get_cookie(languages.COOKIE) is None) == (language != "de")


def test_the_wizard_s_language_becomes_the_box_s(box: Box) -> None:
    """Whoever sets the box up in Spanish has a box that speaks Spanish to those who did not choose."""
    client = build_app(box, facts_of(box, "box"), Log("web")).test_client()
    _post(client, "/setup", "/language", language="es", next="/setup")
    assert "Código de configuración" in client.get("/setup").text
    assert _post(client, "/setup", "/setup", code=box.first_run.setup_code(), **CLINIC).status_code == 302
    assert box.database.setting("language") == "es"


@pytest.mark.parametrize(
    ("tag", "species", "region"), [("de", "hund", "Ellbogen"), ("es", "Perro", "codo"), ("fr", "Chien", "coude")]
)
def test_species_and_regions_are_offered_and_typed_in_one_s_own_language(
    client: FlaskClient, box: Box, tag: str, species: str, region: str
) -> None:
    """The box keeps the standard's words and codes; what it does not know stays as it was typed."""
    _post(client, "/login", "/login", name="Ann", password=PASSWORD)
    _post(client, "/me", "/language", language=tag, next="/me")
    offered = client.get("/exams").text
    assert f'<option value="{species.capitalize()}">' in offered
    _post(client, "/exams", "/exams", patient="Rex", owner="Smith", species=species, breed="Labrador", sex="M")
    (exam,) = box.worklist.open()
    assert (exam.patient_species_description, exam.species_code) == ("Canine", "448771007")
    rule = {"practice": "vet", "species": species, "region": region, "fields": "question"}
    _post(client, "/settings/case-rules", "/settings/case-rules", **rule)
    _post(client, "/settings/case-rules", "/settings/case-rules", **(rule | {"species": "Axolotl"}))
    kept = {(r.species, r.region) for r in box.gate.rules()}
    assert {("Canine", "Elbow"), ("Axolotl", "Elbow")} <= kept


def test_a_patient_is_put_right_in_one_s_own_language(client: FlaskClient, box: Box) -> None:
    """The corrected copies have the standard's word."""
    take_dataset(box.intake, small_study()[0], Provenance("local", "DX", "", stamp()))
    _post(client, "/login", "/login", name="Ann", password=PASSWORD)
    _post(client, "/me", "/language", language="de", next="/me")
    page = "/studies/1/correct"
    owner = {"patient": "Mia", "owner": "Meier", "species": "Katze", "sex": "F"}
    answer = _post(client, page, page, whose="typed", picture="1", reason="falsch gewählt", **owner)
    moved = box.catalogue.study(int(answer.location.rsplit("/", 1)[1]))
    assert moved.patient_species_description == "Feline"


def test_errors_are_translated_with_what_fills_them(client: FlaskClient) -> None:
    """For people; programs that do not ask for a language get English."""
    _post(client, "/login", "/login", name="Ann", password=PASSWORD)
    german = {"Accept-Language": "de"}
    assert "Auf der Box nicht vorhanden: Studie." in client.get("/studies/99", headers=german).text
    answer = client.get("/studies/99", headers={"Accept": "application/json"})
    assert answer.json["message"] == "This study is not on the box."


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("Audit", "Protokoll"),
        ("Routine", "Normal"),
        ("7 studies.", "7 Studien."),
        (
            "In order; 3 pictures on the way, the oldest for 5 hours.",
            "In Ordnung; 3 Bilder unterwegs, das älteste seit 5 Stunden.",
        ),
        ("Release 1.2, asked for on 2026-11-03.", "Version 1.2, verlangt am 03.11.2026."),
        ("The reader cannot be reached. Nothing waits.", "Der Befunder ist nicht erreichbar. Nichts wartet."),
        ("Dr. Quux is the only administrator.", "Dr. Quux ist der einzige Administrator."),
        ("What nobody ever said", "What nobody ever said"),
    ],
)
def test_what_the_box_says_is_recognised(english: str, german: str) -> None:
    """Texts that are made elsewhere or come from the database are English, with their fields filled in."""
    assert languages._translated("de", english) == german


def test_a_long_text_is_not_searched_for_templates() -> None:
    """A peer's words could be of any length."""
    text = "Port " + "x on " * 5000
    assert languages._translated("de", text) == text


def test_a_field_s_markup_stays_inert(app: Flask) -> None:
    """Translations may hold markup of ours; what fills them may not."""
    for tag in ("en", "de"):
        with app.test_request_context(headers={"Accept-Language": tag}):
            shown = render_template_string('{{ _("Owner %(name)s", name=it) }}{{ it | tr }}', it="<b>x</b>")
            assert "<b>" not in shown


def test_dates_and_numbers_are_the_language_s(app: Flask) -> None:
    """As it writes them; English keeps the form that sorts."""
    expected = {"en": ("2026-11-03", "1.5"), "de": ("03.11.2026", "1,5"), "fr": ("3 nov. 2026", "1,5")}
    for tag, (day, number) in expected.items():
        with app.test_request_context(headers={"Accept-Language": tag}):
            assert (words.date("20261103"), words.number(1.49)) == (day, number)
            assert words.month("2026-11").endswith("2026")


def test_an_error_s_words_are_translated_too(app: Flask) -> None:
    """Its field's name and the reason."""
    with app.test_request_context(headers={"Accept-Language": "de"}):
        assert languages.message(BadInput(field="Days", reason="a whole number")) == "Tage: eine ganze Zahl."
        assert languages.message(NotFound(what="exam")) == "Auf der Box nicht vorhanden: Untersuchung."


def test_scripts_get_their_words_with_the_page(client: FlaskClient) -> None:
    """Those that scripts say, and no others."""
    page = client.get("/login", headers={"Accept-Language": "de"}).text
    assert "heute {time}" in page
    assert "Brightness" in page
    assert "Befundvorlagen" not in page
