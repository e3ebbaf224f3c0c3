"""Searches find by index what exact matching over all rows finds."""

from pathlib import Path

import pytest

from appliance.archive.database import Database
from appliance.archive.finder import Finder, Wanted
from appliance.archive.matching import person_matches, text_matches
from appliance.archive.search import _SQL, Search, _conditions
from tests.bench.fill import fill

NAMES = [
    "Straße^Anna", "STRASSE^Bo", "Müller^Jörg=山田^太郎=やまだ^たろう", "muller^x", "  Leading^Space",
    "O'Neil^\"Q\"",
    "Ren\u00e9^A", "Rene\u0301^B", "rene^C", "\ufb01sh^Lig", "Fish^Plain", "100%_a*b^C", "",
    "Smith^John^^", "smith^john",
]  # fmt: skip
PATTERNS = [
    "strass*", "STRASSE*", "*asse*", "m*", "*山田*", "=山田*", "mü*", "MÜLLER*", "leading*",
    "*neil*", "o'neil*", "ren*",
    "rene*", "René*", "*en?^*", "fi*", "*ish*", "100%*", "*_a*",
    "smith^john", "Smith^John^", "?mith*", "*", "zzz*", "a",
]  # fmt: skip


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """An index with odd names beside ordinary ones; the owner is the patient of the row before."""
    made = Database(tmp_path / "bucky.sqlite")
    fill(tmp_path, 50)
    with made.write() as db:
        for number, name in enumerate(NAMES, 1):
            owner = NAMES[number - 2]
            db.conn.execute(
                "UPDATE study SET patient_name = ?, responsible_person = ?, patient_id = ? WHERE id = ?",
                [name, owner, f"{name[:3]}={number}", number],
            )
    return made


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_index_finds_what_matching_every_row_finds(database: Database, pattern: str) -> None:
    """Names of patient and owner in any case and group, patient ids as written."""
    rows = database.read.conn.execute("SELECT id, patient_name, responsible_person, patient_id FROM study").fetchall()
    search = Search(database)
    for place, keyword, matches in (
        (1, "PatientName", person_matches),
        (2, "ResponsiblePerson", person_matches),
        (3, "PatientID", text_matches),
    ):
        found = {row["id"] for row in search.find("study", {keyword: pattern}, limit=1000, offset=0)}
        universal = pattern.strip("*") == ""
        assert found == {row[0] for row in rows if universal or matches(row[place], pattern)}


@pytest.mark.parametrize(
    "query",
    [
        {"PatientID": "BENCH-000020"},
        {"PatientID": "BENCH-00002*"},
        {"PatientID": "*0020"},
        {"PatientName": "fam0*"},
        {"PatientName": "*ello20*"},
        {"ResponsiblePerson": "OWNER000010*"},
        {"StudyDate": "20150101-20160101"},
        {"AccessionNumber": "A0000020"},
        {"ModalitiesInStudy": "CT"},
        {"PatientSpeciesDescription": "Canine"},
        {"StudyInstanceUID": "1.2.826.0.1.3680043.10.1.20"},
    ],
)
def test_no_search_looks_at_every_study(database: Database, query: dict[str, str]) -> None:
    """SQLite's own plan says that an index is used, and something is found."""
    condition = _conditions("study", query, False)
    sql = _SQL["study"].format(where=" ".join(condition.sql))
    plan = [row[3] for row in database.read.conn.execute(f"EXPLAIN QUERY PLAN {sql}", [*condition.values, 100, 0])]
    assert not [step for step in plan if step.startswith(("SCAN study", "SCAN search_text", "SCAN series"))], plan
    assert Search(database).find("study", query, limit=100, offset=0)


@pytest.mark.parametrize("word", ["ello2", "OWNER00001", "a00000", "fam03", "eno", '"Q"', "%"])
def test_the_page_finds_words_anywhere(database: Database, word: str) -> None:
    """As a look at every row does."""
    columns = "patient_name, patient_id, responsible_person, study_description, accession_number"
    rows = database.read.conn.execute(f"SELECT id, {columns} FROM study").fetchall()  # noqa: S608 - our own names
    expected = {row[0] for row in rows if any(word.lower() in (text or "").lower() for text in row[1:])}
    assert set(Finder(database).find(Wanted(words=word), limit=1000)) == expected


def test_a_changed_or_removed_study_is_found_by_what_it_says_now(database: Database) -> None:
    """The triggers keep the search's own table."""
    with database.write() as db:
        db.conn.execute("UPDATE study SET patient_name = 'Corrected^Name' WHERE id = 40")
        db.conn.execute("DELETE FROM instance WHERE study_id = 41")
        db.conn.execute("DELETE FROM series WHERE study_id = 41")
        db.conn.execute("DELETE FROM study WHERE id = 41")
    search = Search(database)
    assert [row["id"] for row in search.find("study", {"PatientName": "*rrect*"}, limit=9, offset=0)] == [40]
    assert search.find("study", {"PatientName": "*ello39"}, limit=9, offset=0) == []
    assert search.find("study", {"PatientName": "*ello40"}, limit=9, offset=0) == []
    database.read.conn.execute("SELECT count(*) FROM search_trigram WHERE search_trigram MATCH '\"ello\"'").fetchone()
