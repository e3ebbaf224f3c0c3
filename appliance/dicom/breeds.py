"""Breeds with their codes (PS3.16 CID 7480), from a table beside this module.

pydicom has the same table, but its module of codes takes 100 MB of memory; `python -m appliance.dicom.breeds` writes
the table anew from there, and a test compares the two.
"""

import csv
import functools
import sys
from importlib import resources
from pathlib import Path

from appliance.dicom.vocabulary import Code

_FILE = "breeds.csv"
_SCHEME = "SCT"
_ANIMALS = {
    "Canine": ("dog", "terrier", "hound", "spaniel", "sheepdog", "bulldog", "foxhound", "malamute"),
    "Feline": ("cat",),
    "Equine": ("horse", "pony"),
    "Rabbit": ("rabbit",),
    "Bovine": ("cattle", "cow"),
    "Pig": ("pig",),
    "Sheep": ("sheep",),
    "Goat": ("goat",),
}
"""How the last word of a breed's name tells the species."""


@functools.cache
def _table() -> dict[str, Code]:
    """Breeds by their name as people write it, in small letters."""
    text = (resources.files("appliance.dicom") / _FILE).read_text(encoding="utf-8")
    rows = csv.reader(text.splitlines())
    return {plain_name(meaning).casefold(): Code(value, _SCHEME, meaning) for value, meaning in rows}


def plain_name(meaning: str) -> str:
    """'Labrador retriever dog breed' is 'Labrador retriever dog'."""
    return meaning.removesuffix(" breed")


def breed_of(text: str) -> Code | None:
    """The code of a breed for what somebody typed, with or without the word for the animal."""
    wanted = plain_name(" ".join(text.split())).casefold()
    if not wanted:
        return None
    endings = ("", *(f" {word}" for words in _ANIMALS.values() for word in words))
    return next((code for ending in endings if (code := _table().get(wanted + ending))), None)


def breeds_for(species: str) -> list[str]:
    """The names of the breeds of a species (as in `vocabulary.SPECIES`), in order."""
    endings = _ANIMALS.get(species, ())
    names = (plain_name(code.meaning) for code in _table().values())
    return sorted({name for name in names if name.casefold().endswith(endings)} if endings else ())


def _write(path: Path) -> None:
    from pydicom.sr.codedict import codes

    with path.open("w", newline="", encoding="utf-8") as file:
        rows = sorted((code.value, code.meaning) for code in codes.cid7480.concepts.values())
        csv.writer(file, lineterminator="\n").writerows(rows)


if __name__ == "__main__":
    _write(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name(_FILE)))
