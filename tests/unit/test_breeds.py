"""The table of breeds, and how what people type finds its code."""

import subprocess
import sys
from pathlib import Path

import pytest

from appliance.dicom import breeds
from appliance.dicom.vocabulary import SPECIES


def test_the_table_is_the_standards(tmp_path: Path) -> None:
    """As pydicom carries CID 7480; in a process of its own, because that table is large."""
    made = tmp_path / "breeds.csv"
    subprocess.run([sys.executable, "-m", "appliance.dicom.breeds", str(made)], check=True, timeout=60)
    assert made.read_text() == Path(breeds.__file__).with_name("breeds.csv").read_text()


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("Labrador retriever dog", "62137007"),
        ("labrador  retriever", "62137007"),
        ("Boxer", "42250008"),
        ("Boxer dog", "42250008"),
        ("Maine coon cat", "81866001"),
        ("mix of many", None),
        ("", None),
    ],
)
def test_what_people_type_finds_its_code(typed: str, code: str | None) -> None:
    """With or without the word for the animal; anything else goes without a code."""
    found = breeds.breed_of(typed)
    assert (found.value if found else None) == code


def test_the_form_offers_the_breeds_of_a_species() -> None:
    """Dogs no cats, and nothing for an animal that has no list."""
    dogs, cats = breeds.breeds_for("Canine"), breeds.breeds_for("Feline")
    assert len(dogs) > 350
    assert len(cats) > 50
    assert not set(dogs) & set(cats)
    assert breeds.breeds_for("Ferret") == []
    assert all(breeds.breeds_for(species) for species in ("Equine", "Rabbit", "Bovine", "Pig", "Sheep", "Goat"))
    assert set(breeds._ANIMALS) <= SPECIES.keys()
