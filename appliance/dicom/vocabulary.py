"""Codes of species and breeds, and the views of common exams."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence


class Code(NamedTuple):
    """A coded entry (PS3.3 8.8)."""

    value: str
    scheme: str
    meaning: str


# PS3.16 CID 7454 (animal taxonomic rank): plain words -> code; what is not listed goes without a code.
SPECIES: dict[str, Code] = {
    "Canine": Code("448771007", "SCT", "Canis lupus subspecies familiaris"),
    "Feline": Code("448169003", "SCT", "Felis catus"),
    "Equine": Code("35354009", "SCT", "Equus caballus"),
    "Rabbit": Code("36571002", "SCT", "Oryctolagus cuniculus"),
    "Guinea pig": Code("125076001", "SCT", "Cavia porcellus"),
    "Ferret": Code("449310008", "SCT", "Mustela putorius furo"),
    "Rat": Code("371565004", "SCT", "Rattus norvegicus"),
    "Mouse": Code("447612001", "SCT", "Mus musculus"),
    "Bovine": Code("34618005", "SCT", "Bos taurus"),
    "Pig": Code("78678003", "SCT", "Sus scrofa"),
    "Sheep": Code("125099002", "SCT", "Ovis aries"),
    "Goat": Code("125097000", "SCT", "Capra hircus"),
}
SPECIES_WORDS = {"dog": "Canine", "cat": "Feline", "horse": "Equine", "cow": "Bovine"}


def species_words() -> list[str]:
    """The species as staff call them."""
    return sorted({*SPECIES_WORDS, *(name.lower() for name in SPECIES if name not in SPECIES_WORDS.values())})


def species_of(word: str) -> str:
    """The species as the standard names it for a word that staff use: 'dog' is 'Canine'."""
    word = word.strip()
    return SPECIES_WORDS.get(word.casefold(), next((s for s in SPECIES if s.casefold() == word.casefold()), word))


def code_item(code: Code) -> "Dataset":
    """An item of a code sequence (PS3.3 8.8)."""
    from pydicom.dataset import Dataset

    ds = Dataset()
    ds.CodeValue, ds.CodingSchemeDesignator, ds.CodeMeaning = code
    return ds


def code_items(code: Code | None) -> "Sequence":
    """A code sequence with one item, or none."""
    from pydicom.sequence import Sequence

    return Sequence([] if code is None else [code_item(code)])


class Protocol(NamedTuple):
    """An exam by name with the views that it is expected to have."""

    name: str
    practice: str
    modality: str
    body_part: str
    views: tuple[str, ...]


# Customary sets; a clinic edits them on the page.
PROTOCOLS: tuple[Protocol, ...] = (
    Protocol("Thorax 3 views", "vet", "DX", "THORAX", ("Right lateral", "Left lateral", "VD")),
    Protocol("Thorax 2 views", "vet", "DX", "THORAX", ("Right lateral", "VD")),
    Protocol("Abdomen 2 views", "vet", "DX", "ABDOMEN", ("Right lateral", "VD")),
    Protocol("Hip VD", "vet", "DX", "PELVIS", ("VD",)),
    Protocol("Cervical AP + lateral", "chiro", "DX", "CSPINE", ("AP", "Lateral")),
    Protocol("Lumbar AP + lateral", "chiro", "DX", "LSPINE", ("AP", "Lateral")),
    Protocol("Foot AP + lateral + oblique", "podiatry", "DX", "FOOT", ("AP", "Lateral", "Oblique")),
    Protocol("Chest PA + lateral", "human", "DX", "CHEST", ("PA", "Lateral")),
)
